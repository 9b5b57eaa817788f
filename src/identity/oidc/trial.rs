//! Trying the gateway's own set-up at a provider, without naming anybody.

use reqwest::RequestBuilder;

use crate::domain::NoAnswer;
use crate::identity::http_client::{HttpAnswer, HttpClient};
use crate::identity::oidc::admin::Circumstances;
use crate::identity::oidc::answer::{error_code, words};
use crate::identity::oidc::client::Client;
use crate::identity::port::IdentityError;

/// A token that no provider has issued.
const MADE_UP: &str = "made-up";

/// Tries whether the provider takes the client's proof: a refresh token that does not exist is refused as such
/// (`invalid_grant`) only after that. Says what was found; some providers do not tell.
pub(crate) async fn try_proof(
    http: &HttpClient,
    client: &Client,
    at: Circumstances<'_>,
) -> Result<&'static str, IdentityError> {
    if !client.has_proof() {
        return Ok("the client needs no proof");
    }
    let fields = [("grant_type", "refresh_token"), ("refresh_token", MADE_UP)];
    let answer = send(http, post(http, client, &fields, at)?, at).await?;
    match (answer.status.as_u16(), error_code(&answer).as_deref()) {
        (400, Some("invalid_grant")) => Ok("the client's proof is taken"),
        (400, Some("unauthorized_client" | "unsupported_grant_type")) => Ok("the client's proof could not be tried"),
        (_, Some("invalid_client" | "unauthorized_client")) => {
            let detail = format!("client_id or its secret or key is not taken: {}", words(&answer));
            Err(IdentityError::sent(NoAnswer::Misconfigured, detail))
        }
        _ => Err(strange("the client's proof", &answer)),
    }
}

/// Tries whether the client may use the password grant: a request for it without a name and a password is refused for
/// what is missing, and can be about nobody.
pub(crate) async fn try_grant(
    http: &HttpClient,
    client: &Client,
    scope: &str,
    at: Circumstances<'_>,
) -> Result<&'static str, IdentityError> {
    let no = |detail: String| Err(IdentityError::sent(NoAnswer::Misconfigured, detail));
    if at.metadata.grant_types.as_ref().is_some_and(|types| !types.iter().any(|one| one == "password")) {
        return no("its metadata name no password grant; switch it on at the provider".to_owned());
    }
    let mut fields = vec![("grant_type", "password")];
    if !scope.is_empty() {
        fields.push(("scope", scope));
    }
    let answer = send(http, post(http, client, &fields, at)?, at).await?;
    match (answer.status.as_u16(), error_code(&answer).as_deref()) {
        (400 | 401, Some("invalid_request" | "invalid_grant")) => Ok("the client may ask about passwords"),
        (_, Some("invalid_client" | "unauthorized_client" | "unsupported_grant_type")) => {
            no(format!("the client may not ask about passwords; allow it the password grant: {}", words(&answer)))
        }
        (_, Some("invalid_scope")) => no(format!("scope is not taken: {}", words(&answer))),
        _ => Err(strange("the password grant", &answer)),
    }
}

fn post(
    http: &HttpClient,
    client: &Client,
    fields: &[(&str, &str)],
    at: Circumstances<'_>,
) -> Result<RequestBuilder, IdentityError> {
    let endpoint = &at.metadata.token_endpoint;
    client.post(http, endpoint, fields, endpoint, at.now)
}

async fn send(http: &HttpClient, request: RequestBuilder, at: Circumstances<'_>) -> Result<HttpAnswer, IdentityError> {
    http.send(request, at.deadline).await
}

fn strange(what: &str, answer: &HttpAnswer) -> IdentityError {
    let why = match answer.status.as_u16() {
        429 => NoAnswer::Throttled(answer.retry_after()),
        500..=599 => NoAnswer::Unreachable,
        _ => NoAnswer::Protocol,
    };
    IdentityError::sent(why, format!("{what} was tried, and the answer says nothing of it: {}", words(answer)))
}
