use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::Config;

/// A cookie of a browser's session (RFC 6265bis).
///
/// # Security
///
/// Both are `HttpOnly`, so that no script reads them, and `Secure`, and their names begin with a
/// prefix that keeps other origins from setting them: a sibling's subdomain, or whoever can change
/// what travels unencrypted (ASVS 3.3). Without TLS, in development, browsers refuse such cookies;
/// there they are neither.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SessionCookie {
    /// Authenticates requests to the whole origin, and goes with a link from elsewhere too.
    Access,
    /// Is exchanged for the next pair; it goes to the mount point only, and never from elsewhere.
    Refresh,
}

impl SessionCookie {
    const ALL: [Self; 2] = [Self::Access, Self::Refresh];

    /// Returns the name, which is the only one that counts under this configuration.
    pub(crate) fn name(self, config: &Config) -> &'static str {
        match (self, is_secure(config)) {
            (Self::Access, true) => "__Host-auth_access",
            (Self::Access, false) => "auth_access",
            (Self::Refresh, true) => "__Secure-auth_refresh",
            (Self::Refresh, false) => "auth_refresh",
        }
    }

    /// Returns the value in a request: if the cookie is there twice, nobody knows which of them is
    /// ours, and it counts as missing.
    pub(crate) fn read<'a>(self, headers: &'a HeaderMap, config: &Config) -> Option<&'a str> {
        let mut values = values(self.name(config), headers);
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        str::from_utf8(value).ok().filter(|value| !value.is_empty())
    }

    /// Whether a request carries either of them, be it twice or empty.
    pub(crate) fn any(headers: &HeaderMap, config: &Config) -> bool {
        Self::ALL.iter().any(|cookie| values(cookie.name(config), headers).next().is_some())
    }

    /// Returns the header that sets it, for as long as the browser runs or for `max_age`.
    pub(crate) fn set(
        self,
        value: &str,
        max_age: Option<Duration>,
        config: &Config,
    ) -> HeaderValue {
        let (path, same_site) = match self {
            Self::Access => ("/", "Lax"),
            Self::Refresh => (&*config.mount, "Strict"),
        };
        let mut text = format!("{}={value}; Path={path}", self.name(config));
        if let Some(max_age) = max_age {
            text.push_str(&format!("; Max-Age={}", max_age.as_secs()));
        }
        text.push_str("; HttpOnly; SameSite=");
        text.push_str(same_site);
        if is_secure(config) {
            text.push_str("; Secure");
        }
        let mut header = HeaderValue::from_str(&text)
            .expect("tokens, their names and the mount point are printable ASCII");
        header.set_sensitive(true);
        header
    }

    /// Returns the headers that remove both: only the same attributes name the same cookies.
    pub(crate) fn expire_all(config: &Config) -> impl Iterator<Item = HeaderValue> {
        Self::ALL.into_iter().map(|cookie| cookie.set("", Some(Duration::ZERO), config))
    }
}

/// The values under a name, over all headers: HTTP/2 may split one in several (RFC 9113 §8.2.3).
fn values<'a>(name: &'static str, headers: &'a HeaderMap) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b';'))
        .filter_map(move |pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn is_secure(config: &Config) -> bool {
    config.public_url.scheme() == "https"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_exact_name_and_only_once() {
        for (cookies, found) in [
            (&["__Host-auth_access=a"][..], Some("a")),
            (&["x=1; __Host-auth_access=a=b; y"], Some("a=b")),
            (&["x=\u{e9}", "__Host-auth_access=a"], Some("a")),
            (&["__host-auth_access=a"], None),
            (&["auth_access=a"], None),
            (&["x__Host-auth_access=a"], None),
            (&["__Host-auth_access"], None),
            (&["__Host-auth_access="], None),
            (&["__Host-auth_access=a; __Host-auth_access=a"], None),
            (&["__Host-auth_access=a; __Host-auth_access="], None),
            (&["__Host-auth_access=a", "__Host-auth_access=b"], None),
        ] {
            let mut headers = HeaderMap::new();
            for text in cookies {
                headers.append(header::COOKIE, HeaderValue::from_bytes(text.as_bytes()).unwrap());
            }
            let config = Config::new("https://app.example.com").unwrap();
            assert_eq!(SessionCookie::Access.read(&headers, &config), found, "{cookies:?}");
        }
    }

    #[test]
    fn without_tls_there_is_no_prefix() {
        let config = Config::new("http://localhost:8000").unwrap();
        for cookie in SessionCookie::ALL {
            let header = cookie.set("a", None, &config);
            let text = header.to_str().unwrap();
            assert!(text.starts_with("auth_") && !text.contains("Secure"), "{text}");
        }
    }
}
