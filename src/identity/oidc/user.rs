//! A user of Keycloak's, as its administration describes it, and what that says beyond a refusal.

use serde::Deserialize;

use crate::domain::{AccountId, Institution, Rejection};
use crate::identity::port::SecondLook;

/// The action that a manual password update ends.
const UPDATE_PASSWORD: &str = "UPDATE_PASSWORD";

/// One user of a search.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) id: String,
    username: String,
    email: Option<String>,
    #[serde(default)]
    enabled: bool,
    /// The directory that the user comes from, with its password.
    federation_link: Option<String>,
    #[serde(default)]
    required_actions: Vec<String>,
}

/// What must be asked for apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) has_password: bool,
    /// By brute force protection.
    pub(crate) is_locked: bool,
    /// To another identity provider.
    pub(crate) is_linked: bool,
}

#[derive(Deserialize)]
struct Credential {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct BruteForce {
    disabled: bool,
}

/// Reads the users of a search.
pub(crate) fn read_users(body: &[u8]) -> Option<Vec<User>> {
    serde_json::from_slice(body).ok()
}

/// Whether a list of credentials has a password.
pub(crate) fn has_password(body: &[u8]) -> Option<bool> {
    let credentials: Vec<Credential> = serde_json::from_slice(body).ok()?;
    Some(credentials.iter().any(|credential| credential.kind == "password"))
}

/// Whether brute force protection holds the user off.
pub(crate) fn is_locked(body: &[u8]) -> Option<bool> {
    serde_json::from_slice::<BruteForce>(body).ok().map(|state| state.disabled)
}

/// Whether a list of links to other identity providers has any.
pub(crate) fn has_links(body: &[u8]) -> Option<bool> {
    serde_json::from_slice::<Vec<serde_json::Value>>(body).ok().map(|links| !links.is_empty())
}

impl User {
    /// Whether the password may be kept in a directory, of which Keycloak's own lists say nothing.
    pub(crate) fn is_federated(&self) -> bool {
        self.federation_link.is_some()
    }

    /// What all that says.
    pub(crate) fn conclude(&self, institution: &Institution, beside: Beside) -> SecondLook {
        let has_none = !beside.has_password && !self.is_federated();
        let kept_elsewhere = has_none && beside.is_linked;
        let rejection = if beside.is_locked {
            Some(Rejection::Locked)
        } else if !self.enabled {
            Some(Rejection::Disabled)
        } else if kept_elsewhere {
            None
        } else if has_none {
            Some(Rejection::NoPassword)
        } else if self.required_actions.iter().any(|action| action == UPDATE_PASSWORD) {
            Some(Rejection::MustChange)
        } else if self.required_actions.is_empty() {
            None
        } else {
            Some(Rejection::SetUpPending)
        };
        SecondLook {
            identifiers: AccountId::parse(institution, &self.username).into_iter().collect(),
            kept_elsewhere,
            rejection,
            has_mail: Some(self.email.as_ref().is_some_and(|mail| !mail.trim().is_empty())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Answer;
    use crate::identity::fixture::{flag_of, table_rows};

    const TABLE: &str = include_str!("README.md");

    fn look(user: &str, beside: Beside) -> SecondLook {
        let users = read_users(format!(r#"[{{"id":"1","username":"Reader",{user}}}]"#).as_bytes()).expect("users");
        users[0].conclude(&Institution::parse("01X").expect("a code"), beside)
    }

    #[test]
    fn every_row_of_the_second_table_is_what_a_look_says() {
        let fine = Beside { has_password: true, is_locked: false, is_linked: false };
        let cases = [
            ("held off by brute force protection", r#""enabled":true"#, Beside { is_locked: true, ..fine }),
            ("disabled", r#""enabled":false"#, fine),
            ("without a password", r#""enabled":true"#, Beside { has_password: false, ..fine }),
            (
                "without a password, linked to another identity provider",
                r#""enabled":true"#,
                Beside { has_password: false, is_linked: true, ..fine },
            ),
            (
                "from a directory, which keeps the password",
                r#""enabled":true,"federationLink":"ldap""#,
                Beside { has_password: false, ..fine },
            ),
            (
                "`UPDATE_PASSWORD` required",
                r#""enabled":true,"requiredActions":["VERIFY_EMAIL","UPDATE_PASSWORD"]"#,
                fine,
            ),
            ("another action required", r#""enabled":true,"requiredActions":["VERIFY_EMAIL"]"#, fine),
            ("nothing of that", r#""enabled":true"#, fine),
        ];
        let rows: Vec<Vec<&str>> =
            table_rows(TABLE).into_iter().filter(|row| row.len() == 3 && row[0] != "the user is").collect();
        assert_eq!(rows.len(), cases.len(), "{rows:?}");
        for (row, (situation, user, beside)) in rows.iter().zip(cases) {
            let look = look(user, beside);
            let told = if look.kept_elsewhere {
                "kept elsewhere"
            } else {
                look.rejection.map_or("what the refusal said", Rejection::label)
            };
            // A refusal that the table calls wrong-password flags nobody by itself.
            let rejection = look.rejection.unwrap_or(Rejection::WrongPassword);
            let flag = if look.kept_elsewhere { "-" } else { flag_of(Ok(Answer::Rejected(rejection))) };
            assert_eq!(row[..], [situation, told, flag], "{situation}");
        }
    }

    #[test]
    fn a_look_tells_the_name_and_whether_there_is_a_mail_address() {
        let fine = Beside { has_password: true, is_locked: false, is_linked: false };
        let seen = look(r#""email":"r@example.org","enabled":true"#, fine);
        assert_eq!(seen.identifiers.iter().map(AccountId::identifier).collect::<Vec<_>>(), ["reader"]);
        assert_eq!(seen.has_mail, Some(true));
        assert_eq!(look(r#""email":" ","enabled":true"#, fine).has_mail, Some(false));
        assert_eq!(look(r#""enabled":true"#, fine).has_mail, Some(false));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for body in ["", "<html>", "{}", r#"[{"id":1}]"#] {
            assert_eq!(read_users(body.as_bytes()), None, "{body}");
        }
        assert_eq!(has_password(b"{}"), None);
        assert_eq!((has_password(b"[]"), has_password(br#"[{"type":"otp"}]"#)), (Some(false), Some(false)));
        assert_eq!((is_locked(b"{}"), is_locked(br#"{"disabled":true}"#)), (None, Some(true)));
        assert_eq!((has_links(b"{}"), has_links(b"[{}]")), (None, Some(true)));
    }
}
