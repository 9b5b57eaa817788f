//! Asking the Ex Libris Identity Service, through Alma's REST API "Authenticate user".

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use reqwest::{Method, Url};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::domain::{AccountId, Answer, Clock, Credentials, Day, NoAnswer, Password, Rejection, Timestamp};
use crate::identity::adapter_error::AdapterError;
use crate::identity::alma::answer::{conclude, describe, read_errors};
use crate::identity::alma::password_rule::RULE;
use crate::identity::alma::record::read_record;
use crate::identity::alma::settings::{AlmaSettings, PasswordEncoding};
use crate::identity::http_client::{HttpAnswer, HttpClient};
use crate::identity::port::{Answered, Asides, Ask, BoxFuture, IdentityError, IdentityService, SecondLook};
use crate::identity::rate::Rate;
use crate::identity::web_address::keeps_secrets;
use crate::telemetry::Metrics;

const PASSWORD_HEADER: &str = "Exl-User-Pw";
const REMAINING_HEADER: &str = "X-Exl-Api-Remaining";
/// Records that are read in a second, and how many more may be at once.
const LOOKS_A_SECOND: u32 = 1;
const LOOKS_AT_ONCE: u32 = 10;

/// The `alma` adapter.
pub struct AlmaService {
    name: String,
    base: Url,
    key: HeaderValue,
    user_id_type: String,
    encoding: PasswordEncoding,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    second_look: bool,
    /// What it said last is left, and of which day.
    remaining: Mutex<Option<(Day, u64)>>,
}

impl AlmaService {
    /// An adapter that goes by `name`.
    ///
    /// # Errors
    /// When the address, the key or the certificates cannot be used.
    pub fn new(
        name: &str,
        settings: &AlmaSettings,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<Self, AdapterError> {
        let base = Url::parse(&settings.base_url).ok().filter(|url| !url.cannot_be_a_base()).ok_or_else(|| {
            AdapterError::new("base_url is no address; write one such as \"https://api-eu.hosted.exlibrisgroup.com\"")
        })?;
        if !keeps_secrets(&base) {
            return Err(AdapterError::new("base_url would let passwords cross the network in clear; write https://"));
        }
        let key = Zeroizing::new(format!("apikey {}", settings.api_key.expose()));
        let key = HeaderValue::from_str(&key)
            .map_err(|_| AdapterError::new("api_key has a character that no key has; copy it again"))?;
        Ok(Self {
            name: name.to_owned(),
            base,
            key: sensitive(key),
            user_id_type: settings.user_id_type.clone(),
            encoding: settings.password_encoding,
            http: HttpClient::new(settings.ca_file.as_deref())?,
            clock,
            metrics,
            second_look: settings.second_look,
            remaining: Mutex::default(),
        })
    }

    /// The calls that Alma last said are left today; what it said on another day is of no use, as they begin anew at
    /// midnight.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        let today = Day::of(self.clock.now());
        let said = *self.remaining.lock().unwrap_or_else(PoisonError::into_inner);
        said.filter(|(day, _)| *day == today).map(|(_, left)| left)
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Answered, IdentityError> {
        let Some((mut url, password)) = self.carried(ask.credentials) else {
            return Ok(Answer::Rejected(Rejection::Unacceptable).into());
        };
        url.query_pairs_mut().append_pair("op", "auth");
        let request = self
            .http
            .request(Method::POST, url)
            .header(AUTHORIZATION, self.key.clone())
            .header(PASSWORD_HEADER, password)
            .header(ACCEPT, "application/json")
            .header(CONTENT_LENGTH, 0);
        let answer = self.send(request, ask.deadline).await?;
        let now = u64::try_from(self.clock.now().as_millis() / 1_000).unwrap_or_default();
        conclude(&answer, now).map(Answered::from)
    }

    async fn look(&self, account: &AccountId, deadline: Instant) -> Result<Option<SecondLook>, IdentityError> {
        if !self.second_look {
            return Ok(None);
        }
        let Some(mut url) = self.user_url(account) else { return Ok(None) };
        url.query_pairs_mut().append_pair("view", "full").append_pair("expand", "none");
        let request = self
            .http
            .request(Method::GET, url)
            .header(AUTHORIZATION, self.key.clone())
            .header(ACCEPT, "application/json");
        let answer = self.send(request, deadline).await?;
        match answer.status.as_u16() {
            200 => {
                let today = date(self.clock.now());
                let look = read_record(account.institution(), &answer.body, &today);
                Ok(Some(look.ok_or_else(|| IdentityError::sent(NoAnswer::Protocol, "the user record cannot be read"))?))
            }
            400 if read_errors(&answer).iter().any(|error| error.code == "401861" || error.code == "401890") => {
                Ok(None)
            }
            _ => conclude(&answer, 0).map(|_| None),
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder, deadline: Instant) -> Result<HttpAnswer, IdentityError> {
        // An answer after midnight to a question before it may be of either day.
        let day = Day::of(self.clock.now());
        let answer = self.http.send(request, deadline).await?;
        let left = answer.headers.get(REMAINING_HEADER).and_then(|left| left.to_str().ok()?.trim().parse().ok());
        if let Some(left) = left {
            *self.remaining.lock().unwrap_or_else(PoisonError::into_inner) = Some((day, left));
            self.metrics.upstream_remaining(&self.name, left);
        }
        Ok(answer)
    }

    /// Where credentials stand in a request; `None` where no request can hold them unchanged.
    fn carried(&self, credentials: &Credentials) -> Option<(Url, HeaderValue)> {
        Some((self.user_url(credentials.account())?, password_header(credentials.password(), self.encoding)?))
    }

    /// The address of a user, the identifier as one segment of its path; `None` for the two that no path can hold.
    fn user_url(&self, account: &AccountId) -> Option<Url> {
        let identifier = account.identifier();
        if matches!(identifier, "." | "..") {
            return None;
        }
        let mut url = self.base.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(["almaws", "v1", "users", identifier]);
        url.query_pairs_mut().append_pair("user_id_type", &self.user_id_type);
        Some(url)
    }

    /// The vendor's own test of a key: reading, then writing.
    async fn try_key(&self, deadline: Instant) -> Result<String, IdentityError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["almaws", "v1", "users", "operation", "test"]);
        }
        for (method, right) in [(Method::GET, "read"), (Method::POST, "write")] {
            let request = self
                .http
                .request(method, url.clone())
                .header(AUTHORIZATION, self.key.clone())
                .header(ACCEPT, "application/json");
            let answer = self.send(request, deadline).await?;
            if answer.status.as_u16() != 200 {
                let errors = read_errors(&answer);
                let said = describe(&answer, &errors);
                let why = conclude(&answer, 0).err().map_or(NoAnswer::Protocol, |error| error.no_answer);
                return Err(IdentityError::sent(
                    why,
                    format!("the key has no right to {right} users, or the address is wrong: {said}"),
                ));
            }
        }
        let left = self.remaining().map_or_else(String::new, |left| format!(", {left} calls left today"));
        Ok(format!("the key may read and write users{left}"))
    }
}

