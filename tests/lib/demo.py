"""Starts `soapgate demo` on free loopback ports, reads its ready line, and ends it by its own process."""

import json
import subprocess
import tempfile
import time
from pathlib import Path


class DemoFailed(Exception):
    """The server did not start, or did not end as it should; the text holds the end of its log."""


class Demo:
    """A running demo server, as a context: `with Demo(binary) as demo: demo.soap`."""

    def __init__(self, binary: str, ready_seconds: float = 60.0, stop_seconds: float = 60.0):
        self._binary = binary
        self._ready_seconds = ready_seconds
        self._stop_seconds = stop_seconds

    def __enter__(self) -> "Demo":
        self._folder = tempfile.TemporaryDirectory(prefix="soapgate-test-")
        # Files, not pipes: nobody has to read them while the server writes.
        self._output = Path(self._folder.name, "stdout")
        self._log = Path(self._folder.name, "stderr")
        command = [self._binary, "demo", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]
        command += ["--management", "127.0.0.1:0"]
        with self._output.open("wb") as output, self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=log)
        try:
            self.ready = self._wait_until_ready()
        except BaseException:
            self._process.kill()
            self._process.wait()
            self._folder.cleanup()
            raise
        self.soap = self.ready["soap"].rstrip("/")
        self.pid = self._process.pid
        return self

    def __exit__(self, *_) -> None:
        try:
            self.stop()
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._folder.cleanup()

    def stop(self) -> int:
        """Asks the server to end, and returns its exit code; a second call returns the same."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            raise DemoFailed(
                f"the server still ran {self._stop_seconds:.0f} s after SIGTERM\n{self.log_end()}"
            ) from None

    def log_end(self, lines: int = 30) -> str:
        """The last lines of the server's log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def _wait_until_ready(self) -> dict:
        deadline = time.monotonic() + self._ready_seconds
        while time.monotonic() < deadline:
            ended = self._process.poll()
            first, complete, _ = self._output.read_text(errors="replace").partition("\n")
            if complete:
                try:
                    ready = json.loads(first)
                except ValueError:
                    raise DemoFailed(f"the first line of the server is not JSON: {first}") from None
                if ready.get("ready") is not True or not str(ready.get("soap", "")).startswith("http://127.0.0.1:"):
                    raise DemoFailed(f"not a ready line: {first}")
                return ready
            if ended is not None:
                raise DemoFailed(f"the server ended with exit code {ended} before it was ready\n{self.log_end()}")
            time.sleep(0.02)
        raise DemoFailed(f"the server was not ready after {self._ready_seconds:.0f} s\n{self.log_end()}")
