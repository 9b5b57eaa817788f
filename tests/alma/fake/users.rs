//! What a fake Alma knows of its users, and how it counts their sign-ins.

use std::time::Duration;

/// Failed sign-ins after which an account is locked, and for how long.
pub(crate) const LOCK_AFTER: usize = 15;
const LOCKED_FOR: Duration = Duration::from_mins(30);

/// A user, with every identifier that leads to it.
#[derive(Clone, Default)]
pub(crate) struct User {
    /// The primary id first; compared without regard to case.
    pub(crate) identifiers: Vec<String>,
    pub(crate) password: Option<String>,
    pub(crate) external: bool,
    pub(crate) inactive: bool,
    pub(crate) expiry_date: Option<String>,
    /// Every sign-in that was asked about, right or wrong.
    pub(crate) sign_ins: usize,
    /// Failed ones, ever.
    pub(crate) failures: usize,
    /// Failed ones since the last success or lock.
    in_a_row: usize,
    locked_until: Option<Duration>,
}

impl User {
    pub(crate) fn new(identifiers: &[&str], password: Option<&str>) -> Self {
        Self {
            identifiers: identifiers.iter().map(|&id| id.to_owned()).collect(),
            password: password.map(str::to_owned),
            ..Self::default()
        }
    }

    pub(crate) fn is_called(&self, identifier: &str) -> bool {
        self.identifiers.iter().any(|own| own.to_lowercase() == identifier.to_lowercase())
    }

    /// Whether a sign-in at `now` (by the fake's own clock) is right.
    pub(crate) fn sign_in(&mut self, password: &[u8], now: Duration) -> bool {
        self.sign_ins += 1;
        if self.locked_until.is_some_and(|until| now < until) {
            return false;
        }
        let right = self.password.as_ref().is_some_and(|own| own.as_bytes() == password);
        if right {
            self.in_a_row = 0;
        } else {
            self.failures += 1;
            self.in_a_row += 1;
            if self.in_a_row >= LOCK_AFTER {
                (self.in_a_row, self.locked_until) = (0, Some(now + LOCKED_FOR));
            }
        }
        right
    }

    pub(crate) fn is_locked(&self, now: Duration) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    pub(crate) fn record(&self) -> String {
        serde_json::json!({
            "record_type": { "value": "PUBLIC" },
            "primary_id": self.identifiers[0],
            "account_type": { "value": if self.external { "EXTERNAL" } else { "INTERNAL" } },
            "status": { "value": if self.inactive { "INACTIVE" } else { "ACTIVE" } },
            "expiry_date": self.expiry_date,
            "password": "",
            "contact_info": { "email": [{ "email_address": "x@example.org", "preferred": true }] },
            "user_identifier": self.identifiers[1..].iter()
                .map(|value| serde_json::json!({ "value": value, "id_type": { "value": "BARCODE" } }))
                .collect::<Vec<_>>(),
        })
        .to_string()
    }
}
