"""Generates and compiles the gSOAP client from a served WSDL, once for each text of WSDL and client."""

import subprocess
from pathlib import Path

from lib import cache
from lib.provision import GSOAP_SHARE

HERE = Path(__file__).resolve().parent
DEFINES = ["-DWITH_OPENSSL", "-DWITH_DOM", "-DWITH_GZIP", "-DWITH_IPV6"]
LIBRARIES = ["-lgsoapssl++", "-lssl", "-lcrypto", "-lz"]
PLUGINS = ["plugin/wsseapi.cpp", "plugin/smdevp.c", "plugin/mecevp.c", "plugin/threads.c", "custom/struct_timeval.c"]


def client(contract: str, version: str, wsdl: str) -> Path:
    """The client program of a contract and a SOAP version; the WSDL's own address does not
    matter, since each call names its endpoint.

    A generator or compiler that fails raises `CommandFailed`: the WSDL, or the client, is at fault.
    """
    source = HERE / "client.cpp"
    release = subprocess.run(["soapcpp2", "-V"], capture_output=True).stdout
    requirements = [
        contract.encode(),
        version.encode(),
        wsdl.encode(),
        source.read_bytes(),
        Path(__file__).read_bytes(),
        release,
    ]

    def fill(path: Path) -> None:
        print(f"generating the gSOAP client of {contract} {version}", flush=True)
        (path / "service.wsdl").write_text(wsdl)
        cache.run(["wsdl2h", "-o", "service.h", "service.wsdl"], cwd=path)
        token = contract == "authenticate"
        if token:
            with (path / "service.h").open("a") as header:
                header.write('\n#import "wsse.h"\n')
        cache.run(
            ["soapcpp2", "-CLxw", "-2" if version == "1.2" else "-1", f"-I{GSOAP_SHARE / 'import'}", "service.h"],
            cwd=path,
        )
        sources = ["soapC.cpp", "soapClient.cpp"] + [str(GSOAP_SHARE / plugin) for plugin in PLUGINS if token]
        # Generated code and plugins are not ours to warn about.
        include = ["-I.", f"-I{GSOAP_SHARE / 'plugin'}", "-w"]
        compile_line = [
            "g++",
            "-O0",
            f"-D{contract.upper()}",
            f"-DSOAP{version.replace('.', '')}",
            *DEFINES,
            *include,
            "-o",
            "client",
        ]
        cache.run([*compile_line, str(source), *sources, *LIBRARIES], cwd=path)

    return cache.folder(f"gsoap-{contract}-{version}", requirements, fill) / "client"
