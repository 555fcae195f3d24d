//! The text of an input, as steps.

use http::{HeaderName, HeaderValue, Method};

/// One request, or some time that passes.
pub(crate) enum Step {
    Send { method: Method, target: String, headers: Vec<(HeaderName, HeaderValue)>, body: Vec<u8> },
    Wait(u64),
}

/// What the world replaces in a request by what it has been answered or mailed last.
pub(crate) const NAMES: [&str; 6] =
    ["$access", "$challenge", "$code", "$mailed", "$recovery", "$refresh"];

/// Reads at most twelve steps; what is none is left out.
pub(crate) fn steps(input: &[u8]) -> impl Iterator<Item = Step> {
    let mut rest = Some(input);
    let parts = std::iter::from_fn(move || {
        let text = rest?;
        let end = text.windows(4).position(|four| four == b"\n%%\n");
        rest = end.map(|end| &text[end + 4..]);
        Some(&text[..end.unwrap_or(text.len())])
    });
    parts.take(12).filter_map(step)
}

fn step(text: &[u8]) -> Option<Step> {
    let mut rest = text;
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        line
    };
    let (method, target) = str::from_utf8(line()).ok()?.split_once(' ')?;
    if method == "WAIT" {
        return Some(Step::Wait(target.parse().ok()?));
    }
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let mut headers = Vec::new();
    loop {
        let line = line();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        headers.push((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?));
    }
    let typed = headers.iter().any(|(name, _)| name == http::header::CONTENT_TYPE);
    if !typed && !rest.is_empty() {
        let json = HeaderValue::from_static("application/json");
        headers.push((http::header::CONTENT_TYPE, json));
    }
    Some(Step::Send { method, target: target.to_owned(), headers, body: rest.to_vec() })
}
