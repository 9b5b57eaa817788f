//! The password policy control (draft-behera-ldap-password-policy-10, section 6): what a directory says beside a bind.

use crate::identity::ldap::ber::{Malformed, OCTETS, Reader, SEQUENCE, Wiped, element, read_number};

/// The control's name, in requests and answers.
pub(crate) const PPOLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

const WARNING: u8 = 0xa0;
const ERROR: u8 = 0x81;
const TIME_BEFORE_EXPIRATION: u8 = 0x80;
const GRACE_REMAINING: u8 = 0x81;

/// What the control of an answer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicySays {
    pub(crate) error: Option<PolicyError>,
    /// The password has expired, and lets in this many times more.
    pub(crate) grace: Option<u32>,
}

/// What is wrong, as far as a bind can meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyError {
    AccountLocked,
    ChangeAfterReset,
    Other(u32),
    PasswordExpired,
}

/// The control of a request; not critical, so that a directory without it answers all the same.
pub(crate) fn request_control() -> Wiped {
    element(SEQUENCE, &[&element(OCTETS, &[PPOLICY.as_bytes()])])
}

/// Reads the value of an answer's control.
pub(crate) fn read(value: &[u8]) -> Result<PolicySays, Malformed> {
    let mut outer = Reader::new(value);
    let mut reader = outer.within(SEQUENCE)?;
    let mut says = PolicySays::default();
    if let Some(warning) = reader.optional(WARNING)? {
        let mut warning = Reader::new(warning);
        match warning.element()? {
            (TIME_BEFORE_EXPIRATION, _) => {}
            (GRACE_REMAINING, count) => says.grace = Some(read_number(count)?),
            _ => return Err(Malformed),
        }
        if !warning.is_at_end() {
            return Err(Malformed);
        }
    }
    if let Some(error) = reader.optional(ERROR)? {
        says.error = Some(match read_number(error)? {
            0 => PolicyError::PasswordExpired,
            1 => PolicyError::AccountLocked,
            2 => PolicyError::ChangeAfterReset,
            other => PolicyError::Other(other),
        });
    }
    if reader.is_at_end() && outer.is_at_end() { Ok(says) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let error = |error| Ok(PolicySays { error: Some(error), grace: None });
        let cases: [(&[u8], Result<PolicySays, Malformed>); 8] = [
            (&[0x30, 0], Ok(PolicySays::default())),
            (&[0x30, 3, 0x81, 1, 0], error(PolicyError::PasswordExpired)),
            (&[0x30, 3, 0x81, 1, 1], error(PolicyError::AccountLocked)),
            (&[0x30, 3, 0x81, 1, 2], error(PolicyError::ChangeAfterReset)),
            (&[0x30, 3, 0x81, 1, 8], error(PolicyError::Other(8))),
            // Expires in a quarter of an hour.
            (&[0x30, 6, 0xa0, 4, 0x80, 2, 3, 0x84], Ok(PolicySays::default())),
            (&[0x30, 5, 0xa0, 3, 0x81, 1, 2], Ok(PolicySays { error: None, grace: Some(2) })),
            (
                &[0x30, 8, 0xa0, 3, 0x81, 1, 0, 0x81, 1, 0],
                Ok(PolicySays { error: Some(PolicyError::PasswordExpired), grace: Some(0) }),
            ),
        ];
        for (value, says) in cases {
            assert_eq!(read(value), says, "{value:?}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_not_guessed() {
        let strange: [&[u8]; 9] = [
            &[],
            &[0x30],
            &[0x30, 3, 0x81, 1],
            &[0x30, 3, 0x82, 1, 0],
            &[0x30, 2, 0xa0, 0],
            &[0x30, 5, 0xa0, 3, 0x82, 1, 0],
            &[0x30, 3, 0x81, 1, 0xff],
            &[0x30, 0, 0],
            &[0x04, 0],
        ];
        for value in strange {
            assert_eq!(read(value), Err(Malformed), "{value:?}");
        }
    }

    #[test]
    fn the_request_names_the_control_and_nothing_else() {
        let control = request_control();
        assert_eq!(control[..4], [0x30, 27, 4, 25]);
        assert_eq!(control[4..], *PPOLICY.as_bytes());
    }
}
