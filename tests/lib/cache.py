"""Folders outside the tree for what the tests install or build, each made once for one set of requirements."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path


class CommandFailed(Exception):
    """A command that installs or builds something failed each time it was tried."""


def root() -> Path:
    """The cache folder of all test programs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "soapgate-tests")


def key(parts: Iterable[bytes]) -> str:
    """A short name for one exact set of requirements."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def folder(name: str, requirements: Iterable[bytes], fill: Callable[[Path], None]) -> Path:
    """The folder for these requirements, filled by `fill` when it is not there whole.

    Concurrent runs wait for each other, and what an interrupted run left is thrown away.
    """
    base = root()
    base.mkdir(parents=True, exist_ok=True)
    path = base / f"{name}-{key(requirements)}"
    complete = path / ".complete"
    with (base / f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            fill(path)
            complete.touch()
    return path


def run(command: list[str], tries: int = 1, **options) -> None:
    """Runs a command quietly, up to `tries` times; its output is shown only with its last failure."""
    for attempt in range(1, tries + 1):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )
        if done.returncode == 0:
            return
        if attempt < tries:
            print(f"  {command[0]} failed, trying again ({attempt} of {tries})", file=sys.stderr, flush=True)
            time.sleep(2 * attempt)
    end = "\n".join(done.stdout.splitlines()[-20:])
    raise CommandFailed(f"`{' '.join(command)}` ended with exit code {done.returncode}\n{end}")
