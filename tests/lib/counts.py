"""Reads from a step's output how many cases passed, failed and were skipped."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_CARGO = re.compile(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored; .*")
_CLOSING = re.compile(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?")


@dataclass(frozen=True)
class Counts:
    """Cases that passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    @property
    def total(self) -> int:
        """All cases."""
        return self.passed + self.failed + self.skipped


def cargo(lines: Iterable[str]) -> Counts:
    """The sum over all test binaries of a `cargo test`; an ignored test is a skipped one."""
    found = (_CARGO.fullmatch(line.strip()) for line in lines)
    return sum((Counts(*map(int, match.groups())) for match in found if match), Counts())


def closing_line(lines: Iterable[str]) -> Counts:
    """What the last line says, when it is `N passed, N failed, N skipped`."""
    last = ""
    for line in lines:
        last = line.strip() or last
    match = _CLOSING.fullmatch(last)
    return Counts(*(int(number or 0) for number in match.groups())) if match else Counts()
