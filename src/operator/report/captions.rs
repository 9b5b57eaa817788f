//! Columns by their captions, as Alma Analytics writes them: older and newer spellings differ in case and blanks.

/// The column that a list cannot do without.
pub(crate) const PRIMARY: &str = "Primary Identifier";
/// Says whether the account is kept in Alma.
pub(crate) const USER_TYPE: &str = "User Type";
/// Says whether the identity service holds its password.
pub(crate) const IN_USE: &str = "IdP Service in Use";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    InUse,
    Other,
    Primary,
    Unknown,
    UserType,
}

/// What the column with this caption holds. An internal number such as `User Id` is nothing that anybody signs in with.
pub(crate) fn column(caption: &str) -> Column {
    let caption = folded(caption);
    let numbered = ["identifier", "barcode"].into_iter().find_map(|name| caption.strip_prefix(name));
    if caption == folded(PRIMARY) {
        Column::Primary
    } else if caption == folded(USER_TYPE) {
        Column::UserType
    } else if caption == folded(IN_USE) {
        Column::InUse
    } else if numbered.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
        Column::Other
    } else {
        Column::Unknown
    }
}

fn folded(caption: &str) -> String {
    caption.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// Whether this is the row of captions.
pub(crate) fn is_header<'a>(mut row: impl Iterator<Item = &'a str>) -> bool {
    row.any(|cell| column(cell) == Column::Primary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_known_in_every_spelling() {
        let cases = [
            ("Primary Identifier", Column::Primary),
            ("Primary identifier", Column::Primary),
            (" PRIMARY\u{a0}IDENTIFIER ", Column::Primary),
            ("primaryidentifier", Column::Primary),
            ("User Type", Column::UserType),
            ("usertype", Column::UserType),
            ("IdP Service in Use", Column::InUse),
            ("IDP SERVICE IN USE", Column::InUse),
            ("Identifier", Column::Other),
            ("Identifier 1", Column::Other),
            ("identifier 12", Column::Other),
            ("Barcode", Column::Other),
            ("Barcode 2", Column::Other),
            ("Identifier Type", Column::Unknown),
            ("Primary Identifier 1", Column::Unknown),
            ("User Id", Column::Unknown),
            ("External Id", Column::Unknown),
            ("User Group", Column::Unknown),
            ("", Column::Unknown),
        ];
        for (caption, expected) in cases {
            assert_eq!(column(caption), expected, "{caption:?}");
        }
        assert!(is_header(["User Group", "primary identifier"].into_iter()));
        assert!(!is_header(["Accounts without the identity service", ""].into_iter()));
    }
}
