//! Names of integrations: `AlmaSDK-<user>-institutionCode-<INST>`, as old clients send them by HTTP Basic.

use std::fmt;

use crate::domain::{AccountId, IdentifierError, Institution};

const SEPARATOR: &str = "-institutionCode-";
const PREFIX: &str = "AlmaSDK-";

/// The full Basic name of an integration, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntegrationName {
    full: Box<str>,
    user: AccountId,
}

/// Why a Basic name is no integration's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntegrationNameError {
    /// `-institutionCode-` stands in it more than once in a way that could be split in two places.
    #[error("holds '-institutionCode-' more than once")]
    Ambiguous,
    /// The user or the institution in it is empty, too long or holds a forbidden character.
    #[error("has a part that {0}")]
    Part(IdentifierError),
    /// It does not have the shape `AlmaSDK-<user>-institutionCode-<INST>`.
    #[error("is not of the form AlmaSDK-<user>-institutionCode-<INST>")]
    Shape,
}

impl IntegrationName {
    /// Takes `AlmaSDK-<user>-institutionCode-<INST>` apart at the last `-institutionCode-`.
    ///
    /// # Errors
    /// When the name has another shape, an empty part, or could be split in two ways.
    pub fn parse(full: &str) -> Result<Self, IntegrationNameError> {
        let rest = full.strip_prefix(PREFIX).ok_or(IntegrationNameError::Shape)?;
        let mut separators = separators(rest);
        let last = separators.next_back().ok_or(IntegrationNameError::Shape)?;
        let (user, institution) = (&rest[..last], &rest[last + SEPARATOR.len()..]);
        if separators.next_back().is_some() || user.trim() != user {
            return Err(IntegrationNameError::Ambiguous);
        }
        let institution = Institution::parse(institution).map_err(IntegrationNameError::Part)?;
        let user = AccountId::parse(&institution, user).map_err(IntegrationNameError::Part)?;
        Ok(Self { full: Box::from(full), user })
    }

    /// The whole name, as it is registered and as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// The institution in the name.
    #[must_use]
    pub fn institution(&self) -> &Institution {
        self.user.institution()
    }

    /// The integration's own account: the part between `AlmaSDK-` and `-institutionCode-`, at its institution.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.user
    }
}

/// Where the separator stands in `text`; two may share a '-', so that neither part would hold a whole one. It is looked
/// for by its first character: names hold few hyphens, and every call comes here.
fn separators(text: &str) -> impl DoubleEndedIterator<Item = usize> {
    text.match_indices('-').map(|(at, _)| at).filter(|at| text[*at..].starts_with(SEPARATOR))
}

impl fmt::Display for IntegrationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_at_the_separator() {
        let name = IntegrationName::parse("AlmaSDK-demo_1-institutionCode-01DEMO_INST").expect("valid");
        assert_eq!(name.institution().as_str(), "01DEMO_INST");
        assert_eq!(name.account().identifier(), "demo_1");
        assert_eq!(name.as_str(), "AlmaSDK-demo_1-institutionCode-01DEMO_INST");
    }

    #[test]
    fn names_with_two_separators_or_empty_parts_are_refused() {
        let cases = [
            ("demo", IntegrationNameError::Shape),
            ("AlmaSDK-demo", IntegrationNameError::Shape),
            ("demo-institutionCode-01X", IntegrationNameError::Shape),
            ("AlmaSDK--institutionCode-01X", IntegrationNameError::Part(IdentifierError::Empty)),
            ("AlmaSDK-u-institutionCode-", IntegrationNameError::Part(IdentifierError::Empty)),
            ("AlmaSDK-a-institutionCode-b-institutionCode-c", IntegrationNameError::Ambiguous),
            ("AlmaSDK-a-institutionCode-institutionCode-c", IntegrationNameError::Ambiguous),
            ("AlmaSDK-u-institutionCode-0 1", IntegrationNameError::Part(IdentifierError::ForbiddenCharacter)),
        ];
        for (name, error) in cases {
            assert_eq!(IntegrationName::parse(name), Err(error), "{name}");
        }
    }
}
