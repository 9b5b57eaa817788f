//! What a directory says, and what it means. Whatever is not a clear yes or no is no answer.

use crate::domain::{AccountId, Answer, NoAnswer, Rejection};
use crate::identity::ldap::connection::Found;
use crate::identity::ldap::filter::Naming;
use crate::identity::ldap::message::Outcome;
use crate::identity::ldap::name::person;
use crate::identity::ldap::ppolicy::{self, PPOLICY, PolicyError, PolicySays};
use crate::identity::ldap::settings::LdapFlavour;
use crate::identity::port::IdentityError;

// Result codes (RFC 4511, appendix A).
const SUCCESS: u32 = 0;
const TIME_LIMIT_EXCEEDED: u32 = 3;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const REFERRAL: u32 = 10;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_CREDENTIALS: u32 = 49;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;
const OTHER: u32 = 80;

/// Operations error (Active Directory's word for "sign in first"), stronger or confidential authentication required,
/// inappropriate matching, invalid name, inappropriate authentication, insufficient rights, unwilling to perform.
const OUR_SET_UP: [u32; 8] = [1, 8, 13, 18, 34, 48, 50, 53];

/// Who is to be bound as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whom {
    pub(crate) dn: String,
    /// Under which identifier all of the entry's are counted, where that is known.
    pub(crate) person: Option<AccountId>,
}

/// What the bind of the one asked about means. Every error is one after sending.
pub(crate) fn user_bind(flavour: LdapFlavour, outcome: &Outcome) -> Result<Answer, IdentityError> {
    let says = match flavour {
        LdapFlavour::ActiveDirectory => PolicySays::default(),
        LdapFlavour::Ppolicy => policy(outcome)?,
    };
    match (outcome.code, says) {
        (SUCCESS, PolicySays { error: None, grace: None }) => Ok(Answer::Accepted),
        (
            SUCCESS,
            PolicySays { error: Some(PolicyError::ChangeAfterReset | PolicyError::PasswordExpired), .. }
            | PolicySays { error: None, grace: Some(_) },
        ) => Ok(Answer::MustChange),
        (SUCCESS, PolicySays { error: Some(PolicyError::AccountLocked | PolicyError::Other(_)), .. }) => {
            Err(IdentityError::sent(NoAnswer::Protocol, "it said yes to a bind, and no beside it"))
        }
        (INVALID_CREDENTIALS, says) => Ok(Answer::Rejected(match (flavour, says.error) {
            (LdapFlavour::ActiveDirectory, _) => sub_code(&outcome.diagnostic),
            (LdapFlavour::Ppolicy, Some(PolicyError::AccountLocked)) => Rejection::Locked,
            (LdapFlavour::Ppolicy, Some(PolicyError::ChangeAfterReset | PolicyError::PasswordExpired)) => {
                Rejection::MustChange
            }
            (LdapFlavour::Ppolicy, Some(PolicyError::Other(_)) | None) => Rejection::WrongPassword,
        })),
        (NO_SUCH_OBJECT, _) => Ok(Answer::Rejected(Rejection::UnknownAccount)),
        (code, _) => Err(IdentityError::sent(outage(code), format!("bind result {code}"))),
    }
}

/// What the password policy control of an answer says; without one, nothing.
fn policy(outcome: &Outcome) -> Result<PolicySays, IdentityError> {
    let Some(control) = outcome.controls.iter().find(|control| control.name == PPOLICY) else {
        return Ok(PolicySays::default());
    };
    control.value.as_deref().and_then(|value| ppolicy::read(value).ok()).ok_or_else(|| {
        let detail = format!("bind result {} with a password policy control that cannot be understood", outcome.code);
        IdentityError::sent(NoAnswer::Protocol, detail)
    })
}

/// Active Directory's reason, in the diagnostic text of result 49: `..., data 52e, v4563`.
fn sub_code(diagnostic: &str) -> Rejection {
    let data = diagnostic.split_once(", data ").map(|(_, rest)| rest.split([',', ' ', '\0']).next().unwrap_or(rest));
    match data {
        Some("525") => Rejection::UnknownAccount,
        Some("530" | "531") => Rejection::Policy,
        Some("532" | "773") => Rejection::MustChange,
        Some("533") => Rejection::Disabled,
        Some("701") => Rejection::Expired,
        Some("775") => Rejection::Locked,
        // 52e, and whatever else is a no.
        _ => Rejection::WrongPassword,
    }
}

