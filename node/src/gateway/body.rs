//! Bodies, read within their limits.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use entity::Problem;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::{BODY_INCOMPLETE, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE};

/// The only type of body that is understood.
const JSON: &str = "application/json";

/// Reads a body of at most `bytes_max` bytes. One that announces more is not read at all.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    let too_large =
        || BODY_TOO_LARGE.because(format!("The body is longer than {bytes_max} bytes."));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    let announced = announced.and_then(|it| it.parse::<u64>().ok());
    if announced.is_some_and(|it| it > bytes_max as u64) {
        return Err(too_large());
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(BODY_INCOMPLETE.because("The body ended early or is framed wrongly.")),
    }
}

/// Refuses a body that is not said to be JSON in UTF-8.
pub(crate) fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let is_json = match (types.next(), types.next()) {
        (Some(only), None) => only.to_str().is_ok_and(is_json),
        _ => false,
    };
    if is_json && !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(());
    }
    let detail = format!("Send the body as `Content-Type: {JSON}`, in UTF-8 and not compressed.");
    Err(UNSUPPORTED_MEDIA_TYPE.because(detail))
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|it| it.eq_ignore_ascii_case(JSON));
    is_json && parts.all(|it| !it.to_ascii_lowercase().starts_with("charset=") || is_utf_8(it))
}

fn is_utf_8(charset: &str) -> bool {
    let name = charset.split_once('=').map_or("", |it| it.1).trim_matches('"');
    name.eq_ignore_ascii_case("utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_is_json_or_not() {
        let seeds = ["application/json;charset=\"UTF-8\"", "text/plain; application/json"];
        fuzz::target("content-type").seeds(seeds).run(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(is_json(&text), is_json(&text.to_ascii_uppercase()));
        });
    }

    #[test]
    fn types_are_told_apart() {
        let cases = [
            ("application/json", true),
            ("Application/JSON", true),
            ("application/json; charset=utf-8", true),
            ("application/json;charset=\"UTF-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/json5", false),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(is_json(text), expected, "{text}");
        }
    }
}
