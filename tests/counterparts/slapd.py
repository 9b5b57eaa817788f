"""OpenLDAP's slapd with the password policy overlay, on loopback in a folder of its own.

Two of them: one that all tests ask, in clear, by STARTTLS and by LDAPS, and one that a test starts, ends and starts
again by itself.
"""

import base64
import contextlib
import shutil
import tempfile
from pathlib import Path

from lib import cache, provision
from server import Server, free_port, listens

TESTS = [["--test", "counterparts", "slapd::"]]

SUFFIX = "dc=example,dc=org"
OWN = f"cn=soapgate,{SUFFIX}"
OWN_PASSWORD = "planted-own-secret"
ADMIN = f"cn=admin,{SUFFIX}"
ADMIN_PASSWORD = "planted-admin-secret"
PASSWORD = "planted-password"
# slapd ends connections on which nothing was said for so many seconds.
IDLE_SECONDS = 2

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
modulepath {modules}
moduleload back_mdb
moduleload ppolicy
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/key.pem
TLSVerifyClient never
idletimeout {idle}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {admin_password}
directory {folder}/database
maxsize 104857600
access to attrs=userPassword by anonymous auth by * none
access to attrs=pwdAccountLockedTime,pwdReset by dn.exact="{own}" read by * none
access to * by dn.exact="{own}" read by anonymous auth by * none
overlay ppolicy
ppolicy_default "cn=default,ou=policies,{suffix}"
ppolicy_use_lockout
"""


def text(attribute: str, value: str) -> str:
    return f"{attribute}:: {base64.b64encode(value.encode()).decode()}"


def entry(dn: str, *lines: str) -> str:
    return "\n".join([text("dn", dn), *lines]) + "\n"


def policy(name: str, *lines: str) -> str:
    classes = ("objectClass: device", "objectClass: pwdPolicy", "pwdAttribute: userPassword")
    return entry(f"cn={name},ou=policies,{SUFFIX}", *classes, f"cn: {name}", *lines)


def person(uid: str, *lines: str, password: str | None = PASSWORD, unit: str = "people") -> str:
    secret = () if password is None else (text("userPassword", password),)
    common = ("objectClass: inetOrgPerson", text("uid", uid), text("cn", uid), "sn: Example")
    return entry(f"uid={uid},ou={unit},{SUFFIX}", *common, *secret, *lines)


def under(name: str) -> str:
    return f"pwdPolicySubentry: cn={name},ou=policies,{SUFFIX}"


LONG_AGO = "pwdChangedTime: 20200101000000Z"


def data() -> str:
    units = ("people", "others", "policies")
    return "\n".join(
        [
            entry(SUFFIX, "objectClass: dcObject", "objectClass: organization", "o: Example", "dc: example"),
            *(entry(f"ou={unit},{SUFFIX}", "objectClass: organizationalUnit", f"ou: {unit}") for unit in units),
            entry(
                OWN,
                "objectClass: device",
                "objectClass: simpleSecurityObject",
                "cn: soapgate",
                text("userPassword", OWN_PASSWORD),
                under("never"),
            ),
            policy("default", "pwdLockout: TRUE", "pwdMaxFailure: 3", "pwdMustChange: TRUE"),
            policy("never", "pwdLockout: FALSE"),
            policy("expires", "pwdMaxAge: 60", "pwdLockout: TRUE", "pwdMaxFailure: 3"),
            policy("grace", "pwdMaxAge: 60", "pwdGraceAuthnLimit: 1000"),
            policy("warns", "pwdMaxAge: 2000000000", "pwdExpireWarning: 1999999999"),
            person("reader"),
            person("zoë", password="p&<>\"'é€ "),
            person("ok"),
            person("mustchange", "pwdReset: TRUE"),
            person("locked", "pwdAccountLockedTime: 000001010000Z"),
            person("expired", under("expires"), LONG_AGO),
            person("grace", under("grace"), LONG_AGO),
            person("warned", under("warns"), LONG_AGO),
            person("legacy", password=None),
            person("lockme"),
            person("shielded"),
            person("z2001", "uid: a2001", "mail: alias@example.org"),
            person("twin", unit="people"),
            person("twin", unit="others"),
            *(person(f"user{number}", under("never")) for number in range(20)),
        ]
    )


def prepare(folder: Path) -> list[str]:
    """Fills a folder for one slapd, and gives its command without the addresses."""
    (folder / "database").mkdir(parents=True)
    names = {"folder": folder, "modules": provision.LDAP_MODULES, "idle": IDLE_SECONDS, "suffix": SUFFIX}
    names |= {"own": OWN, "admin": ADMIN, "admin_password": ADMIN_PASSWORD}
    (folder / "slapd.conf").write_text(CONFIGURATION.format(**names))
    (folder / "data.ldif").write_text(data())
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    request += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    # A certificate of an authority is none of a server.
    request += ["-addext", "basicConstraints=critical,CA:FALSE"]
    cache.run([*request, "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")])
    cache.run(["/usr/sbin/slapadd", "-f", str(folder / "slapd.conf"), "-l", str(folder / "data.ldif")])
    return [str(provision.SLAPD), "-f", str(folder / "slapd.conf"), "-d", "0"]


@contextlib.contextmanager
def start():
    provision.debian("slapd", "ldap-utils", "openssl")
    folder = Path(tempfile.mkdtemp(prefix="soapgate-slapd-"))
    try:
        command, spare = prepare(folder / "main"), prepare(folder / "spare")
        plain, tls, spare_port = free_port(), free_port(), free_port()
        addresses = f"ldap://127.0.0.1:{plain} ldaps://127.0.0.1:{tls}"
        with Server([*command, "-h", addresses], folder / "log", listens(plain)):
            yield {
                "SLAPD_PORT": str(plain),
                "SLAPD_TLS_PORT": str(tls),
                "SLAPD_CA_FILE": str(folder / "main" / "certificate.pem"),
                "SLAPD_SPARE_PORT": str(spare_port),
                "SLAPD_SPARE_COMMAND": "\n".join([*spare, "-h", f"ldap://127.0.0.1:{spare_port}"]),
                "SLAPD_BASE": f"ou=people,{SUFFIX}",
                "SLAPD_SUFFIX": SUFFIX,
                "SLAPD_OWN": OWN,
                "SLAPD_OWN_PASSWORD": OWN_PASSWORD,
                "SLAPD_ADMIN": ADMIN,
                "SLAPD_ADMIN_PASSWORD": ADMIN_PASSWORD,
                "SLAPD_PASSWORD": PASSWORD,
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
