"""zeep signs in once and prints one line; what it calls with stands in the environment (tests/toolkits/call.py)."""

import os
from xml.etree import ElementTree

import requests
import zeep
from zeep.wsse.username import UsernameToken

BINDINGS = {
    "alma": "{http://alma.exlibris.com/}UserAuthenticationWebServicesSoapBinding",
    "1.1": "{urn:soapgate:authenticate:1}AuthenticateSoap11Binding",
    "1.2": "{urn:soapgate:authenticate:1}AuthenticateSoap12Binding",
}
INNER = "{http://com/exlibris/urm/general/xmlbeans}"


def read_inner(text: str) -> str:
    inner = ElementTree.fromstring(text)
    accepted = inner.findtext(f"{INNER}result") == "true" and inner.findtext(f"{INNER}errorsExist") != "true"
    return "accepted" if accepted else "refused"


def fault_line(fault: zeep.exceptions.Fault) -> str:
    code = (fault.code or "").rpartition(":")[2]
    codes = [code, *(name.localname for name in fault.subcodes or [])]
    return f"fault {'/'.join(codes)} {fault.message}"


def call() -> str:
    contract, version, credential = (os.environ[f"CALL_{name}"] for name in ("CONTRACT", "VERSION", "CREDENTIAL"))
    user, password = os.environ["CALL_USER"], os.environ["CALL_PASSWORD"]
    statuses = []
    session = requests.Session()
    session.trust_env = False
    session.hooks["response"].append(lambda response, **_: statuses.append(response.status_code))
    if "CALL_BASIC_USER" in os.environ:
        # As bytes: given text, requests would send Latin-1, or fail where Latin-1 has no such character.
        session.auth = (os.environ["CALL_BASIC_USER"].encode(), os.environ["CALL_BASIC_PASSWORD"].encode())
    token = None
    if credential in ("token", "digest"):
        token = UsernameToken(user, password, use_digest=credential == "digest")
    transport = zeep.Transport(session=session, timeout=30, operation_timeout=30)
    client = zeep.Client(os.environ["CALL_WSDL"], transport=transport, wsse=token)
    binding = BINDINGS["alma" if contract == "alma" else version]
    service = client.create_service(binding, os.environ["CALL_ENDPOINT"])
    try:
        if contract == "alma":
            return read_inner(service.authenticateUser(user, password))
        arguments = {"userName": user, "password": password} if credential == "body" else {}
        return "accepted" if service.authenticateUser(**arguments) is True else "refused"
    except zeep.exceptions.Fault as fault:
        return "http 401" if statuses[-1] == 401 else fault_line(fault)
    except zeep.exceptions.TransportError as error:
        return f"http {error.status_code}"


print(call())
