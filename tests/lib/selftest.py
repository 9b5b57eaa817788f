"""Holds the runner to its word: what was counted is counted, and a step that crashes, hangs or is silent has failed."""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib import cache, counts, runner  # noqa: E402
from lib.counts import Counts  # noqa: E402
from lib.demo import Demo, DemoFailed  # noqa: E402
from lib.steps import Step, Tier  # noqa: E402
from lib.tally import Tally  # noqa: E402

CARGO = """
running 3 tests
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.01s
a line of a test that speaks of 5 passed, 6 failed, 7 skipped
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"""


def step(program: str, limit_minutes: float = 1.0, read=counts.closing_line, scaled: bool = False) -> Step:
    return Step("test", Tier.DEFAULT, ("sh", "-c", program, "sh"), read, limit_minutes, scaled)


def run(a_step: Step, asked: Tier = Tier.DEFAULT) -> runner.Result:
    with contextlib.redirect_stdout(io.StringIO()):
        return runner.run_step(a_step, asked)


def demo_trouble(program: str, ready_seconds: float = 20.0, stop_seconds: float = 20.0) -> str:
    """What is said when this shell program stands in the place of the server."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "server")
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o755)
        try:
            with Demo(str(path), ready_seconds, stop_seconds) as demo:
                return f"exit code {demo.stop()}"
        except DemoFailed as error:
            return str(error).splitlines()[0]


def cached_twice() -> tuple[int, bool]:
    """How often a folder is filled that is asked for after an interrupted fill and then once more."""
    filled = []

    def fill(path: Path) -> None:
        filled.append(path)
        (path / "left").touch()
        if len(filled) == 1:
            raise KeyboardInterrupt

    with tempfile.TemporaryDirectory() as base:
        original, cache.root = cache.root, lambda: Path(base)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                cache.folder("test", [b"x"], fill)
            cache.folder("test", [b"x"], fill)
            cache.folder("test", [b"x"], fill)
        finally:
            cache.root = original
    return len(filled), filled[0] == filled[1]


READY = """echo '{"ready":true,"soap":"http://127.0.0.1:1"}'"""
ONE = Counts(passed=1)


def checks():
    """Title, what is, and what must be."""
    yield "cargo's results are added up over all binaries", counts.cargo(CARGO.splitlines()), Counts(3, 2, 1)
    yield "a closing line is read", counts.closing_line(["x", "3 passed, 1 failed, 2 skipped", ""]), Counts(3, 1, 2)
    yield "a line that is not the last is not read", counts.closing_line(["3 passed, 1 failed", "x"]), Counts()
    good = run(step("echo 1 passed, 0 failed, 0 skipped"))
    yield "a good step counts what it says", (good.counts, good.trouble), (ONE, None)
    silent = run(step("echo all is well"))
    yield (
        "a step that counts nothing has failed",
        (silent.counts, silent.trouble),
        (Counts(failed=1), "counted nothing"),
    )
    crashed = run(step("echo 1 passed, 0 failed, 0 skipped; exit 3"))
    yield (
        "a crash after good counts is a failure",
        (crashed.counts.failed, crashed.trouble),
        (1, "ended with exit code 3"),
    )
    failed = run(step("echo 1 passed, 2 failed, 0 skipped; exit 1"))
    yield "what failed is not counted twice", failed.counts, Counts(1, 2, 0)
    killed = run(step("kill -9 $$"))
    yield "a signal is a failure", killed.trouble, "ended with exit code -9"
    hung = run(step("sleep 60 & sleep 60", limit_minutes=0.005))
    yield "a step that hangs is ended with all it started", hung.trouble, "was ended after 0.005 minutes"
    absent = run(Step("test", Tier.DEFAULT, ("/nonexistent/program",), counts.closing_line, 1))
    yield "a program that is not there is a failure", absent.counts, Counts(failed=1)
    told = step('[ "$1" = tenth ] && echo 1 passed, 0 failed; [ "$1" = full ] && echo 2 passed, 0 failed', scaled=True)
    scales = run(told, Tier.DEFAULT).counts.passed, run(told, Tier.FULL).counts.passed
    yield "a scaled step is told the scale", scales, (1, 2)
    skipping = runner.Result(step(""), Counts(1, 0, 2), 0.1, None)
    yield "a skip is a skip", runner.summary([skipping, good], ci=False)[1], Counts(2, 0, 2)
    yield "a skip is a failure with CI=true", runner.summary([skipping, good], ci=True)[1], Counts(2, 2, 0)
    yield (
        "a server's exit code is told",
        demo_trouble(f"trap 'exit 7' TERM; {READY}; while :; do sleep 0.05; done"),
        "exit code 7",
    )
    yield (
        "a server that ends early is told",
        demo_trouble("exit 4"),
        "the server ended with exit code 4 before it was ready",
    )
    yield "a server that is not ready is told", demo_trouble("exec sleep 9", 0.2), "the server was not ready after 0 s"
    yield (
        "a first line that is not the ready line is told",
        demo_trouble("echo '{}'; exec sleep 9"),
        "not a ready line: {}",
    )
    stubborn = demo_trouble(f"trap '' TERM; {READY}; exec sleep 9", stop_seconds=0.3)
    yield "a server that does not end is told", stubborn, "the server still ran 0 s after SIGTERM"
    yield "an interrupted cache folder is filled anew, a whole one is kept", cached_twice(), (2, True)


def main() -> int:
    tally = Tally()
    for title, found, expected in checks():
        if found == expected:
            tally.ok(title, str(found))
        else:
            tally.fail(title, f"expected {expected}, got {found}")
    print(tally.line())
    return tally.exit_code()


if __name__ == "__main__":
    sys.exit(main())
