"""One sign-in as a client program is told it, and one line as the client tells what came back.

A client program reads these variables from its environment (so that no password stands in an argument) and prints one
line: `accepted`, `refused`, `fault CODE TEXT` or `http 401`. CODE is the fault code's local name, in SOAP 1.2 with the
subcode's behind a slash where the toolkit shows it.

    CALL_CONTRACT    alma | authenticate
    CALL_WSDL        where the WSDL is
    CALL_ENDPOINT    where to post
    CALL_VERSION     1.1 | 1.2
    CALL_CREDENTIAL  how the account's name and password travel: body | token | digest | basic | none
    CALL_READER      how SearchResults is read, for clients that know several ways
    CALL_USER, CALL_PASSWORD
    CALL_BASIC_USER, CALL_BASIC_PASSWORD   absent where no HTTP Basic is to be sent
"""

import os
import subprocess
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Call:
    """What one client program is to do."""

    contract: str
    version: str
    credential: str
    user: str
    password: str = field(repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    reader: str = "exact"


@dataclass(frozen=True)
class Outcome:
    """What a client program printed: its line, or what is wrong with the program itself."""

    line: str
    noise: str


def run(command: list[str], call: Call, wsdl: str, endpoint: str, more: dict[str, str]) -> Outcome:
    """Runs a client program once; a program that crashes, hangs or prints anything else has a line that says so."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALL_")}
    environment |= {
        "CALL_CONTRACT": call.contract,
        "CALL_WSDL": wsdl,
        "CALL_ENDPOINT": endpoint,
        "CALL_VERSION": call.version,
        "CALL_CREDENTIAL": call.credential,
        "CALL_READER": call.reader,
        "CALL_USER": call.user,
        "CALL_PASSWORD": call.password,
        "PYTHONUTF8": "1",
    }
    if call.basic is not None:
        environment |= {"CALL_BASIC_USER": call.basic[0], "CALL_BASIC_PASSWORD": call.basic[1]}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment | more, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Outcome(f"the client still ran after {TIMEOUT_SECONDS} s", "")
    noise = done.stderr.decode(errors="replace").strip()
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    if done.returncode != 0:
        return Outcome(f"the client ended with exit code {done.returncode}", "\n".join([*lines, noise]).strip())
    if len(lines) != 1:
        return Outcome(f"the client printed {len(lines)} lines instead of one", "\n".join([*lines, noise]).strip())
    return Outcome(lines[0], noise)
