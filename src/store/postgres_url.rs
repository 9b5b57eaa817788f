//! The address of a PostgreSQL: what may stand in it, how its connection is protected, and what of it is shown.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use sqlx::ConnectOptions;
use sqlx::any::AnyConnectOptions;

use crate::store::StoreError;

/// The address of a PostgreSQL database. Neither its `Debug` nor its `Display` shows the password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// As the driver reads it; what the driver would otherwise take from the environment is said.
    whole: Box<str>,
    /// As it was written, without the password.
    shown: Box<str>,
    has_password: bool,
}

impl PostgresUrl {
    /// Whether `url` is meant to name a PostgreSQL, well or badly.
    #[must_use]
    pub fn is_meant(url: &str) -> bool {
        ["postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme))
    }

    /// Reads `postgres://user:password@host:port/database?sslmode=…`. Password, port and what stands behind the question
    /// mark may be left out; a host that begins with `%2F` is the folder of a Unix socket.
    ///
    /// Beyond this machine the connection is encrypted and the server's certificate and name are checked, unless
    /// `sslmode` says `require` or `verify-ca`; one in clear is refused.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead; nothing of the url is shown.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        const NOT_UNDERSTOOD: &str = "is no address of a PostgreSQL; write postgres://user@host/database";
        let options: AnyConnectOptions = url.parse().map_err(|_| NOT_UNDERSTOOD)?;
        let mut parsed = options.database_url;
        let mut shown = parsed.clone();
        let host = parsed.host_str().unwrap_or_default().to_owned();
        if host.is_empty() || parsed.fragment().is_some() || shown.set_password(None).is_err() {
            return Err(NOT_UNDERSTOOD);
        }
        if parsed.username().is_empty() {
            return Err("names no user; write postgres://user@host/database");
        }
        let database = parsed.path().trim_start_matches('/');
        if database.is_empty() || database.contains('/') {
            return Err("names no database; write postgres://user@host/database");
        }
        let mut mode = None;
        for (name, value) in parsed.query_pairs() {
            match &*name {
                "sslmode" => mode = Some(value.into_owned()),
                "sslrootcert" | "sslcert" | "sslkey" if value.starts_with('/') => {}
                "sslrootcert" | "sslcert" | "sslkey" => {
                    return Err("names a certificate or a key by a relative path; write an absolute one");
                }
                _ => {
                    return Err("has a parameter that soapgate sets itself or does not know; \
                         it knows sslmode, sslrootcert, sslcert and sslkey");
                }
            }
        }
        match (mode.as_deref(), is_here(&host)) {
            (Some("require" | "verify-ca" | "verify-full"), _) | (Some("disable" | "prefer"), true) => {}
            (None, true) => drop(parsed.query_pairs_mut().append_pair("sslmode", "prefer")),
            (None, false) => drop(parsed.query_pairs_mut().append_pair("sslmode", "verify-full")),
            (Some("disable" | "allow" | "prefer"), _) => {
                return Err("lets hashes of passwords cross the network in clear; \
                     leave sslmode out, or write verify-full, verify-ca or require");
            }
            (Some(_), _) => return Err("has an unknown sslmode; write verify-full, verify-ca or require"),
        }
        // The driver cannot look up an address in brackets.
        if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            parsed.query_pairs_mut().append_pair("host", address);
        }
        let has_password = parsed.password().is_some();
        Ok(Self { whole: parsed.as_str().into(), shown: shown.as_str().into(), has_password })
    }

    /// Whether a password stands in it.
    #[must_use]
    pub const fn has_password(&self) -> bool {
        self.has_password
    }

    /// The same address with `password`, which stood somewhere else.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        let mut escaped = String::with_capacity(3 * password.len());
        for byte in password.bytes() {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        let Ok(AnyConnectOptions { mut database_url, .. }) = self.whole.parse() else { return self };
        // It fails for addresses without a host only.
        let _ = database_url.set_password(Some(&escaped));
        Self { whole: database_url.as_str().into(), shown: self.shown, has_password: true }
    }

    pub(crate) fn connect_options(&self) -> Result<AnyConnectOptions, StoreError> {
        let options: AnyConnectOptions = self.whole.parse().map_err(StoreError::during("be opened"))?;
        // The statements' text says nothing that our own log lines do not say better.
        Ok(options.disable_statement_logging())
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"))
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> String {
        let whole = PostgresUrl::parse(url).expect(url).whole;
        let (_, mode) = whole.split_once("sslmode=").expect("it is always said");
        mode.split('&').next().expect("a value").to_owned()
    }

    #[test]
    fn beyond_this_machine_a_server_must_prove_who_it_is() {
        let cases = [
            ("postgres://u@localhost/d", "prefer"),
            ("postgresql://u@127.0.0.2:5433/d", "prefer"),
            ("postgres://u@[::1]:5433/d", "prefer"),
            ("postgres://u@%2Frun%2Fpostgresql/d", "prefer"),
            ("postgres://u@127.0.0.1/d?sslmode=disable", "disable"),
            ("postgres://u@db.example.org/d", "verify-full"),
            ("postgres://u@10.0.0.1/d", "verify-full"),
            ("postgres://u@db/d?sslmode=require", "require"),
            ("postgres://u@db/d?sslrootcert=/etc/ca.pem&sslmode=verify-ca", "verify-ca"),
            ("postgres://u@db/d?sslrootcert=/etc/ca.pem", "verify-full"),
        ];
        for (url, expected) in cases {
            assert_eq!(mode(url), expected, "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_and_nothing_of_them_is_shown() {
        let cases = [
            ("postgres:u@h/d", "is no address"),
            ("postgres://", "is no address"),
            ("postgres:///s3cret", "is no address"),
            ("postgres://u:s3cret@h:port/d", "is no address"),
            ("postgres://u:s3cret@h/d#s3cret", "is no address"),
            ("postgres://h/d", "names no user"),
            ("postgres://u:s3cret@h", "names no database"),
            ("postgres://u:s3cret@h/d/s3cret", "names no database"),
            ("postgres://u@h/d?password=s3cret", "has a parameter"),
            ("postgres://u@h/d?host=s3cret", "has a parameter"),
            ("postgres://u@h/d?sslrootcert=ca.pem", "by a relative path"),
            ("postgres://u@h/d?sslmode=s3cret", "has an unknown sslmode"),
            ("postgres://u:s3cret@h/d?sslmode=prefer", "in clear"),
            ("postgres://u@h/d?sslmode=allow", "in clear"),
            ("postgres://u@h/d?sslmode=disable", "in clear"),
        ];
        for (url, expected) in cases {
            let problem = PostgresUrl::parse(url).expect_err(url);
            assert!(problem.contains(expected) && !problem.contains("s3cret"), "{url}: {problem}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let url = PostgresUrl::parse("postgres://us%20er:s3cret@db.example.org:5433/d?sslmode=require").expect("fine");
        assert!(url.has_password());
        let shown = "postgres://us%20er@db.example.org:5433/d?sslmode=require";
        assert_eq!(format!("{url} {url:?}"), format!("{shown} PostgresUrl({shown})"));
        let other = PostgresUrl::parse(shown).expect("fine");
        assert!(!other.has_password() && other != url && other.with_password("s3cret").to_string() == shown);
    }

    #[test]
    fn a_password_may_hold_anything() {
        let password = "p%41@/:?#[] 'ä\"\\";
        let url = PostgresUrl::parse("postgres://u:old@localhost/d").expect("fine").with_password(password);
        let options = url.connect_options().expect("options");
        let bytes: Vec<u8> = options.database_url.password().expect("a password").bytes().collect();
        let mut decoded = Vec::new();
        for escaped in bytes.chunks(3) {
            let text = std::str::from_utf8(escaped).expect("ASCII");
            decoded.push(u8::from_str_radix(text.strip_prefix('%').expect("all is escaped"), 16).expect("a byte"));
        }
        assert_eq!(decoded, password.as_bytes());
    }
}
