//! What an entry says of its account beyond a refusal, as far as the gateway may read it.

use crate::domain::{Rejection, Timestamp};
use crate::identity::SecondLook;
use crate::identity::ldap::message::Entry;
use crate::identity::ldap::settings::LdapFlavour;

/// What slapd writes for an account that is locked until somebody unlocks it.
const LOCKED_FOR_EVER: &str = "000001010000Z";
/// Bits of `userAccountControl`, and of its computed part.
const DISABLED: u32 = 0x2;
const LOCKED_OUT: u32 = 0x10;
const PASSWORD_EXPIRED: u32 = 0x80_0000;
/// Active Directory counts in 100 ns since 1601.
const TICKS_PER_MILLISECOND: i64 = 10_000;
const MILLISECONDS_1601_TO_1970: i64 = 11_644_473_600_000;

/// The attributes that a second look asks for.
pub(crate) fn attributes(flavour: LdapFlavour) -> &'static [&'static str] {
    match flavour {
        LdapFlavour::ActiveDirectory => {
            &["mail", "userAccountControl", "msDS-User-Account-Control-Computed", "accountExpires", "pwdLastSet"]
        }
        LdapFlavour::Ppolicy => &["mail", "pwdAccountLockedTime", "pwdReset"],
    }
}

/// Reads them. An attribute that is not there may be one that the gateway may not read: it says nothing.
pub(crate) fn read(flavour: LdapFlavour, entry: &Entry, now: Timestamp) -> SecondLook {
    let rejection = match flavour {
        LdapFlavour::ActiveDirectory => active_directory(entry, now),
        LdapFlavour::Ppolicy => ppolicy(entry),
    };
    let has_mail = entry.texts("mail").next().map(|_| true);
    SecondLook { rejection, has_mail, ..SecondLook::default() }
}

/// A lock that ends by itself leaves its time behind when it is over, so only one that does not says that it still is.
fn ppolicy(entry: &Entry) -> Option<Rejection> {
    if entry.texts("pwdAccountLockedTime").any(|time| time == LOCKED_FOR_EVER) {
        return Some(Rejection::Locked);
    }
    entry.texts("pwdReset").any(|value| value == "TRUE").then_some(Rejection::MustChange)
}

fn active_directory(entry: &Entry, now: Timestamp) -> Option<Rejection> {
    let bits = |name: &str| entry.texts(name).find_map(|text| text.parse::<i64>().ok()).unwrap_or_default();
    let has = |name: &str, bit: u32| bits(name) & i64::from(bit) != 0;
    let computed = "msDS-User-Account-Control-Computed";
    let number = |name: &str| entry.texts(name).find_map(|text| text.parse::<i64>().ok());
    // Zero and the largest number both stand for never.
    let expires = number("accountExpires").filter(|ticks| *ticks > 0 && *ticks < i64::MAX);
    let is_over =
        expires.is_some_and(|ticks| ticks / TICKS_PER_MILLISECOND - MILLISECONDS_1601_TO_1970 < now.as_millis());
    if has("userAccountControl", DISABLED) {
        Some(Rejection::Disabled)
    } else if is_over {
        Some(Rejection::Expired)
    } else if has(computed, LOCKED_OUT) {
        Some(Rejection::Locked)
    } else if has(computed, PASSWORD_EXPIRED) || number("pwdLastSet") == Some(0) {
        Some(Rejection::MustChange)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(flavour: LdapFlavour, attributes: &[(&str, &[&str])]) -> Option<Rejection> {
        // 2026-11-22.
        read(flavour, &Entry::new("cn=x", attributes), Timestamp::from_millis(1_795_305_600_000)).rejection
    }

    #[test]
    fn a_lock_that_may_be_over_is_none() {
        let ppolicy = |attributes: &[(&str, &[&str])]| look(LdapFlavour::Ppolicy, attributes);
        assert_eq!(ppolicy(&[("pwdAccountLockedTime", &["000001010000Z"])]), Some(Rejection::Locked));
        assert_eq!(ppolicy(&[("pwdAccountLockedTime", &["20261122000000Z"])]), None);
        assert_eq!(ppolicy(&[("pwdReset", &["TRUE"])]), Some(Rejection::MustChange));
        assert_eq!(ppolicy(&[("pwdReset", &["FALSE"])]), None);
        assert_eq!(ppolicy(&[]), None);
    }

    #[test]
    fn active_directory_says_what_its_result_does_not() {
        let directory = |attributes: &[(&str, &[&str])]| look(LdapFlavour::ActiveDirectory, attributes);
        let computed = "msDS-User-Account-Control-Computed";
        assert_eq!(directory(&[("userAccountControl", &["514"]), (computed, &["16"])]), Some(Rejection::Disabled));
        assert_eq!(directory(&[("userAccountControl", &["512"]), (computed, &["16"])]), Some(Rejection::Locked));
        assert_eq!(directory(&[(computed, &["8388608"])]), Some(Rejection::MustChange));
        assert_eq!(directory(&[("pwdLastSet", &["0"])]), Some(Rejection::MustChange));
        assert_eq!(directory(&[("accountExpires", &["132539328000000000"])]), Some(Rejection::Expired), "2021");
        for never in ["0", "9223372036854775807", "160000000000000000", "soon"] {
            assert_eq!(directory(&[("accountExpires", &[never]), ("pwdLastSet", &["133000000000000000"])]), None);
        }
    }
}
