#!/usr/bin/env python3
"""Real PostgreSQL servers, of the Debian package or of PATH: each in a folder of its own, on a free port of loopback.

The system's own server is neither used nor made. Tests that stop or freeze one make one of their own: they run this file
as a program, as `SOAPGATE_TEST_POSTGRES_CONTROL` says.
"""

import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from lib import provision  # noqa: E402
from server import ServerFailed, free_port, listens  # noqa: E402

TESTS = [["--lib", "--", "::postgres::"], ["--test", "counterparts", "--", "postgres::"]]

SECONDS = 60
# PostgreSQL does not run as root.
USERS = ("postgres", "nobody")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "32MB",
    "lc_messages": "C",
    # The servers are killed, the machine is not: what was written is there for the next one, flushed or not.
    "fsync": "off",
    "ssl": "on",
    "ssl_cert_file": "server.pem",
    "ssl_key_file": "server.key",
}


@contextmanager
def start(settings: dict[str, str] = SETTINGS) -> Iterator[dict[str, str]]:
    """One server for all tests, with these settings; those that they make themselves end with it."""
    provision.debian("openssl", "postgresql")
    with tempfile.TemporaryDirectory(prefix="soapgate-postgres-") as name:
        folder = Path(name)
        _give(folder)
        try:
            shared = Postgres.make(folder, settings)
            yield {
                "SOAPGATE_TEST_POSTGRES": shared.url(),
                "SOAPGATE_TEST_POSTGRES_CA": str(shared.folder / "ca.pem"),
                "SOAPGATE_TEST_POSTGRES_CONTROL": json.dumps([sys.executable, str(Path(__file__).resolve()), name]),
            }
        finally:
            for server in folder.iterdir():
                Postgres(server).kill()


class Postgres:
    """One server; what must be known of it stands in its folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def make(cls, parent: Path, settings: dict[str, str] = SETTINGS) -> "Postgres":
        """A new server that takes connections."""
        server = cls(parent / secrets.token_hex(4))
        server.folder.mkdir(mode=0o700)
        _give(server.folder)
        password = secrets.token_hex(16)
        server._write("password", password)
        options = ["--username=soapgate", f"--pwfile={server.folder / 'password'}", "--auth=scram-sha-256", "--no-sync"]
        options += ["--encoding=UTF8", "--locale=C.UTF-8"]
        # An order of letters that is not that of their bytes, where the version can have one without the system.
        if "--icu-locale" in subprocess.run([_program("initdb"), "--help"], capture_output=True, text=True).stdout:
            options += ["--locale-provider=icu", "--icu-locale=en-US"]
        server._run("initdb", [*options, f"--pgdata={server.folder / 'data'}"])
        server._certify()
        port = free_port()
        server._write("port", str(port))
        server._write("url", f"postgres://soapgate:{password}@127.0.0.1:{port}/postgres")
        server.start(settings)
        return server

    def url(self) -> str:
        """The address of its first database, for whoever may make others."""
        return (self.folder / "url").read_text()

    def start(self, settings: dict[str, str] = SETTINGS) -> None:
        """Starts it and waits until it takes connections."""
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        port = int((self.folder / "port").read_text())
        command = [_program("postgres"), "-D", str(self.folder / "data"), "-p", str(port), *options]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                _as_user(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + SECONDS
        while not (listens(port)() and self._says_ready()):
            if process.poll() is not None or time.monotonic() > deadline:
                end = "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-20:])
                raise ServerFailed(f"PostgreSQL did not start\n{end}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends it, and every connection with it, in order."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends it at once, whatever state it is in."""
        self.thaw()
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Lets it say nothing any more, as a machine does that is gone: connections stay open."""
        for process in self._processes():
            _signal(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        for process in self._processes():
            _signal(process, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        processes = self._processes()
        for process in processes[:1]:
            _signal(process, how)
        deadline = time.monotonic() + SECONDS
        while any(_runs(process) for process in processes):
            if time.monotonic() > deadline:
                for process in processes:
                    _signal(process, signal.SIGKILL)
            time.sleep(0.05)

    def _processes(self) -> list[int]:
        """The first process and those it started."""
        with suppress(OSError, ValueError, IndexError):
            first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
            children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
            return [first, *map(int, children)]
        return []

    def _says_ready(self) -> bool:
        with suppress(OSError):
            lines = (self.folder / "data" / "postmaster.pid").read_text().split("\n")
            return len(lines) > 7 and lines[7].strip() == "ready"
        return False

    def _certify(self) -> None:
        """An authority of its own and a certificate for the name localhost."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        where = self.folder
        self._openssl("req", "-x509", *key, "-keyout", where / "ca.key", "-out", where / "ca.pem", "-subj", "/CN=test CA")
        request = where / "server.csr"
        server_key, certificate = where / "data" / "server.key", where / "data" / "server.pem"
        self._openssl("req", *key, "-keyout", server_key, "-out", request, "-subj", "/CN=localhost")
        self._write("names", "subjectAltName=DNS:localhost")
        signer = ["-CA", where / "ca.pem", "-CAkey", where / "ca.key", "-CAcreateserial", "-extfile", where / "names"]
        self._openssl("x509", "-req", "-in", request, *signer, "-out", certificate, "-days", "2")
        _give(server_key)
        server_key.chmod(0o600)
        certificate.chmod(0o644)

    def _openssl(self, *arguments) -> None:
        _check(["openssl", *map(str, arguments)])

    def _run(self, program: str, arguments: list[str]) -> None:
        _check(_as_user([_program(program), *arguments]))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        _give(path)


def _program(name: str) -> str:
    folder = provision.postgres_folder()
    if folder is None:
        raise provision.Missing("no PostgreSQL is installed")
    return str(folder / name)


def _user() -> pwd.struct_passwd:
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next(known[name] for name in USERS if name in known)


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, _user().pw_uid, _user().pw_gid)


def _as_user(command: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise provision.Missing("setpriv (util-linux) is not installed, and PostgreSQL does not run as root")
    return [setpriv, f"--reuid={_user().pw_uid}", f"--regid={_user().pw_gid}", "--clear-groups", *command]


def _check(command: list[str]) -> None:
    # Not in a folder that the other user cannot enter.
    done = subprocess.run(
        command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        raise ServerFailed(f"{command[0]} ended with exit code {done.returncode}\n{done.stdout[-2000:]}")


def _signal(process: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, how)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def main() -> None:
    """`FOLDER make` prints a new server's name and address; `FOLDER start|stop|freeze|thaw|kill NAME` acts on one."""
    folder, verb = Path(sys.argv[1]), sys.argv[2]
    if verb == "make":
        server = Postgres.make(folder)
        print(json.dumps({"name": server.folder.name, "url": server.url()}))
    else:
        verbs = {"start": Postgres.start, "stop": Postgres.stop, "freeze": Postgres.freeze}
        verbs |= {"thaw": Postgres.thaw, "kill": Postgres.kill}
        verbs[verb](Postgres(folder / sys.argv[3]))


if __name__ == "__main__":
    main()
