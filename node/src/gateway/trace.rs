//! Trace ids as W3C's Trace Context writes them.

use axum::http::{HeaderMap, HeaderName};
use cluster::request::Trace;

/// What a client names its trace with.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The trace that the headers name. Another value than the standard allows names none: the request is
/// served all the same.
pub(super) fn of(headers: &HeaderMap) -> Option<Trace> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    let are_lengths = (version.len(), trace.len(), parent.len(), flags.len()) == (2, 32, 16, 2);
    // Later versions may say more behind this; the last one never is.
    let is_known = version != "ff" && (version != "00" || parts.next().is_none());
    if !are_lengths || !is_known || ![version, trace, parent, flags].into_iter().all(is_hex) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok()?;
    let is_named = trace != 0 && parent.bytes().any(|it| it != b'0');
    is_named.then_some(Trace(trace))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn whatever_comes_names_a_trace_or_none() {
        let seeds = [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ];
        fuzz::target("traceparent").seeds(seeds).run(|bytes| {
            let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
            let headers = HeaderMap::from_iter([(TRACEPARENT, value)]);
            if let Some(trace) = of(&headers) {
                assert_eq!(&bytes[3..35], trace.to_string().as_bytes());
            }
        });
    }

    #[test]
    fn only_what_the_standard_allows_names_a_trace() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let cases = [
            (format!("00-{trace}-{parent}-01"), true),
            (format!("01-{trace}-{parent}-01-more"), true),
            (format!("00-{trace}-{parent}-01-more"), false),
            (format!("ff-{trace}-{parent}-01"), false),
            (format!("00-{}-{parent}-01", trace.to_uppercase()), false),
            (format!("00-{}-{parent}-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{trace}-{parent}"), false),
            (String::new(), false),
        ];
        for (text, is_named) in cases {
            let value = HeaderValue::from_str(&text).expect("visible ASCII");
            let headers = HeaderMap::from_iter([(TRACEPARENT, value)]);
            let found = of(&headers).map(|it| it.to_string());
            assert_eq!(found.as_deref(), is_named.then_some(trace), "{text}");
        }
    }
}
