use http::{HeaderMap, HeaderValue, header};
use serde::de::DeserializeOwned;

use super::Request;
use crate::{Error, Language, Result};

/// Reads the JSON object that is the body of `request`.
///
/// Nothing is coerced: the media type must be `application/json`, types must match, and a field
/// that is unknown or stands twice is an error.
pub(crate) fn json<T: DeserializeOwned>(request: &Request) -> Result<T> {
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let plain_json = types.next().is_some_and(is_json)
        && types.next().is_none()
        && !request.headers().contains_key(header::CONTENT_ENCODING);
    if !plain_json {
        return Err(Error::UnsupportedMediaType);
    }
    let body = request.body();
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Error::Malformed("its body is no JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| {
        // The parser's own words can repeat what was sent, which may be a password.
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let what = match () {
            () if !error.is_data() => "its body is not valid JSON",
            () if text.starts_with("unknown field") => "a field is unknown",
            () if text.starts_with("duplicate field") => "a field stands twice",
            () => "a field has the wrong type",
        };
        Error::Malformed(format!("{what} (line {line}, column {column})"))
    })
}

/// Reads a body that may be missing.
pub(crate) fn optional_json<T: DeserializeOwned + Default>(request: &Request) -> Result<T> {
    if request.body().is_empty() { Ok(T::default()) } else { json(request) }
}

/// Reads the body of an endpoint that takes no input: none, or an empty object.
pub(crate) fn nothing(request: &Request) -> Result<()> {
    #[derive(Default, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    let Nothing {} = optional_json(request)?;
    Ok(())
}

/// Whether the client would rather have a page than JSON: a browser, not a program.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let quality = |wanted: &str| {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let matches = parts.next()?.eq_ignore_ascii_case(wanted);
                let quality = parts
                    .find_map(|part| part.strip_prefix("q="))
                    .map_or(Some(1.0), |text| text.parse::<f32>().ok())?;
                matches.then_some(quality)
            })
            .fold(0.0_f32, f32::max)
    };
    let html = quality("text/html");
    html > 0.0 && html > quality("application/json")
}

/// The language that the client would rather have than any other (RFC 9110 §12.5.4).
pub(crate) fn language(headers: &HeaderMap) -> Option<Language> {
    let values = headers.get_all(header::ACCEPT_LANGUAGE).iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    Language::negotiate(&values.join(","))
}

fn is_json(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| {
            parameter.split_once('=').is_none_or(|(name, value)| {
                !name.eq_ignore_ascii_case("charset")
                    || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_json_is_json() {
        for (text, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/json;", true),
            ("application/jsonp", false),
            ("application/problem+json", false),
            ("text/plain; application/json", false),
            ("text/plain;application/json", false),
            ("", false),
        ] {
            assert_eq!(is_json(&HeaderValue::from_static(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn a_browser_prefers_a_page_and_a_program_does_not() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html;q=0.9", false),
            ("text/html;q=0", false),
            ("text/html;q=x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_html(&headers), expected, "{accept:?}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn all_lines_of_a_header_count_for_the_language() {
        let mut headers = HeaderMap::new();
        assert_eq!(language(&headers), None);
        for value in ["it, en;q=0.5", "fr;q=0.6"] {
            headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static(value));
        }
        assert_eq!(language(&headers), Some(Language::French));
    }
}
