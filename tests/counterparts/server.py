"""A server program that a test starts: on loopback, in a folder of its own, in a process group that ends with it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class ServerFailed(Exception):
    """A server did not start; the text holds the end of what it printed."""


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int, address: str = "127.0.0.1") -> Callable[[], bool]:
    """Whether somebody takes connections on a port of loopback."""

    def ask() -> bool:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            return False
        return True

    return ask


class Server:
    """A running server, as a context; `is_ready` is asked until it says yes."""

    def __init__(self, command: list[str], log: Path, is_ready: Callable[[], bool], seconds: float = 60, **options):
        self._command, self._log, self._is_ready, self._seconds, self._options = command, log, is_ready, seconds, options

    def __enter__(self) -> "Server":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._options
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + self._seconds
        while not self._is_ready():
            ended = self._process.poll()
            if ended is not None or time.monotonic() > deadline:
                state = "is not ready" if ended is None else f"ended with exit code {ended}"
                end = "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
                raise ServerFailed(f"{self._command[0]} {state}\n{end}")
            time.sleep(0.1)

    def __exit__(self, *_) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, how)
            except ProcessLookupError:
                break
            try:
                self._process.wait(20)
                break
            except subprocess.TimeoutExpired:
                continue
