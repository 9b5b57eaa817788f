"""Builds the server's binary with cargo and says where it is."""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def build(profile: str = "dev") -> str:
    """The path of the `soapgate` binary, built first if need be; cargo's own messages go to standard error."""
    command = ["cargo", "build", "--locked", "--profile", profile, "--bin", "soapgate"]
    command += ["--message-format", "json-render-diagnostics"]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"`{' '.join(command)}` ended with exit code {done.returncode}")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            return message["executable"]
    raise SystemExit(f"`{' '.join(command)}` named no executable")
