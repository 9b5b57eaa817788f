"""Canaille, from PyPI, with the accounts of `fixtures/canaille/accounts.json` in an SQLite file."""

import contextlib
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keycloak import answers, client_key
from lib import provision
from lib.cargo import ROOT
from server import Server, ServerFailed, free_port

TESTS = [["--test", "counterparts", "canaille::"]]

ACCOUNTS = ROOT / "fixtures" / "canaille" / "accounts.json"
REQUIREMENTS = ROOT / "tests" / "counterparts" / "requirements" / "canaille.txt"
SETTINGS = """\
SECRET_KEY = "{secret}"
SERVER_NAME = "127.0.0.1:{port}"
PREFERRED_URL_SCHEME = "http"

[CANAILLE]
DATABASE = "sql"
ENABLE_INTRUDER_LOCKOUT = true

[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{database}"

[CANAILLE_OIDC]
ACTIVE_JWKS = [{key}]
"""


def tell(command: list[str], text: str | None = None, **options) -> str:
    """What a command prints; `text` is its standard input."""
    done = subprocess.run(command, input=text or "", capture_output=True, text=True, **options)
    if done.returncode != 0:
        end = "\n".join(done.stderr.splitlines()[-20:])
        raise ServerFailed(f"{' '.join(command)} ended with exit code {done.returncode}\n{end}")
    return done.stdout


@contextlib.contextmanager
def start() -> Iterator[dict[str, str]]:
    provision.debian("openssl")
    program = str(provision.python(str(REQUIREMENTS)).with_name("canaille"))
    with tempfile.TemporaryDirectory(prefix="soapgate-canaille-") as folder:
        key, settings, port = Path(folder, "client.pem"), Path(folder, "canaille.toml"), free_port()
        options = {"env": os.environ | {"CANAILLE_CONFIG": str(settings)}, "cwd": folder}
        own_key = tell([program, "jwk", "create", "rsa", "--format", "toml"], **options).splitlines()[-1]
        database = Path(folder, "canaille.db")
        settings.write_text(SETTINGS.format(secret=secrets.token_hex(32), port=port, database=database, key=own_key))
        tell([program, "db", "upgrade"], **options)
        keys = json.dumps(json.dumps(client_key(key)))
        tell([program, "restore"], ACCOUNTS.read_text().replace('"{JWKS}"', keys), **options)
        issuer = f"http://127.0.0.1:{port}"
        ready = answers(f"{issuer}/.well-known/openid-configuration")
        command = [program, "run", "--bind", f"127.0.0.1:{port}"]
        with Server(command, Path(folder, "log"), ready, 120, **options):
            yield {"CANAILLE_ISSUER": issuer, "CANAILLE_KEY": str(key)}
