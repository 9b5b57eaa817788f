"""Keycloak, from its own distribution, with the realm of `fixtures/keycloak/realm.json` in memory."""

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from lib import provision
from lib.cargo import ROOT
from server import Server, free_port

TESTS = [["--test", "counterparts", "keycloak::"]]

REALM = ROOT / "fixtures" / "keycloak" / "realm.json"
# Nothing here goes through a proxy: the server is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str):
    """Whether a GET of this address is answered with 200."""

    def ask() -> bool:
        try:
            with OPENER.open(url, timeout=5) as reply:
                return reply.status == 200
        except (OSError, urllib.error.HTTPError):
            return False

    return ask


def client_key(path: Path) -> dict:
    """Makes an RSA key at this path; its public half as a key set."""
    made = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(path)]
    subprocess.run(made, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    asked = ["openssl", "rsa", "-in", str(path), "-noout", "-modulus"]
    done = subprocess.run(asked, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    modulus = bytes.fromhex(done.stdout.strip().removeprefix("Modulus="))
    number = base64.urlsafe_b64encode(modulus).rstrip(b"=").decode()
    return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "gateway", "n": number, "e": "AQAB"}]}


@contextlib.contextmanager
def start() -> Iterator[dict[str, str]]:
    provision.debian("openssl")
    program = provision.keycloak()
    with tempfile.TemporaryDirectory(prefix="soapgate-keycloak-") as folder:
        home, key = Path(folder, "home"), Path(folder, "client.pem")
        # What it imports and writes is in a home of its own, found from its script; the rest is shared.
        (home / "data" / "import").mkdir(parents=True)
        (home / "bin").mkdir()
        script = shutil.copy(program / "bin" / "kc.sh", home / "bin")
        for shared in ("conf", "lib", "providers", "themes"):
            (home / shared).symlink_to(program / shared)
        keys = json.dumps(json.dumps(client_key(key)))
        (home / "data" / "import" / "library-realm.json").write_text(REALM.read_text().replace('"{JWKS}"', keys))
        port, management = free_port(), free_port()
        issuer = f"http://127.0.0.1:{port}/realms/library"
        command = [script, "start", "--optimized", "--import-realm", "--cache=local", "--http-enabled=true"]
        command += ["--http-host=127.0.0.1", f"--http-port={port}", f"--http-management-port={management}"]
        command += ["--http-management-host=127.0.0.1", "--hostname-strict=false", "--log-level=warn"]
        ready = answers(f"{issuer}/.well-known/openid-configuration")
        with Server(command, Path(folder, "log"), ready, 300):
            yield {"KEYCLOAK_ISSUER": issuer, "KEYCLOAK_KEY": str(key)}
