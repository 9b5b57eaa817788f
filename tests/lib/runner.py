"""Runs the tests of a tier and adds up what they counted."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lib.counts import Counts  # noqa: E402
from lib.steps import ROOT, STEPS, Step, Tier  # noqa: E402

HELP = """\
Runs the tests, and ends with one summary. The last line is `N passed, N failed, N skipped`; the exit code is 1 when
anything failed.

  quick     what needs only cargo
  (none)    and the real counterparts: SOAP toolkits, identity services, an independent XML parser, a tenth of the benchmarks
  full      and the long runs whole

What the counterparts need is installed on the way: Debian packages with apt-get when run as root, Python, npm and
Maven packages into ${XDG_CACHE_HOME:-~/.cache}/soapgate-tests. A counterpart that cannot be had is skipped with the reason;
with CI=true in the environment a skip is a failure.
"""


@dataclass(frozen=True)
class Result:
    """What a step counted, how long it took, and what was wrong with the step itself."""

    step: Step
    counts: Counts
    minutes: float
    trouble: str | None


def run_step(step: Step, asked: Tier) -> Result:
    """Runs a step, shows what it prints, and counts; a step that crashes, hangs or counts nothing has failed."""
    print(f"=== {step.name}", flush=True)
    started = time.monotonic()
    lines: list[str] = []
    trouble = None
    try:
        # A group of its own, so that what the step started ends with it when it has to be ended.
        process = subprocess.Popen(
            step.arguments(asked),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        trouble = f"could not be started: {error}"
    else:
        late = threading.Event()
        timer = threading.Timer(step.limit_minutes * 60, _end_group, (process, late))
        timer.start()
        try:
            for line in process.stdout:
                lines.append(line)
                print(line, end="", flush=True)
            code = process.wait()
        except BaseException:
            _end_group(process, late)
            raise
        finally:
            timer.cancel()
        if late.is_set():
            trouble = f"was ended after {step.limit_minutes:g} minutes"
        elif code != 0:
            trouble = f"ended with exit code {code}"
    counted = step.read(lines)
    if trouble is None and counted.total == 0:
        trouble = "counted nothing"
    if trouble is not None and counted.failed == 0:
        counted += Counts(failed=1)
    return Result(step, counted, (time.monotonic() - started) / 60, trouble)


def _end_group(process: subprocess.Popen, late: threading.Event) -> None:
    late.set()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def summary(results: Iterable[Result], ci: bool) -> tuple[list[str], Counts]:
    """The lines of the summary but the last, and the sum for the last."""
    results = list(results)
    lines = ["=== summary"]
    for result in results:
        note = f"  ({result.trouble})" if result.trouble else ""
        tier = result.step.tier.name.lower()
        lines.append(f"{tier:8} {result.step.name:20} {result.minutes:6.1f} min  {result.counts}{note}")
    minutes = {tier: sum(r.minutes for r in results if r.step.tier == tier) for tier in Tier}
    spent = ", ".join(f"{tier.name.lower()} {minutes[tier]:.1f}" for tier in Tier if minutes[tier] > 0)
    lines.append(f"minutes: {spent}; all {sum(minutes.values()):.1f}")
    total = sum((result.counts for result in results), Counts())
    if ci and total.skipped:
        lines.append(f"{total.skipped} skipped count as failed, since CI=true")
        total = Counts(total.passed, total.failed + total.skipped, 0)
    return lines, total


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/run", usage="tests/run [quick|full]", description=HELP)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("tier", nargs="?", choices=("quick", "full"), help=argparse.SUPPRESS)
    asked = Tier[(parser.parse_args().tier or "default").upper()]
    results = [run_step(step, asked) for step in STEPS if step.tier <= asked]
    lines, total = summary(results, os.environ.get("CI") == "true")
    print("\n".join([*lines, str(total)]), flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
