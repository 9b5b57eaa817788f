"""Fills a fresh domain with accounts in every situation. Run by the Python that Samba's own modules are installed for.

Arguments: the configuration, the password of all accounts, the gateway's own password.
"""

import base64
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

# Lets the time of the last change be set, which nobody can otherwise.
BYPASS_LAST_SET = "local_oid:1.3.6.1.4.1.7165.4.3.20:0"
LONG_AGO = 132539328000000000
NORMAL, DISABLED, NEVER_EXPIRES = 0x200, 0x2, 0x10000
# Three failures lock for half an hour, in units of 100 ns.
HALF_AN_HOUR = -30 * 60 * 10**7


def main() -> None:
    configuration, password, own_password = sys.argv[1:]
    parameters = LoadParm()
    parameters.load(configuration)
    database = SamDB(session_info=system_session(), lp=parameters)
    base = str(database.domain_dn())

    def change(dn: str, attribute: str, value: object, *controls: str) -> None:
        line = f"{attribute}:: {value.decode()}" if isinstance(value, bytes) else f"{attribute}: {value}"
        database.modify_ldif(
            f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{line}\n", list(controls) if controls else None
        )

    rules = {
        "pwdProperties": 0,
        "minPwdLength": 1,
        "pwdHistoryLength": 0,
        "lockoutThreshold": 3,
        "lockoutDuration": HALF_AN_HOUR,
        "lockOutObservationWindow": HALF_AN_HOUR,
    }
    for attribute, value in rules.items():
        change(base, attribute, value)
    names = ["reader", "mustchange", "stale", "disabled", "expired", "locked", "lockme", "untimely", "shielded"]
    for name in names:
        database.newuser(name, password)
    database.newuser("zoë", "p&<>\"'é€ ")
    database.newuser("soapgate", own_password)

    def user(name: str) -> str:
        return f"CN={name},CN=Users,{base}"

    for name in ["soapgate", *names]:
        change(user(name), "userAccountControl", NORMAL | NEVER_EXPIRES)
    for name in ("mustchange", "stale"):
        change(user(name), "userAccountControl", NORMAL)
    change(user("mustchange"), "pwdLastSet", 0)
    change(user("stale"), "pwdLastSet", LONG_AGO, BYPASS_LAST_SET)
    change(user("disabled"), "userAccountControl", NORMAL | NEVER_EXPIRES | DISABLED)
    change(user("expired"), "accountExpires", LONG_AGO)
    change(user("untimely"), "logonHours", base64.b64encode(bytes(21)))
    change(user("reader"), "mail", "reader@example.org")


if __name__ == "__main__":
    main()
