"""Counts the cases of a test program, and prints each as it ends."""

from threading import Lock


class Tally:
    """Passed, failed and skipped cases; safe to use from several threads."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0
        self._lock = Lock()

    def ok(self, title: str, shown: str) -> None:
        with self._lock:
            self.passed += 1
            print(f"ok    {title}: {shown}", flush=True)

    def fail(self, title: str, why: str) -> None:
        with self._lock:
            self.failed += 1
            print("\n      ".join(f"FAIL  {title}: {why}".splitlines()), flush=True)

    def skip(self, title: str, why: str) -> None:
        with self._lock:
            self.skipped += 1
            print("\n      ".join(f"skip  {title}: {why}".splitlines()), flush=True)

    def line(self) -> str:
        """The closing line."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    def exit_code(self) -> int:
        """0 only when something ran and nothing failed."""
        return 1 if self.failed or self.passed + self.skipped == 0 else 0
