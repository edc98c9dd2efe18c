//! What a client shows to prove a session.

use std::fmt;
use std::str::FromStr;

use entity::digest::{DIGEST_BYTES, same, sha256};
use entity::id::ID_TEXT_CHARS;
use entity::{Id, data};

use crate::accounts::api::{SessionId, UserId};
use crate::text::{read_hex, text, write_hex};

/// How every token begins, so that scanners of leaked secrets find it.
pub const TOKEN_PREFIX: &str = "roost_";

/// Length of a session's secret, in bytes: nobody guesses 256 bits.
pub const SECRET_BYTES: usize = 32;

/// Proves a session: `roost_`, account, session, and the secret in hexadecimal, without spaces.
///
/// Whoever has it is the account. Only its owner does: a digest of the secret is what is stored.
#[data]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^roost_[0-9a-z]{52}[0-9a-f]{64}$"))]
pub struct Token {
    /// Whose session.
    pub user: UserId,
    /// Which session.
    pub session: SessionId,
    /// What only the client knows.
    pub secret: Secret,
}

impl Token {
    /// What the account knows of the secret.
    pub fn digest(&self) -> Digest {
        self.secret.digest()
    }
}

/// What a client knows and the account does not. `Debug` does not show it.
#[data(secret)]
pub struct Secret(pub [u8; SECRET_BYTES]);

impl Secret {
    /// What the account is told instead.
    pub fn digest(&self) -> Digest {
        Digest(sha256(&self.0))
    }
}

/// The SHA-256 of a [`Secret`]; in JSON 64 hexadecimal digits in lower case.
#[data]
#[derive(Copy)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
pub struct Digest(pub [u8; DIGEST_BYTES]);

impl Digest {
    /// Whether both are equal, in a time that does not tell where they differ.
    pub fn is(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

/// The text is no token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoToken;

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a token: {TOKEN_PREFIX} and what followed it at log-in")
    }
}

impl std::error::Error for NoToken {}

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let text = text.strip_prefix(TOKEN_PREFIX).ok_or(NoToken)?;
        let (user, text) = text.split_at_checked(ID_TEXT_CHARS).ok_or(NoToken)?;
        let (session, secret) = text.split_at_checked(ID_TEXT_CHARS).ok_or(NoToken)?;
        Ok(Self {
            user: UserId(id(user)?),
            session: SessionId(id(session)?),
            secret: Secret(read_hex(secret).ok_or(NoToken)?),
        })
    }
}

fn id(text: &str) -> Result<Id, NoToken> {
    text.parse().or(Err(NoToken))
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TOKEN_PREFIX}{}{}", self.user, self.session)?;
        write_hex(&self.secret.0, f)
    }
}

/// The text is no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoDigest;

impl fmt::Display for NoDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a digest: {} hexadecimal digits in lower case", 2 * DIGEST_BYTES)
    }
}

impl std::error::Error for NoDigest {}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        read_hex(text).map(Self).ok_or(NoDigest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

text!(Token Digest);

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token { user: UserId(Id(1)), session: SessionId(Id(2)), secret: Secret([0xab; 32]) }
    }

    #[test]
    fn a_token_comes_back_from_its_text() {
        let text = token().to_string();
        assert_eq!(text.len(), 122);
        assert_eq!(text.parse(), Ok(token()));
    }

    #[test]
    fn whatever_comes_is_the_one_text_of_a_token_or_refused() {
        fuzz::target("token").seeds([token().to_string(), token().digest().to_string()]).run(
            |bytes| {
                let text = String::from_utf8_lossy(bytes);
                if let Ok(token) = text.parse::<Token>() {
                    assert_eq!(token.to_string(), text);
                }
                if let Ok(digest) = text.parse::<Digest>() {
                    assert_eq!(digest.to_string(), text);
                }
            },
        );
    }

    #[test]
    fn other_texts_are_refused() {
        let text = token().to_string();
        let cases = [
            String::new(),
            text.replace("roost_", ""),
            text.replace("roost_", "ROOST_"),
            text.to_uppercase(),
            text[..text.len() - 1].to_owned(),
            format!("{text}0"),
            format!(" {text}"),
            text.replace("ab", "AB"),
            text.replace("00", "uu"),
            format!("roost_{}", "한".repeat(39)),
        ];
        for text in cases {
            assert_eq!(text.parse::<Token>(), Err(NoToken), "{text}");
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let shown = format!("{:?}", token());
        assert!(shown.contains("Secret(..)"), "{shown}");
        assert!(!shown.contains("171"), "{shown}");
    }
}