/// What a result that says nothing of the password means.
fn outage(code: u32) -> NoAnswer {
    match code {
        BUSY => NoAnswer::Throttled(None),
        TIME_LIMIT_EXCEEDED | UNAVAILABLE | OTHER => NoAnswer::Unreachable,
        REFERRAL => NoAnswer::Misconfigured,
        code if OUR_SET_UP.contains(&code) => NoAnswer::Misconfigured,
        _ => NoAnswer::Protocol,
    }
}

/// What the gateway's own bind means. Nothing of anybody's password was sent.
pub(crate) fn own_bind(outcome: &Outcome) -> Result<(), IdentityError> {
    match outcome.code {
        SUCCESS => Ok(()),
        INVALID_CREDENTIALS | NO_SUCH_OBJECT => {
            Err(IdentityError::unsent(NoAnswer::Misconfigured, "bind_dn or bind_password is wrong"))
        }
        code => Err(IdentityError::unsent(outage(code), format!("the gateway's own sign-in: bind result {code}"))),
    }
}

/// Whom a search has found: the one entry that is called as was asked. Nothing of anybody's password was sent.
pub(crate) fn whom(namings: &[Naming], found: &Found, asked: &AccountId) -> Result<Option<Whom>, IdentityError> {
    let no_answer = |why, detail: String| Err(IdentityError::named(why, detail));
    match (found.outcome.code, found.entries.as_slice()) {
        (SUCCESS | SIZE_LIMIT_EXCEEDED, [_, _, ..]) => {
            no_answer(NoAnswer::Misconfigured, "more than one entry is called as was asked".to_owned())
        }
        (SUCCESS, []) => Ok(None),
        // A bind without a name is nobody's, and some directories say yes to it.
        (SUCCESS, [entry]) if entry.dn.trim().is_empty() => {
            no_answer(NoAnswer::Protocol, "it found an entry without a name".to_owned())
        }
        (SUCCESS, [entry]) => {
            let person = person(namings, entry, asked);
            Ok(person.map(|person| Whom { dn: entry.dn.clone(), person: Some(person) }))
        }
        (NO_SUCH_OBJECT, _) => {
            no_answer(NoAnswer::Misconfigured, "base_dn is not there, or bind_dn may not see it".to_owned())
        }
        (SIZE_LIMIT_EXCEEDED, _) => {
            no_answer(NoAnswer::Misconfigured, "it does not say whether another entry is called so too".to_owned())
        }
        (code, _) => no_answer(outage(code), format!("search result {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Institution;
    use crate::identity::Sent;
    use crate::identity::fixture::{flag_of, in_words, table_rows};
    use crate::identity::ldap::filter::Filter;
    use crate::identity::ldap::message::{Control, Entry};

    const TABLE: &str = include_str!("README.md");

    fn control(value: &[u8]) -> Vec<Control> {
        vec![Control { name: PPOLICY.to_owned(), value: Some(value.to_vec()) }]
    }

    /// The outcome that a cell of the table tells: a code, perhaps with what stands beside it.
    fn outcome(cell: &str) -> (LdapFlavour, Outcome) {
        let (code, beside) = cell.split_once(", ").unwrap_or((cell, ""));
        let outcome = Outcome { code: code.parse().expect("a code"), ..Outcome::default() };
        match beside.split_once(' ').unwrap_or((beside, "")) {
            ("", _) => (LdapFlavour::Ppolicy, outcome),
            ("error", error) => {
                let controls = control(&[0x30, 3, 0x81, 1, error.parse().expect("a number")]);
                (LdapFlavour::Ppolicy, Outcome { controls, ..outcome })
            }
            ("grace", count) => {
                let controls = control(&[0x30, 5, 0xa0, 3, 0x81, 1, count.parse().expect("a number")]);
                (LdapFlavour::Ppolicy, Outcome { controls, ..outcome })
            }
            ("expires", "soon") => {
                let controls = control(&[0x30, 5, 0xa0, 3, 0x80, 1, 60]);
                (LdapFlavour::Ppolicy, Outcome { controls, ..outcome })
            }
            ("data", data) => {
                // As Microsoft documents it.
                let comment = "80090308: LdapErr: DSID-0C090334, comment: AcceptSecurityContext error";
                let diagnostic = format!("{comment}, data {data}, vece\0");
                (LdapFlavour::ActiveDirectory, Outcome { diagnostic, ..outcome })
            }
            other => panic!("{other:?}"),
        }
    }

    fn search(cell: &str) -> Result<Answer, IdentityError> {
        let (code, entries) = cell.split_once(", ").unwrap_or((cell, "no entry"));
        let entry = |uid: &str| Entry::new("uid=reader,dc=org", &[("uid", &[uid])]);
        let entries = match entries {
            "no entry" => Vec::new(),
            "one entry" => vec![entry("reader")],
            "two entries" => vec![entry("reader"), entry("reader")],
            "an entry of another spelling" => vec![entry("re\u{ad}ader")],
            other => panic!("{other}"),
        };
        let found = Found { entries, outcome: Outcome { code: code.parse().expect("a code"), ..Outcome::default() } };
        let filter = Filter::parse("(uid={user})").expect("a filter");
        let asked = AccountId::parse(&Institution::parse("01X").expect("a code"), "reader").expect("an identifier");
        whom(filter.namings(), &found, &asked)
            .map(|whom| whom.map_or(Answer::Rejected(Rejection::UnknownAccount), |_| Answer::Accepted))
    }

    #[test]
    fn every_row_of_the_table_is_what_the_code_says() {
        let rows = table_rows(TABLE);
        assert!(rows.len() >= 30, "{}", rows.len());
        for row in rows {
            let [situation, says, verdict, flag] = row[..] else { panic!("{row:?}") };
            let (said, sent) = if let Some(cell) = says.strip_prefix("bind ") {
                let (flavour, outcome) = outcome(cell);
                (user_bind(flavour, &outcome), Sent::Maybe)
            } else if let Some(cell) = says.strip_prefix("search ") {
                (search(cell), Sent::Name)
            } else if let Some(cell) = says.strip_prefix("own bind ") {
                (own_bind(&outcome(cell).1).map(|()| Answer::Accepted), Sent::No)
            } else {
                assert_eq!(says, "nobody is asked");
                continue;
            };
            assert_eq!(in_words(&said), verdict, "{situation}");
            if let Err(error) = &said {
                assert_eq!(error.sent, sent, "{situation}");
            }
            assert_eq!(flag_of(said.map_err(|error| error.no_answer)), flag, "{situation}");
        }
    }

    #[test]
    fn every_result_code_but_three_is_no_answer() {
        for flavour in [LdapFlavour::ActiveDirectory, LdapFlavour::Ppolicy] {
            for code in 0..200 {
                let said = user_bind(flavour, &Outcome { code, ..Outcome::default() });
                assert_eq!(said.is_ok(), [SUCCESS, NO_SUCH_OBJECT, INVALID_CREDENTIALS].contains(&code), "{code}");
            }
        }
        for code in 1..200 {
            assert!(own_bind(&Outcome { code, ..Outcome::default() }).is_err(), "{code}");
        }
    }

    #[test]
    fn a_control_that_cannot_be_understood_is_no_answer() {
        for code in [SUCCESS, INVALID_CREDENTIALS] {
            for controls in [control(&[0x30, 1]), control(&[]), vec![Control { name: PPOLICY.to_owned(), value: None }]]
            {
                let error = user_bind(LdapFlavour::Ppolicy, &Outcome { code, controls, ..Outcome::default() });
                assert_eq!(error.expect_err("no answer").no_answer, NoAnswer::Protocol);
            }
        }
        let other = vec![Control { name: "1.2.3".to_owned(), value: None }];
        let said = user_bind(LdapFlavour::Ppolicy, &Outcome { controls: other, ..Outcome::default() });
        assert_eq!(said, Ok(Answer::Accepted), "others are none of our business");
    }

    #[test]
    fn what_a_directory_writes_for_its_own_people_does_not_reach_the_log() {
        let diagnostic = "uid=planted,dc=org is not here".to_owned();
        let error = user_bind(LdapFlavour::Ppolicy, &Outcome { code: 53, diagnostic, ..Outcome::default() });
        assert_eq!(error.expect_err("no answer").detail, "bind result 53");
    }

    #[test]
    fn sub_codes_are_read_in_every_form_that_was_seen() {
        let samba = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 775, v1db1";
        assert_eq!(sub_code(samba), Rejection::Locked);
        assert_eq!(sub_code("Simple Bind Failed: NT_STATUS_LOGON_FAILURE"), Rejection::WrongPassword);
        assert_eq!(sub_code(", data 77"), Rejection::WrongPassword);
        assert_eq!(sub_code(", data 775"), Rejection::Locked);
    }
}
