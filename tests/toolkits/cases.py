"""The table: which toolkit signs in how, and what it must see."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from call import Call

INTEGRATION = ("AlmaSDK-demo-institutionCode-01DEMO_INST", "integration-demo")
# Right and wrong passwords of the demo's accounts. The trailing blank belongs to the password: without it, it is wrong.
ACCOUNTS = {
    "reader": ("correct horse battery", "correct horse batteries"),
    "zoë": ("p&<>\"'é€ ", "p&<>\"'é€"),
}
BOTH = ("1.1", "1.2")


@dataclass(frozen=True)
class Toolkit:
    """A client program, and what its toolkit can do."""

    name: str
    alma: tuple[str, ...] = ()
    authenticate: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    # How the client reads SearchResults, and whether from a saved copy of the WSDL.
    reader: str = "exact"
    saved_wsdl: bool = False
    # Whether the toolkit shows the subcode of a SOAP 1.2 fault.
    subcode: bool = True
    # Whether the client writes values into XML as they are.
    unescaped: bool = False


TOOLKITS = (
    Toolkit("php", alma=BOTH, authenticate=BOTH, credentials=("body", "token", "basic"), subcode=False),
    Toolkit("php-decoded", alma=("1.1",), reader="decoded"),
    Toolkit("php-errors", alma=("1.1",), reader="errors", saved_wsdl=True),
    Toolkit("zeep", alma=("1.1",), authenticate=BOTH, credentials=("body", "token", "digest", "basic")),
    Toolkit("suds", alma=("1.1",), authenticate=("1.1",), credentials=("body", "token", "digest", "basic")),
    Toolkit("node-soap", alma=("1.1",), authenticate=BOTH, credentials=("body", "token", "digest", "basic")),
    Toolkit("soap-lite", alma=BOTH, authenticate=BOTH, credentials=("body", "token", "basic")),
    Toolkit("perl-handmade", alma=("1.1",), unescaped=True),
    Toolkit("gsoap", alma=("1.1",), authenticate=BOTH, credentials=("body", "token", "digest", "basic")),
    Toolkit("curl", alma=BOTH, authenticate=BOTH, credentials=("body", "token", "basic")),
)


@dataclass(frozen=True)
class Case:
    """One sign-in and the line it must give."""

    toolkit: Toolkit
    call: Call
    title: str
    expected: re.Pattern[str]
    shown: str
    # The code under which fault texts are compared, where the toolkit shows one that says why.
    code: str | None = None


def cases() -> Iterator[Case]:
    """Every case; last those in which the integration itself is refused, since they may slow the address behind them."""
    for toolkit in TOOLKITS:
        for version in toolkit.alma:
            for user, password, right in _guesses():
                call = Call("alma", version, "body", user, password, INTEGRATION, toolkit.reader)
                yield _case(toolkit, call, _password(right), _alma_line(toolkit, call, right))
        for version in toolkit.authenticate:
            for credential in toolkit.credentials:
                for user, password, right in _guesses():
                    basic = (user, password) if credential == "basic" else None
                    call = Call("authenticate", version, credential, user, password, basic)
                    yield _case(toolkit, call, _password(right), _authenticate_line(toolkit, call, right))
    for toolkit in TOOLKITS:
        for version in toolkit.authenticate:
            call = Call("authenticate", version, "none", "", "")
            yield _case(toolkit, call, "no credential", "http 401")
    for toolkit in TOOLKITS:
        if not toolkit.alma or toolkit.reader != "exact":
            continue
        reader = "reader", ACCOUNTS["reader"][0]
        wrong = Call("alma", "1.1", "body", *reader, (INTEGRATION[0], "not-its-secret"))
        yield _case(toolkit, wrong, "integration's secret wrong", "http 401")


def _guesses() -> Iterator[tuple[str, str, bool]]:
    for user, (right, wrong) in ACCOUNTS.items():
        yield user, right, True
        yield user, wrong, False


def _password(right: bool) -> str:
    return "right password" if right else "wrong password"


def _alma_line(toolkit: Toolkit, call: Call, right: bool) -> str:
    if toolkit.unescaped and "&" in call.password:
        return "fault Client"
    if toolkit.reader == "errors" and not right:
        return "refused 401866 User authentication failed"
    return "accepted" if right else "refused"


def _authenticate_line(toolkit: Toolkit, call: Call, right: bool) -> str:
    if call.credential == "digest":
        return _fault(toolkit, call, "UnsupportedSecurityToken")
    if right:
        return "accepted"
    match call.credential:
        case "token":
            return _fault(toolkit, call, "FailedAuthentication")
        case "basic":
            return "http 401"
        case _:
            return "refused"


def _fault(toolkit: Toolkit, call: Call, code: str) -> str:
    if call.version == "1.1":
        return f"fault {code}"
    return f"fault Sender/{code}" if toolkit.subcode else "fault Sender"


def _case(toolkit: Toolkit, call: Call, what: str, line: str) -> Case:
    title = f"{toolkit.name} {call.contract} {call.version} {call.credential}"
    title += f" {call.user} {what}" if call.user else f" {what}"
    if line.startswith("fault "):
        # The text is the server's choice, but there is one, and it ends with the incident.
        pattern = re.escape(line) + r" (?P<text>\S.*) \(incident [a-z2-7]{16}\)"
        code = line.removeprefix("fault ").rpartition("/")[2]
        return Case(
            toolkit,
            call,
            title,
            re.compile(pattern),
            f"{line} <text> (incident <id>)",
            None if code == "Sender" else code,
        )
    return Case(toolkit, call, title, re.compile(re.escape(line)), line)
