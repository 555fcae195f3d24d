//! Which requests of browsers come from pages that may send them (ASVS 3.5.1).

use http::{HeaderMap, HeaderValue, Method, header};

use crate::{Config, Error, Result};

/// Refuses an unsafe request that a foreign page may have made a browser send.
///
/// `cookies` says whether it carries session cookies or asks for them. Then something has to show
/// that a page of ours sent it: `Sec-Fetch-Site`, which no page can choose, or, of a browser that
/// does not send that, an `Origin` that is allowed. Without cookies, a request that shows nothing is
/// a program's, and the page that mailed links lead to is no stranger.
///
/// # Security
///
/// Requests without cookies are looked at too: a foreign page that signs its visitor in, to an
/// account of its own, has them work for somebody else (login CSRF).
pub(crate) fn check(
    method: &Method,
    headers: &HeaderMap,
    cookies: bool,
    config: &Config,
) -> Result<()> {
    let admitted = !is_unsafe(method, headers)
        || match sender(headers, config) {
            Sender::Ours => true,
            Sender::FrontEnd | Sender::NoBrowser => !cookies,
            Sender::Stranger => false,
        };
    if !admitted {
        tracing::warn!(event = "csrf_blocked", cookies, "a request of a foreign page was refused");
        return Err(Error::CrossSiteRequest);
    }
    Ok(())
}

enum Sender {
    FrontEnd,
    NoBrowser,
    Ours,
    Stranger,
}

fn sender(headers: &HeaderMap, config: &Config) -> Sender {
    let (Ok(site), Ok(origin)) =
        (single(headers, "sec-fetch-site"), single(headers, header::ORIGIN.as_str()))
    else {
        return Sender::Stranger;
    };
    let matches = |allowed: &str| origin.is_some_and(|origin| origin == allowed);
    let allowed = || config.allowed_origins.iter().any(|allowed| matches(allowed));
    let front_end = || config.front_end_origin().is_some_and(|allowed| matches(&allowed));
    match site {
        Some(site) if site == "same-origin" || site == "none" => Sender::Ours,
        _ if allowed() => Sender::Ours,
        None if matches(&config.issuer()) => Sender::Ours,
        None if origin.is_none() => Sender::NoBrowser,
        _ if front_end() => Sender::FrontEnd,
        _ => Sender::Stranger,
    }
}

/// Reads a header of which there must be one at most.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() { Err(()) } else { Ok(value) }
}

/// Whether a request may change something (RFC 9110 §9.2.1). What opens a WebSocket is a `GET`, and
/// the origin that it came from is for the server alone to check (RFC 6455 §10.2).
fn is_unsafe(method: &Method, headers: &HeaderMap) -> bool {
    !method.is_safe() || headers.contains_key(header::UPGRADE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_send_cookies() {
        let config = Config::new("https://app.example.com").unwrap();
        let config = config.front_end_url("https://front.example.com/x").unwrap();
        let config = config.allowed_origins(["https://admin.example.com"]).unwrap();
        let (ours, front) = ("https://app.example.com", "https://front.example.com");
        let (admin, evil) = ("https://admin.example.com", "https://evil.example");
        // What the browser says of the site and the origin; whether that is enough for a request
        // with cookies, and for one without.
        for (site, origin, with, without) in [
            (&["same-origin"][..], &[][..], true, true),
            (&["same-origin"], &["null"], true, true),
            (&["same-origin"], &["http://localhost:5173"], true, true),
            (&["none"], &[], true, true),
            (&["same-site"], &[], false, false),
            (&["same-site"], &[ours], false, false),
            (&["same-site"], &[front], false, true),
            (&["same-site"], &[admin], true, true),
            (&["cross-site"], &[], false, false),
            (&["cross-site"], &[admin], true, true),
            (&["cross-site"], &["null"], false, false),
            (&["cross-site"], &[evil], false, false),
            (&["Same-Origin"], &[], false, false),
            (&[""], &[], false, false),
            (&["same-origin", "cross-site"], &[], false, false),
            (&[], &[], false, true),
            (&[], &[ours], true, true),
            (&[], &[front], false, true),
            (&[], &[admin], true, true),
            (&[], &[evil], false, false),
            (&[], &["null"], false, false),
            (&[], &["https://app.example.com:8443"], false, false),
            (&[], &["http://app.example.com"], false, false),
            (&[], &["https://app.example.com.evil.example"], false, false),
            (&[], &[ours, evil], false, false),
        ] {
            let mut headers = HeaderMap::new();
            let named = |name, values: &[&'static str]| {
                values.iter().map(move |value| (name, *value)).collect::<Vec<_>>()
            };
            for (name, value) in [named("sec-fetch-site", site), named("origin", origin)].concat() {
                headers.append(name, HeaderValue::from_static(value));
            }
            let admits = |method, cookies| check(&method, &headers, cookies, &config).is_ok();
            for method in [Method::POST, Method::DELETE] {
                let admitted = (admits(method.clone(), true), admits(method, false));
                assert_eq!(admitted, (with, without), "{site:?} {origin:?}");
            }
            assert!(admits(Method::GET, true) && admits(Method::HEAD, true));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            assert_eq!(check(&Method::GET, &headers, true, &config).is_ok(), with);
        }
    }
}
