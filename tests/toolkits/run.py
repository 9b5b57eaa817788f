#!/usr/bin/env python3
"""Real SOAP toolkits sign in against the demo server.

Starts `soapgate demo` (or another program that behaves like it), compares each WSDL that it serves with the one in
`wsdl/`, runs the table of `cases.py`, each case in a client process of its own, ends the server, and prints one line
per case and the counts. Exits 1 when anything failed. What the toolkits need is installed on the way; a toolkit that
cannot be had is skipped with the reason.
"""

import argparse
import itertools
import os
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import call as client  # noqa: E402
import clients  # noqa: E402
from cases import Case, cases  # noqa: E402
from lib import cargo, provision  # noqa: E402
from lib.cache import CommandFailed  # noqa: E402
from lib.demo import Demo, DemoFailed  # noqa: E402
from lib.tally import Tally  # noqa: E402

WSDL = HERE.parent.parent / "wsdl"
PUBLIC_BASE = "{PUBLIC_BASE}"
ENDPOINTS = {"alma": "/almaws/repository/UserAuthenticationWebServices", "authenticate": "/soap/authenticate"}
# Services that are served in both folders.
FOLDER_UNSURE = ("AnalyticsWebServices", "RequestWebServices")
# Nothing here goes through a proxy: the server is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ADDRESSES = ("{http://schemas.xmlsoap.org/wsdl/soap/}address", "{http://schemas.xmlsoap.org/wsdl/soap12/}address")


def fetch(url: str) -> tuple[int, str, str]:
    """Status, media type and text of a GET."""
    try:
        with OPENER.open(url, timeout=30) as reply:
            return reply.status, reply.headers.get("Content-Type", ""), reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Content-Type", ""), error.read().decode(errors="replace")


def address_path(text: str) -> str:
    """The path under the public base that a WSDL of the tree names, the same for each of its ports."""
    found = {node.get("location") for node in ElementTree.fromstring(text).iter() if node.tag in ADDRESSES}
    (location,) = found
    assert location.startswith(PUBLIC_BASE), location
    return location.removeprefix(PUBLIC_BASE)


def compare_wsdl(base: str, tally: Tally) -> None:
    """Each WSDL as it is served is the tree's, with the address of the path that was asked."""
    for document in sorted(WSDL.glob("*.wsdl")):
        text = document.read_text()
        named = address_path(text)
        paths = [named, f"/almaws/{document.stem}"] if document.stem in FOLDER_UNSURE else [named]
        for path, query in itertools.product(paths, ("?wsdl", "?WSDL")):
            title = f"GET {path}{query}"
            expected = text.replace(PUBLIC_BASE + named, base + path)
            status, media_type, served = fetch(base + path + query)
            if status != 200:
                tally.fail(title, f"expected 200, got {status}: {served[:300]}")
            elif media_type != "text/xml; charset=utf-8":
                tally.fail(title, f"expected text/xml; charset=utf-8, got {media_type}")
            elif ElementTree.canonicalize(served) != ElementTree.canonicalize(expected):
                tally.fail(title, f"not wsdl/{document.name} at {base}{path}: {served[:300]}")
            else:
                tally.ok(title, f"wsdl/{document.name}")


class Programs:
    """The clients' programs, made before the cases run, or why they cannot be."""

    def __init__(self, wanted: list[Case], base: str):
        served = {
            contract: fetch(base + path + "?wsdl")[2].replace(base, PUBLIC_BASE) for contract, path in ENDPOINTS.items()
        }
        self._made: dict[tuple[str, str, str], clients.Program | provision.Missing | CommandFailed] = {}
        for key in dict.fromkeys(self._key(case) for case in wanted):
            try:
                self._made[key] = clients.program(*key, served)
            except (provision.Missing, CommandFailed) as error:
                print(f"{' '.join(key)}: {error}", flush=True)
                self._made[key] = error

    def of(self, case: Case) -> clients.Program | provision.Missing | CommandFailed:
        return self._made[self._key(case)]

    @staticmethod
    def _key(case: Case) -> tuple[str, str, str]:
        return case.toolkit.name, case.call.contract, case.call.version


def run_case(case: Case, programs: Programs, base: str, tally: Tally) -> str | None:
    """Runs one case; returns the fault's text when a fault was expected and came."""
    program = programs.of(case)
    if isinstance(program, provision.Missing):
        tally.skip(case.title, str(program).splitlines()[0])
        return None
    if isinstance(program, CommandFailed):
        tally.fail(case.title, "its client could not be made, see above")
        return None
    endpoint = base + ENDPOINTS[case.call.contract]
    wsdl = str(WSDL / "UserAuthenticationWebServices.wsdl") if case.toolkit.saved_wsdl else endpoint + "?wsdl"
    started = time.monotonic()
    outcome = client.run(program.command, case.call, wsdl, endpoint, program.environment)
    seconds = time.monotonic() - started
    match = case.expected.fullmatch(outcome.line)
    if match is None:
        tally.fail(case.title, f"expected `{case.shown}`, got `{outcome.line}`\n{outcome.noise}".rstrip())
        return None
    tally.ok(case.title, f"{outcome.line} ({seconds:.1f} s)")
    return match.groupdict().get("text")


def compare_fault_texts(texts: dict[str, set[str]], tally: Tally) -> None:
    """Whoever is refused with one fault code reads one text, whatever the toolkit, the version and the account."""
    for code, seen in sorted(texts.items()):
        if len(seen) == 1:
            tally.ok(f"one text for {code}", next(iter(seen)))
        else:
            tally.fail(f"one text for {code}", "\n".join(sorted(seen)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="PROGRAM", help="the server's binary; built with cargo when absent")
    parser.add_argument("--only", metavar="TEXT", default="", help="only cases whose title holds TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="client processes at a time")
    arguments = parser.parse_args()
    server = arguments.server or cargo.build()
    wanted = [case for case in cases() if arguments.only in case.title]
    tally = Tally()
    try:
        with Demo(server) as demo:
            if not arguments.only:
                compare_wsdl(demo.soap, tally)
            programs = Programs(wanted, demo.soap)
            texts: dict[str, set[str]] = {}
            with ThreadPoolExecutor(arguments.jobs) as pool:
                found = pool.map(lambda case: run_case(case, programs, demo.soap, tally), wanted)
                for case, text in zip(wanted, found, strict=True):
                    if text is not None and case.code is not None:
                        texts.setdefault(case.code, set()).add(text)
            compare_fault_texts(texts, tally)
            if tally.failed:
                print(f"the end of the server's log:\n{demo.log_end()}", flush=True)
            code = demo.stop()
            if code == 0:
                tally.ok("the server ends on SIGTERM", "exit code 0")
            else:
                tally.fail("the server ends on SIGTERM", f"exit code {code}\n{demo.log_end()}")
    except DemoFailed as error:
        tally.fail("the server", str(error))
    print(tally.line(), flush=True)
    return tally.exit_code()


if __name__ == "__main__":
    sys.exit(main())
