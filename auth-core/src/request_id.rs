//! The name by which one request is found in every log.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that a request brings its id in, and its answer repeats it in.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the one that a proxy gave it, or one that was made for it.
///
/// # Security
///
/// Who sends the header chooses the id, so it decides nothing. It is written into logs and databases,
/// so what could be anything but a name there is not taken over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// Returns the id that a request brings, if that is one and only one.
    pub(crate) fn brought(headers: &HeaderMap) -> Option<Self> {
        let mut brought = headers.get_all(X_REQUEST_ID).iter();
        let only = brought.next().filter(|_| brought.next().is_none());
        Self::parse(only?.to_str().ok()?)
    }

    /// Takes 1 to 64 letters, digits, dots, dashes and underscores.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_BYTES).contains(&text.len());
        let is_name =
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        (fits && is_name).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("letters, digits, dots, dashes and underscores")
    }
}

impl From<Uuid> for RequestId {
    fn from(id: Uuid) -> Self {
        Self(id.to_string())
    }
}

const MAX_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_name_is_taken_over() {
        let longest = "a".repeat(64);
        for taken in ["7", "0190b5a4-7b5e.worker_3", &longest] {
            assert_eq!(brought(&[taken.as_bytes()]).as_deref(), Some(taken));
        }
        let too_long = "a".repeat(65);
        let refused: [&[&[u8]]; 8] = [
            &[],
            &[b""],
            &[too_long.as_bytes()],
            &[b"a b"],
            &[b"a\tb"],
            &[b"<script>"],
            &[b"\xc3\xa4"],
            &[b"one", b"one"],
        ];
        for values in refused {
            assert_eq!(brought(values), None, "{values:?}");
        }
    }

    fn brought(values: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::brought(&headers).map(RequestId::into_string)
    }
}
