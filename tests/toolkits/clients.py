"""The client program of each toolkit, with what it needs installed or built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gsoap import build as gsoap
from lib import provision

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Program:
    """How to start a client program."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def program(toolkit: str, contract: str, version: str, served: Mapping[str, str]) -> Program:
    """The program of a toolkit for a contract and version; `served` holds the contracts' WSDL texts as the server gives them.

    Raises `provision.Missing` when the toolkit cannot be had here, `cache.CommandFailed` when its generator or compiler
    does not take what is served.
    """
    match toolkit:
        case "php" | "php-decoded" | "php-errors":
            provision.debian("php-cli", "php-soap", "php-xml")
            return Program(["php", str(HERE / "php" / "client.php")])
        case "zeep" | "suds":
            python = provision.python(str(HERE / "python" / "requirements.txt"))
            return Program([str(python), str(HERE / "python" / f"{toolkit}_client.py")])
        case "node-soap":
            node, modules = provision.node()
            return Program([str(node), str(HERE / "node" / "client.js")], {"CALL_NODE_MODULES": str(modules)})
        case "soap-lite":
            provision.debian("perl", "libsoap-lite-perl")
            return Program(["perl", str(HERE / "perl" / "soap_lite.pl")])
        case "perl-handmade":
            provision.debian("perl")
            return Program(["perl", str(HERE / "perl" / "handmade.pl")])
        case "gsoap":
            provision.debian("g++", "gsoap", "libgsoap-dev", "libssl-dev", "zlib1g-dev")
            return Program([str(gsoap.client(contract, version, served[contract]))])
        case "curl":
            provision.debian("curl")
            return Program(["sh", str(HERE / "curl" / "client.sh")])
    raise ValueError(f"no client program for {toolkit}")
