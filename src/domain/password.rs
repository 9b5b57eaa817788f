//! The one type in which a password lives. It has no `Debug`, `Display`, `Serialize` or `Clone`, and is wiped when dropped.

use zeroize::Zeroizing;

/// A password as it was presented, byte for byte: never trimmed, never normalised.
///
/// No text can be made of it by accident, not even by a panic or an error, and there is only ever one of it:
///
/// ```compile_fail,E0277
/// # use soapgate::domain::Password;
/// println!("{:?}", Password::new(String::new()));
/// ```
/// ```compile_fail,E0277
/// # use soapgate::domain::Password;
/// println!("{}", Password::new(String::new()));
/// ```
/// ```compile_fail,E0277
/// # use soapgate::domain::Password;
/// serde_json::to_string(&Password::new(String::new()));
/// ```
/// ```compile_fail,E0599
/// # use soapgate::domain::Password;
/// Password::new(String::new()).clone();
/// ```
/// ```
/// # use soapgate::domain::Password;
/// assert_eq!(Password::new(" kept ".to_owned()).expose(), " kept ");
/// ```
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password; `text` is wiped when the value is dropped.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The password itself, for hashing or for sending it to the identity service. Nothing else may call this.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was presented.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
