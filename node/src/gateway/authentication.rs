//! Who asks. No request reaches a service without `Doorkeeper::authenticate` having spoken.

use actors::accounts::api::{Accounts, Token, VerifySession};
use axum::http::{HeaderMap, HeaderValue, header};
use cluster::request::Answer;
use entity::digest::{same, sha256};
use entity::operation::Request;
use entity::registry::Outcome;
use entity::route::{Access, admits};
use entity::{Address, Caller, Data, Key, Kind, Problem, Query, Release};
use runtime::client::Client;

use super::problem::{NOT_FOUND, TOKEN_INVALID, UNAUTHENTICATED};
use crate::hex::hex;
use crate::secret::Secret;

/// How the operator's token begins.
const OPERATOR_PREFIX: &str = "roost_operator_";

/// What is said of a path that leads nowhere, and of one that is not for everybody.
pub(crate) const NOTHING: &str = "There is nothing at this path. See /openapi.json.";

/// The operator's token. `Debug` does not show it.
#[derive(Clone)]
pub struct OperatorToken(String);

impl OperatorToken {
    /// The token of a cluster, from its secret: whoever knows one knows the other.
    pub fn of(secret: &Secret) -> Self {
        Self(format!("{OPERATOR_PREFIX}{}", hex(&secret.derive("operator"))))
    }

    /// The token as the operator sends it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Compares digests: the time tells nothing about the token.
    fn is(&self, text: &str) -> bool {
        same(&sha256(self.0.as_bytes()), &sha256(text.as_bytes()))
    }
}

impl std::fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorToken(..)")
    }
}

/// Decides who asks, and who may.
#[derive(Clone, Debug)]
pub(crate) struct Doorkeeper {
    pub(crate) client: Client,
    pub(crate) operator: OperatorToken,
}

impl Doorkeeper {
    /// Lets in whom `access` admits, and tells who it is.
    ///
    /// Routes of operators are not there for anybody else.
    pub(crate) async fn admit(
        &self,
        headers: &HeaderMap,
        access: Access,
    ) -> Result<Caller, Problem> {
        let caller = match self.authenticate(headers).await {
            Err(problem) if problem.class == TOKEN_INVALID && access == Access::Operator => {
                return Err(NOT_FOUND.because(NOTHING));
            }
            it => it?,
        };
        Self::check(access, &caller)?;
        Ok(caller)
    }

    /// Refuses whom `access` does not admit.
    pub(crate) fn check(access: Access, caller: &Caller) -> Result<(), Problem> {
        match access {
            _ if admits(access, caller) => Ok(()),
            Access::Operator => Err(NOT_FOUND.because(NOTHING)),
            Access::Account | Access::Anyone => Err(UNAUTHENTICATED
                .because("Send the token of an account: `Authorization: Bearer roost_...`.")),
        }
    }

    /// The one place that decides who asks.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let Some(first) = given.next() else { return Ok(Caller::Anyone) };
        let only = Some(first).filter(|_| given.next().is_none());
        self.identify(only.and_then(bearer).ok_or_else(token_invalid)?).await
    }

    /// Who has a token.
    pub(crate) async fn identify(&self, text: &str) -> Result<Caller, Problem> {
        if self.operator.is(text) {
            return Ok(Caller::Operator);
        }
        let token: Token = text.parse().ok().ok_or_else(token_invalid)?;
        self.verify(&token).await?;
        Ok(Caller::Account(token.user.0))
    }

    async fn verify(&self, token: &Token) -> Result<(), Problem> {
        // An answer that is kept changes with the account, and not with the time.
        if self.client.now() >= token.session.expires_at() {
            return Err(token_invalid());
        }
        let question = VerifySession { session: token.session, digest: token.digest() };
        let mut body = Vec::new();
        question.encode(Release::NEWEST, &mut body);
        let to = Address { kind: Accounts::TAG, key: token.user.to_bytes() };
        let request = Request { to, tag: VerifySession::TAG, body };
        let mut answers = self.client.ask_recent(Caller::Anyone, vec![request]).await;
        match answers.pop().expect("one answer for each question") {
            Answer::Outcome(Outcome::Reply(_)) => Ok(()),
            Answer::Outcome(Outcome::Refusal(_)) => Err(token_invalid()),
            // Fails closed: who cannot be verified is nobody.
            Answer::Failure(failure) => Err(failure.problem()),
        }
    }
}

/// The credentials after the scheme `Bearer`, whose case does not matter (RFC 9110, 11.1).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(text)
}

/// Always the same, so that nobody learns which part of a token was right.
fn token_invalid() -> Problem {
    TOKEN_INVALID.because("The token is not valid, or not any more. Log in again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operator_tokens_differ_and_are_not_shown() {
        let of = || OperatorToken::of(&Secret::random());
        let (one, other) = (of(), of());
        assert!(one.is(one.text()));
        assert!(!one.is(other.text()));
        assert!(!one.is(""));
        assert_eq!(format!("{one:?}"), "OperatorToken(..)");
    }

    #[test]
    fn only_bearer_credentials_are_read() {
        let cases = [
            ("Bearer a", Some("a")),
            ("bearer a", Some("a")),
            ("Bearer  a", Some(" a")),
            ("Bearer", None),
            ("Basic a", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(bearer(&HeaderValue::from_static(value)), expected, "{value}");
        }
    }
}
