"""Corrects the Content-Length of requests in `fixtures/wire` that were edited by hand."""

import re
import sys
from pathlib import Path

for name in sys.argv[1:]:
    file = Path(name)
    head, empty, body = file.read_bytes().partition(b"\r\n\r\n")
    head, count = re.subn(rb"(?im)^(content-length: )\d+", rb"\g<1>%d" % len(body), head)
    if count != 1:
        raise SystemExit(f"{name} does not say its length once")
    file.write_bytes(head + empty + body)
