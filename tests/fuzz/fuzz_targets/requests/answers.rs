//! What an answer has to be, by the service's own description.

use std::collections::{HashMap, HashSet};

use auth_core::{Auth, ProblemCode, Response};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// Which successes and which problems each operation declares.
pub(crate) struct Description(HashMap<(Method, &'static str), Operation>);

struct Operation {
    successes: HashSet<u16>,
    problems: HashSet<String>,
}

impl Description {
    pub(crate) fn new(document: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(document).expect("it is JSON");
        let described = Auth::endpoints().map(|endpoint| {
            let method = endpoint.method.as_str().to_ascii_lowercase();
            let operation = &document["paths"][format!("/api/auth{}", endpoint.path)][method];
            let mut successes = HashSet::new();
            let mut problems = HashSet::new();
            for (status, response) in operation["responses"].as_object().expect("it is described") {
                let status: u16 = status.parse().expect("it is a status");
                if status < 400 {
                    successes.insert(status);
                    continue;
                }
                let names = response["description"].as_str().expect("it is a text");
                problems.extend(names.split(", ").map(|name| name.trim_matches('`').to_owned()));
            }
            ((endpoint.method.clone(), endpoint.path), Operation { successes, problems })
        });
        Self(described.collect())
    }

    /// Checks the answer to a request.
    pub(crate) fn check(&self, method: &Method, path: &str, upgrade: bool, answer: &Response) {
        let (status, headers) = (answer.status(), answer.headers());
        let what = || format!("{method} {path}: {status}");
        assert!(!status.is_server_error(), "{}", what());
        assert_eq!(text(headers, "x-content-type-options"), Some("nosniff"), "{}", what());
        let cacheable = path == "/jwks.json" && status == StatusCode::OK;
        assert_eq!(text(headers, "cache-control") == Some("no-store"), !cacheable, "{}", what());
        assert!(headers.get_all("set-cookie").iter().count() <= 2, "{}", what());

        let code = status.is_client_error().then(|| problem(answer));
        let asked = if method == Method::HEAD { &Method::GET } else { method };
        let path = Auth::paths().into_iter().find(|known| *known == path);
        let operation = path.and_then(|path| self.0.get(&(asked.clone(), path)));
        let Some(operation) = operation else {
            match code.as_deref() {
                Some("method_not_allowed") => {
                    assert!(path.is_some() && headers.contains_key("allow"))
                }
                Some(code) => assert!(path.is_none() && code == "not_found", "{}", what()),
                None => {
                    assert!(*method == Method::OPTIONS && status == StatusCode::NO_CONTENT);
                    assert!(headers.contains_key("access-control-allow-methods"), "{}", what());
                }
            }
            return;
        };
        match code.as_deref() {
            // What opens a WebSocket is not safe, whatever its method.
            Some("cross_site_request") if upgrade => {}
            Some(code) => {
                assert!(operation.problems.contains(code), "{} {code} is not declared", what());
            }
            None => assert!(operation.successes.contains(&status.as_u16()), "{}", what()),
        }
    }
}

/// Returns the code of a problem document (RFC 9457), and checks the rest of it.
fn problem(answer: &Response) -> String {
    let (status, headers) = (answer.status(), answer.headers());
    assert_eq!(text(headers, "content-type"), Some("application/problem+json"));
    let problem: Value = serde_json::from_slice(answer.body()).expect("a problem is JSON");
    let known = ProblemCode::ALL.iter().find(|code| problem["code"] == code.as_str());
    let known = known.unwrap_or_else(|| panic!("{problem} has no known code"));
    assert_eq!(
        (known.status(), problem["status"].as_u64()),
        (status, Some(status.as_u16().into()))
    );
    assert_eq!(problem["type"], format!("/api/auth/problems/{}", known.as_str()));
    assert_eq!(problem["title"], known.title());
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert_eq!(problem["errors"].is_array(), *known == ProblemCode::ValidationFailed, "{problem}");
    let unauthorized = status == StatusCode::UNAUTHORIZED;
    assert_eq!(headers.contains_key("www-authenticate"), unauthorized);
    let limited = status == StatusCode::TOO_MANY_REQUESTS;
    assert_eq!(headers.contains_key("retry-after"), limited);
    assert_eq!(problem["retry_after"].is_u64(), limited, "{problem}");
    assert!(!headers.contains_key("set-cookie") || status == StatusCode::UNAUTHORIZED);
    known.as_str().to_owned()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().expect("it is text"))
}
