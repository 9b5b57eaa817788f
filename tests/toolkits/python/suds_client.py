"""suds signs in once and prints one line; what it calls with stands in the environment (tests/toolkits/call.py)."""

import base64
import hashlib
import logging
import os
import secrets
from xml.etree import ElementTree

import suds.client
import suds.sax.date
import suds.transport
import suds.wsse

INNER = "{http://com/exlibris/urm/general/xmlbeans}"


def read_inner(text: str) -> str:
    inner = ElementTree.fromstring(text)
    accepted = inner.findtext(f"{INNER}result") == "true" and inner.findtext(f"{INNER}errorsExist") != "true"
    return "accepted" if accepted else "refused"


def with_digest(token: suds.wsse.UsernameToken) -> suds.wsse.UsernameToken:
    """suds writes a digest that its user computed."""
    nonce = secrets.token_bytes(16)
    token.setnonce(base64.b64encode(nonce).decode())
    token.setnonceencoding(True)
    token.setcreated()
    created = str(suds.sax.date.DateTime(token.created))
    digest = hashlib.sha1(nonce + created.encode() + token.password.encode()).digest()
    token.setpassworddigest(base64.b64encode(digest).decode())
    return token


def call() -> str:
    contract, credential = os.environ["CALL_CONTRACT"], os.environ["CALL_CREDENTIAL"]
    user, password = os.environ["CALL_USER"], os.environ["CALL_PASSWORD"]
    # suds logs a fault's envelope as an error; here a fault may be what is expected.
    logging.getLogger("suds").setLevel(logging.CRITICAL)
    options = {"cache": None, "location": os.environ["CALL_ENDPOINT"], "timeout": 30}
    if "CALL_BASIC_USER" in os.environ:
        options |= {"username": os.environ["CALL_BASIC_USER"], "password": os.environ["CALL_BASIC_PASSWORD"]}
    client = suds.client.Client(os.environ["CALL_WSDL"], **options)
    if contract == "authenticate":
        client.set_options(port="AuthenticateSoap11Port")
    if credential in ("token", "digest"):
        token = suds.wsse.UsernameToken(user, password)
        security = suds.wsse.Security()
        security.tokens.append(with_digest(token) if credential == "digest" else token)
        client.set_options(wsse=security)
    try:
        if contract == "alma":
            return read_inner(client.service.authenticateUser(user, password))
        arguments = {"userName": user, "password": password} if credential == "body" else {}
        return "accepted" if client.service.authenticateUser(**arguments) is True else "refused"
    except suds.WebFault as error:
        code = error.fault.faultcode.rpartition(":")[2]
        return f"fault {code} {error.fault.faultstring}"
    except suds.transport.TransportError as error:
        return f"http {error.httpcode}"
    except Exception as error:
        # suds raises a bare Exception((status, reason)) where the reply's status is not one that it reads a fault from.
        match error.args:
            case ((int(status), _),):
                return f"http {status}"
        raise


print(call())
