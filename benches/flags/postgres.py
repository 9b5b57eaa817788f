#!/usr/bin/env python3
"""The benchmark of a long queue of flags in a real PostgreSQL: starts one on loopback, runs `cargo bench
--bench flags` with the arguments that this program is given, and ends the server.

The server flushes what it commits, as one in use does. The last line and the exit code are the benchmark's own.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "counterparts"), str(ROOT / "tests")]

import postgres  # noqa: E402
from lib import provision  # noqa: E402

# As much memory as a small server gives; the large database does not fit in.
SETTINGS = postgres.SETTINGS | {"fsync": "on", "shared_buffers": "128MB", "max_wal_size": "4GB"}


def main() -> int:
    # Whoever ends this program ends its server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with postgres.start(SETTINGS) as environment:
            server = {"SOAPGATE_BENCH_POSTGRES": environment["SOAPGATE_TEST_POSTGRES"]}
            command = ["cargo", "bench", "--locked", "--bench", "flags", "--", *sys.argv[1:]]
            return subprocess.run(command, cwd=ROOT, env=os.environ | server, stdin=subprocess.DEVNULL).returncode
    except provision.Missing as error:
        print(f"skip  PostgreSQL: {error}")
        print("0 passed, 0 failed, 1 skipped")
        return 1


if __name__ == "__main__":
    sys.exit(main())
