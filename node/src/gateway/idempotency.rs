//! `Idempotency-Key`: what makes a repeat harmless.

use axum::http::{HeaderMap, Method, Uri};
use cluster::operator::Shards;
use cluster::request::RequestId;
use cluster::slots::Slot;
use entity::digest::{DIGEST_BYTES, sha256};
use entity::{Address, Caller, Id, Key, Kind, Problem};

use super::problem::IDEMPOTENCY_KEY_INVALID;
use crate::hex::hex;
use crate::world::SECRET_BYTES;

/// Name of the header.
pub(crate) const HEADER: &str = "idempotency-key";

/// Longest key, in characters: what others who have this header allow.
pub(crate) const KEY_CHARS_MAX: usize = 255;

/// The key of a request, with what it is compared with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IdempotencyKey {
    /// Whose key it is: an account; for everybody else the key itself.
    pub(crate) scope: Id,
    /// What the caller chose.
    pub(crate) text: String,
    /// Digest of everything that the request says.
    pub(crate) fingerprint: [u8; DIGEST_BYTES],
}

impl IdempotencyKey {
    /// Names the `n`th command of the request, from 1.
    ///
    /// The name holds a digest of the key, since key and number together could be too long.
    pub(crate) fn command(&self, n: usize) -> RequestId {
        let key = format!("{}#{n}", hex(&sha256(self.text.as_bytes())));
        RequestId::Outside { account: self.scope, key, fingerprint: self.fingerprint }
    }

    /// Whether an entity lives where the keys of this scope are known. The first command under a key
    /// has to go there, or else nobody would notice that another request has the same key.
    pub(crate) fn is_home_of(&self, entity: &Address) -> bool {
        entity.kind != Shards::TAG && Slot::of(&entity.key) == Slot::of(&self.scope.to_bytes())
    }

    /// The `n`th secret of the request, the same for a repeat: commands of the first attempt, which
    /// are not executed again, were told its digest. `seed` is known to nobody outside.
    pub(crate) fn secret(&self, seed: &[u8; SECRET_BYTES], n: u64) -> [u8; SECRET_BYTES] {
        let scope = self.scope.to_bytes();
        let parts = [&seed[..], &scope, &self.fingerprint, &n.to_be_bytes(), self.text.as_bytes()];
        sha256(&parts.concat())
    }
}

/// The key that the headers hold, if any.
pub(crate) fn key_text(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| given.next().is_none());
    checked_key(text.unwrap_or_default()).map(Some)
}

/// A key, if it may be one.
pub(crate) fn checked_key(text: &str) -> Result<String, Problem> {
    let is_short = (1..=KEY_CHARS_MAX).contains(&text.len());
    if is_short && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    let detail =
        format!("Send one Idempotency-Key of 1 to {KEY_CHARS_MAX} visible ASCII characters.");
    Err(IDEMPOTENCY_KEY_INVALID.because(detail))
}

/// Whose key `text` is when `caller` sends it.
pub(crate) fn scope(caller: &Caller, text: &str) -> Id {
    let own = |whose: &[u8]| {
        let digest = sha256(&[whose, text.as_bytes()].concat());
        Id(u128::from_be_bytes(*digest.first_chunk().expect("a digest has 32 bytes")))
    };
    match caller {
        Caller::Account(account) => *account,
        // Each key has a scope of its own, and no shard is the home of all.
        Caller::Operator => own(b"operator "),
        // Strangers share nothing.
        Caller::Anyone | Caller::Entity(_) | Caller::Itself => own(b"anyone "),
    }
}

/// Digest of everything that a request says. Lengths stand before the parts, so that no two
/// requests run together into one.
pub(crate) fn fingerprint(method: &Method, uri: &Uri, body: &[u8]) -> [u8; DIGEST_BYTES] {
    let parts = [method.as_str(), uri.path(), uri.query().unwrap_or_default()].map(str::as_bytes);
    let mut bytes = Vec::with_capacity(body.len() + 256);
    for part in parts.into_iter().chain([body]) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    sha256(&bytes)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn keys_are_visible_ascii() {
        let longest = "k".repeat(KEY_CHARS_MAX);
        let too_long = "k".repeat(KEY_CHARS_MAX + 1);
        let cases = [
            ("a", true),
            ("~!\"#", true),
            (&*longest, true),
            (&*too_long, false),
            ("", false),
            ("a b", false),
            ("키", false),
        ];
        for (text, expected) in cases {
            let value = HeaderValue::from_bytes(text.as_bytes()).expect("a header may hold it");
            let headers = HeaderMap::from_iter([(HEADER.parse().expect("a name"), value)]);
            assert_eq!(key_text(&headers).is_ok(), expected, "{text}");
        }
        assert_eq!(key_text(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn whatever_comes_is_a_key_or_refused() {
        fuzz::target("idempotency-key").seeds(["a", "~!\"#", "a b", "키"]).run(|bytes| {
            let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
            let headers = HeaderMap::from_iter([(HEADER.parse().expect("a name"), value)]);
            if let Ok(key) = key_text(&headers) {
                assert_eq!(key.as_deref().map(str::as_bytes), Some(bytes));
            }
        });
    }

    #[test]
    fn two_keys_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, HeaderValue::from_static("a"));
        headers.append(HEADER, HeaderValue::from_static("a"));
        assert!(key_text(&headers).is_err());
    }

    #[test]
    fn names_of_commands_fit() {
        let text = "k".repeat(KEY_CHARS_MAX);
        let key = IdempotencyKey { scope: Id::MIN, text, fingerprint: [0; DIGEST_BYTES] };
        let RequestId::Outside { key, .. } = key.command(entity::operation::STEPS_MAX) else {
            unreachable!("an outside name was made")
        };
        assert!(key.len() <= cluster::limits::KEY_BYTES_MAX, "{key}");
    }

    #[test]
    fn fingerprints_tell_requests_apart() {
        let print = |method: Method, uri: &'static str, body: &str| {
            fingerprint(&method, &Uri::from_static(uri), body.as_bytes())
        };
        let all = [
            print(Method::POST, "/a", "b"),
            print(Method::PUT, "/a", "b"),
            print(Method::POST, "/ab", ""),
            print(Method::POST, "/a", ""),
            print(Method::POST, "/a?b", ""),
            print(Method::POST, "/a?b", "b"),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| one != other), "{i}");
        }
    }
}
