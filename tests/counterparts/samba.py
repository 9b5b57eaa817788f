"""A domain controller of Samba's, which answers as Active Directory does: on a loopback address of its own, because
its ports are fixed, in a folder of its own."""

import contextlib
import os
import random
import shutil
import socket
import tempfile
from pathlib import Path

from lib import cache, provision
from server import Server, listens

TESTS = [["--test", "counterparts", "samba::"]]

OWN_PASSWORD = "planted-own-secret"
PASSWORD = "planted-password"
ACCOUNTS = Path(__file__).resolve().parent / "active_directory" / "accounts.py"
PORT, TLS_PORT = 389, 636

CONFIGURATION = """
[global]
    netbios name = DC
    realm = EXAMPLE.ORG
    workgroup = EXAMPLE
    server role = active directory domain controller
    server services = ldap
    interfaces = {address}/8
    bind interfaces only = yes
    ldap server require strong auth = no
    tls enabled = yes
    tls certfile = {folder}/certificate.pem
    tls keyfile = {folder}/key.pem
    tls cafile =
    private dir = {folder}/dc/private
    state directory = {folder}/dc/state
    cache directory = {folder}/dc/cache
    lock directory = {folder}/dc
    pid directory = {folder}/dc
    ncalrpc dir = {folder}/dc/ncalrpc
    log file = {folder}/log.%m
    logging = file
"""


def own_address() -> str:
    """An address of this machine on which nobody listens at the ports of a directory."""
    for _ in range(100):
        address = f"127.{random.randrange(64, 250)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind((address, PORT))
            other.bind((address, TLS_PORT))
            return address
    raise provision.Missing(f"no loopback address has its ports {PORT} and {TLS_PORT} free")


def prepare(folder: Path, address: str) -> Path:
    """Makes a domain with its accounts, and gives the configuration of its controller."""
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=dc.example.org", "-days", "2"]
    request += ["-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE"]
    cache.run([*request, "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")])
    # Samba refuses a key that others could read.
    (folder / "key.pem").chmod(0o600)
    provisioning = ["samba-tool", "domain", "provision", "--realm=EXAMPLE.ORG", "--domain=EXAMPLE", "--server-role=dc"]
    provisioning += ["--dns-backend=NONE", "--host-name=dc", f"--host-ip={address}", f"--targetdir={folder / 'dc'}"]
    cache.run(provisioning)
    configuration = folder / "smb.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, address=address))
    cache.run(["/usr/bin/python3", str(ACCOUNTS), str(configuration), PASSWORD, OWN_PASSWORD])
    return configuration


@contextlib.contextmanager
def start():
    if os.geteuid() != 0:
        raise provision.Missing("only root can start a domain controller: its ports are fixed and below 1024")
    provision.debian("samba-ad-dc", "samba-ad-provision", "samba-dsdb-modules", "openssl")
    folder = Path(tempfile.mkdtemp(prefix="soapgate-samba-"))
    try:
        address = own_address()
        configuration = prepare(folder, address)
        command = [str(provision.SAMBA), "-i", "-s", str(configuration)]
        with Server(command, folder / "log", listens(TLS_PORT, address)):
            yield {
                "SAMBA_ADDRESS": address,
                "SAMBA_CA_FILE": str(folder / "certificate.pem"),
                "SAMBA_BASE": "DC=example,DC=org",
                "SAMBA_OWN": "CN=soapgate,CN=Users,DC=example,DC=org",
                "SAMBA_OWN_PASSWORD": OWN_PASSWORD,
                "SAMBA_PASSWORD": PASSWORD,
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
