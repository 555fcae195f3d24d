//! Headers that say who is calling: a credential is found whole or not at all, and no foreign page
//! sends a cookie.

#![no_main]

use std::sync::LazyLock;

use auth_core::fuzzing::{
    access_token, admits, device, has_cookies, is_shared, language, prefers_html,
    sent_refresh_token,
};
use auth_core::{Config, RefreshToken};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::{Corpus, fuzz_target};

// Lines of headers, as HTTP writes them.
fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(headers) = headers(input) else { return Corpus::Reject };
    for site in [&*LOCAL, &*PUBLIC] {
        site.check(&headers);
    }
    let _ = language(&headers);
    let _ = prefers_html(&headers);
    for value in headers.get_all("user-agent") {
        let name = value.to_str().ok().and_then(device);
        assert!(name.is_none_or(|name| name.len() < 40 && name.is_ascii()));
    }
    Corpus::Keep
});

struct Site {
    config: Config,
    issuer: &'static str,
    access: &'static str,
    refresh: &'static str,
}

impl Site {
    fn check(&self, headers: &HeaderMap) {
        let Self { config, issuer, access, refresh } = self;
        let (access, refresh) = (cookies(headers, access), cookies(headers, refresh));
        let carries = !access.is_empty() || !refresh.is_empty();
        assert_eq!(has_cookies(headers, config), carries, "every cookie is seen");

        let shown = match (&*all(headers, "sec-fetch-site"), &*all(headers, "origin")) {
            ([b"same-origin" | b"none"], [] | [_]) => true,
            ([_], [origin]) => *origin == ADMIN.as_bytes(),
            ([], [origin]) => *origin == ADMIN.as_bytes() || *origin == issuer.as_bytes(),
            _ => false,
        };
        for method in [Method::POST, Method::DELETE] {
            assert_eq!(admits(&method, headers, true, config), shown, "a page of ours sent it");
            assert!(!shown || admits(&method, headers, false, config));
        }
        let shared = all(headers, "origin") == [ADMIN.as_bytes()];
        assert_eq!(is_shared(headers, config), shared, "nobody else reads answers");

        match access_token(&Method::POST, headers, config) {
            Ok(Some((token, true))) => {
                assert_eq!(access, [token.expose().as_bytes()], "there is one cookie");
                assert!(shown, "a page of ours sent the cookie");
            }
            Ok(Some((token, false))) => {
                let sent = all(headers, "authorization");
                let sent = sent.first().and_then(|value| str::from_utf8(value).ok());
                let (scheme, sent) = sent.and_then(|text| text.split_once(' ')).unwrap_or_default();
                assert!(scheme.eq_ignore_ascii_case("bearer") && sent == token.expose());
                let [cookie] = &*access else { return };
                let legible = !cookie.is_empty() && str::from_utf8(cookie).is_ok();
                assert!(!legible || *cookie == sent.as_bytes(), "it is told which one is meant");
            }
            Ok(None) | Err(_) => {}
        }
        let in_body = headers.get("x-body").and_then(|value| value.to_str().ok());
        let in_body = in_body.map(RefreshToken::from);
        match sent_refresh_token(in_body.as_ref(), headers, config) {
            Ok(Some((token, true))) => assert_eq!(refresh, [token.expose().as_bytes()]),
            Ok(Some((token, false))) => {
                assert_eq!(Some(token.expose()), in_body.as_ref().map(RefreshToken::expose));
            }
            Ok(None) => assert!(in_body.is_none_or(|token| token.expose().is_empty())),
            Err(_) => assert!(in_body.is_some() && refresh.len() == 1, "there are two"),
        }
    }
}

static LOCAL: LazyLock<Site> = LazyLock::new(|| Site {
    config: config("http://localhost:8000"),
    issuer: "http://localhost:8000",
    access: "auth_access",
    refresh: "auth_refresh",
});

static PUBLIC: LazyLock<Site> = LazyLock::new(|| Site {
    config: config("https://a.example"),
    issuer: "https://a.example",
    access: "__Host-auth_access",
    refresh: "__Secure-auth_refresh",
});

fn config(public_url: &str) -> Config {
    let config = Config::new(public_url).and_then(|config| config.allowed_origins([ADMIN]));
    config.expect("these are origins")
}

fn headers(input: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(64) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        headers.append(name, value);
    }
    Some(headers)
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}

fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    let pairs = all(headers, "cookie").into_iter().flat_map(|value| value.split(|b| *b == b';'));
    let named = pairs.filter_map(|pair| {
        let pair = pair.trim_ascii();
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        (pair[..equals] == *name.as_bytes()).then(|| &pair[equals + 1..])
    });
    named.collect()
}

const ADMIN: &str = "https://admin.example";
