//! The query string of a request.

use std::collections::BTreeMap;

use entity::Problem;

use super::problem::{DUPLICATE_PARAMETER, MALFORMED_QUERY};

/// Reads `name=value&name=value`, percent-encoded, with `+` for a space. A name stands once.
pub(crate) fn parameters(query: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut parameters = BTreeMap::new();
    for pair in query.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if parameters.contains_key(&name) {
            let detail = format!("The parameter {name:?} stands twice. Send it once.");
            return Err(DUPLICATE_PARAMETER.because(detail));
        }
        parameters.insert(name, value);
    }
    Ok(parameters)
}

fn decode(text: &str) -> Result<String, Problem> {
    let malformed = || {
        MALFORMED_QUERY
            .because(format!("{text:?} in the query string is not percent-encoded UTF-8."))
    };
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = bytes.next().and_then(digit).ok_or_else(malformed)?;
                let low = bytes.next().and_then(digit).ok_or_else(malformed)?;
                high << 4 | low
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok().ok_or_else(malformed)
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let found = parameters("a=1&b=%ED%95%9c+x&c&&d=%3D%26=").expect("it is well formed");
        let expected = [("a", "1"), ("b", "한 x"), ("c", ""), ("d", "=&=")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn whatever_comes_is_parameters_or_refused() {
        let encoded =
            |text: &str| text.bytes().fold(String::new(), |to, it| format!("{to}%{it:02X}"));
        fuzz::target("query").seeds(["a=1&b=%ED%95%9c+x&c&&d=%3D%26=", "a=%4"]).run(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let Ok(found) = parameters(&text) else { return };
            let pairs = found.iter().map(|(name, value)| encoded(name) + "=" + &encoded(value));
            let written = pairs.collect::<Vec<_>>().join("&");
            assert_eq!(parameters(&written), Ok(found), "{written}");
        });
    }

    #[test]
    fn malformed_queries_are_refused() {
        let cases = [
            ("a=1&a=1", DUPLICATE_PARAMETER),
            ("a=1&%61=2", DUPLICATE_PARAMETER),
            ("a=%", MALFORMED_QUERY),
            ("a=%4", MALFORMED_QUERY),
            ("a=%+1", MALFORMED_QUERY),
            ("a=%ff", MALFORMED_QUERY),
            ("%zz=1", MALFORMED_QUERY),
        ];
        for (query, expected) in cases {
            let problem = parameters(query).expect_err("it is refused");
            assert_eq!(problem.class, expected, "{query}");
        }
    }
}
