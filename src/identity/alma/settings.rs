//! Settings of the `alma` adapter.

use std::path::PathBuf;

use crate::identity::ServiceSecret;

/// How the Ex Libris Identity Service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlmaSettings {
    /// The API gateway of the region, such as `https://api-eu.hosted.exlibrisgroup.com`, without a final slash.
    pub base_url: String,
    /// A key with read and write rights on Users.
    pub api_key: ServiceSecret,
    /// Which of a person's identifiers callers may present, in Alma's words.
    pub user_id_type: String,
    /// Whether the user's record is read after a refusal.
    pub second_look: bool,
    /// How a password with other than ASCII characters is written into its header.
    pub password_encoding: PasswordEncoding,
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// How characters become the bytes of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordEncoding {
    /// ISO 8859-1; a password with other characters cannot be sent.
    Latin1,
    /// UTF-8.
    Utf8,
}
