#!/usr/bin/env python3
"""Tests against one real counterpart: starts it on loopback, runs the cargo tests that ask it, and ends it.

Each counterpart is a module beside this file that says how it is started (`start`, a context that gives the variables
for the tests) and which tests ask it (`TESTS`, arguments of cargo, one run each, whose last is a part of their names). One that cannot be had is skipped
with the reason. The last line is `N passed, N failed, N skipped`; the exit code is 1 when anything failed.
"""

import argparse
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from lib import counts, provision  # noqa: E402
from lib.cargo import ROOT  # noqa: E402
from lib.counts import Counts  # noqa: E402
from server import ServerFailed  # noqa: E402

CARGO = ["cargo", "test", "--locked", "--no-fail-fast", "--features", "counterparts"]


def chosen(arguments: list[str], names: list[str]) -> list[str]:
    """The same run with tests of these names in place of all that ask the counterpart."""
    if not names:
        return arguments
    return [*[part for part in arguments[:-1] if part != "--"], "--", *names]


def ask(environment: dict[str, str], arguments: list[str], may_be_empty: bool) -> Counts:
    """Runs cargo tests, shows what they print, and counts; one that fails, or counts nothing and must not, has failed."""
    process = subprocess.Popen(
        [*CARGO, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        print(line, end="", flush=True)
    counted = counts.cargo(lines)
    is_empty = counted.total == 0 and not may_be_empty
    if (process.wait() != 0 or is_empty) and counted.failed == 0:
        print(f"FAIL  {' '.join(arguments)}: ended with exit code {process.returncode} and counted {counted}")
        counted += Counts(failed=1)
    return counted


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("run", "server"))
    parser.add_argument("name", choices=names, help="the counterpart")
    parser.add_argument("filter", nargs="*", help="parts of tests' names: only such tests are run")
    asked = parser.parse_args()
    counterpart = importlib.import_module(asked.name)
    # Whoever ends this program ends its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    total = Counts()
    try:
        with counterpart.start() as environment:
            for arguments in counterpart.TESTS:
                total += ask(environment, chosen(arguments, asked.filter), bool(asked.filter))
    except provision.Missing as error:
        print(f"skip  {asked.name}: {error}")
        total += Counts(skipped=1)
    except ServerFailed as error:
        print(f"FAIL  {asked.name}: {error}")
        total += Counts(failed=1)
    print(total, flush=True)
    return 1 if total.failed or total.total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
