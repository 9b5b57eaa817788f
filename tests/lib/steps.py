"""The table of what `tests/run` runs: a new test program becomes one more row."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from lib import counts

ROOT = Path(__file__).resolve().parent.parent.parent


class Tier(IntEnum):
    """Each tier runs those before it too."""

    QUICK = 1
    DEFAULT = 2
    FULL = 3


@dataclass(frozen=True)
class Step:
    """One program that `tests/run` runs from the root of the tree."""

    name: str
    # The lowest tier that runs it.
    tier: Tier
    command: tuple[str, ...]
    # How its counts are read from the lines that it prints.
    read: Callable[[Iterable[str]], counts.Counts]
    # It is ended and has failed after so long.
    limit_minutes: float
    # A scaled step gets one more argument: `full` in the full tier, `tenth` below it.
    scaled: bool = False

    def arguments(self, asked: Tier) -> list[str]:
        """The command line for the tier that was asked for."""
        scale = ["full" if asked == Tier.FULL else "tenth"] if self.scaled else []
        return [*self.command, *scale]


# Toolkits run against the dev binary, that `cargo test` has built already: its dependencies are optimised there.
STEPS = (
    Step("cargo tests", Tier.QUICK, ("cargo", "test", "--locked", "--no-fail-fast"), counts.cargo, 45),
    Step(
        "a hundred kills",
        Tier.FULL,
        ("env", "SOAPGATE_KILLS=100", "cargo", "test", "--locked", "--test", "process", "sigkill"),
        counts.cargo,
        30,
    ),
    Step(
        "a hundred kills, a PostgreSQL",
        Tier.FULL,
        ("env", "SOAPGATE_KILLS=100", sys.executable, "tests/counterparts/run.py", "postgres", "postgres::kills"),
        counts.closing_line,
        30,
    ),
    Step(
        "a minute without the store",
        Tier.FULL,
        ("env", "SOAPGATE_STORE_AWAY_SECONDS=60", "cargo", "test", "--locked", "--test", "alma", "store_away"),
        counts.cargo,
        20,
    ),
    Step(
        "a minute without the store, a PostgreSQL",
        Tier.FULL,
        (
            "env",
            "SOAPGATE_STORE_AWAY_SECONDS=60",
            *(sys.executable, "tests/counterparts/run.py", "postgres", "postgres::store_away"),
        ),
        counts.closing_line,
        20,
    ),
    Step(
        "whole months",
        Tier.FULL,
        ("env", "SOAPGATE_MONTHS=whole", "cargo", "test", "--locked", "--test", "month"),
        counts.cargo,
        90,
    ),
    Step(
        "half a minute's outage",
        Tier.DEFAULT,
        ("env", "SOAPGATE_OUTAGE_WHOLE=1", "cargo", "test", "--locked", "--test", "alma", "outage::"),
        counts.cargo,
        5,
    ),
    Step("the runner itself", Tier.DEFAULT, (sys.executable, "tests/lib/selftest.py"), counts.closing_line, 2),
    Step("toolkits", Tier.DEFAULT, (sys.executable, "tests/toolkits/run.py"), counts.closing_line, 30),
    Step("OpenLDAP", Tier.DEFAULT, (sys.executable, "tests/counterparts/run.py", "slapd"), counts.closing_line, 20),
    Step("Samba", Tier.DEFAULT, (sys.executable, "tests/counterparts/run.py", "samba"), counts.closing_line, 20),
    Step("Canaille", Tier.DEFAULT, (sys.executable, "tests/counterparts/run.py", "canaille"), counts.closing_line, 10),
    Step("Keycloak", Tier.DEFAULT, (sys.executable, "tests/counterparts/run.py", "keycloak"), counts.closing_line, 20),
    Step(
        "PostgreSQL",
        Tier.DEFAULT,
        (sys.executable, "tests/counterparts/run.py", "postgres"),
        counts.closing_line,
        30,
    ),
    Step("expat's verdicts", Tier.DEFAULT, (sys.executable, "tests/xml_oracle.py"), counts.closing_line, 5),
    Step(
        "expat on mutations",
        Tier.DEFAULT,
        (sys.executable, "tests/xml_oracle.py", "--compare", "--cases", "20000"),
        counts.closing_line,
        15,
    ),
    Step(
        "benchmark of a long queue of flags",
        Tier.DEFAULT,
        ("cargo", "bench", "--locked", "--bench", "flags", "--"),
        counts.closing_line,
        60,
        scaled=True,
    ),
    Step(
        "benchmark of a long queue of flags in PostgreSQL",
        Tier.DEFAULT,
        (sys.executable, "benches/flags/postgres.py"),
        counts.closing_line,
        60,
        scaled=True,
    ),
    Step(
        "benchmark of a cached sign-in",
        Tier.DEFAULT,
        ("cargo", "bench", "--locked", "--bench", "signin", "--"),
        counts.closing_line,
        20,
        scaled=True,
    ),
)