/// The value of the password's header; `None` when a header cannot carry it unchanged: HTTP takes off blanks at its
/// ends and forbids control characters.
fn password_header(password: &Password, encoding: PasswordEncoding) -> Option<HeaderValue> {
    let text = password.expose();
    if text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']) || text.chars().any(char::is_control) {
        return None;
    }
    let value = match encoding {
        PasswordEncoding::Utf8 => HeaderValue::from_bytes(text.as_bytes()),
        PasswordEncoding::Latin1 => {
            let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            HeaderValue::from_bytes(&Zeroizing::new(bytes?))
        }
    };
    value.ok().map(sensitive)
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// A date in UTC, such as `2026-11-22`.
fn date(now: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(now.as_millis())
        .map_or_else(|_| String::new(), |now| now.strftime("%Y-%m-%d").to_string())
}

impl IdentityService for AlmaService {
    fn name(&self) -> &str {
        &self.name
    }

    fn verify<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Answered, IdentityError>> {
        Box::pin(self.ask(ask))
    }

    fn unsendable(&self, credentials: &Credentials) -> Option<Rejection> {
        self.carried(credentials).is_none().then_some(Rejection::Unacceptable)
    }

    fn could_be_set(&self, credentials: &Credentials) -> bool {
        RULE.allows(credentials)
    }

    fn asides(&self) -> Asides {
        let looks = self.second_look.then(|| Rate::new(LOOKS_A_SECOND, LOOKS_AT_ONCE));
        Asides { looks, tells_person: false }
    }

    fn left_today(&self) -> Option<u64> {
        self.remaining()
    }

    fn look_again<'a>(
        &'a self,
        account: &'a AccountId,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Option<SecondLook>, IdentityError>> {
        Box::pin(self.look(account, deadline))
    }

    fn check(&self, deadline: Instant) -> BoxFuture<'_, Result<String, IdentityError>> {
        Box::pin(self.try_key(deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_a_header_would_change_is_never_sent() {
        let header = |text: &str, encoding| password_header(&Password::new(text.to_owned()), encoding);
        for text in [" a", "a ", "\ta", "a\t", "a\u{7f}b", "a\rb", "a\u{85}b"] {
            assert!(header(text, PasswordEncoding::Utf8).is_none(), "{text:?}");
        }
        let utf8 = header("p&<>\"'é€", PasswordEncoding::Utf8).expect("carried");
        assert_eq!(utf8.as_bytes(), "p&<>\"'é€".as_bytes());
        assert!(utf8.is_sensitive() && !format!("{utf8:?}").contains("p&"));
        assert_eq!(header("é", PasswordEncoding::Latin1).expect("carried").as_bytes(), [0xe9]);
        assert!(header("€", PasswordEncoding::Latin1).is_none());
    }
}
