//! URLs of a configuration: what links, tokens and cookies are bound to is an origin and nothing else.

#![no_main]

use auth_core::Config;
use auth_core::fuzzing::origins;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let sound = || Config::new("https://a.example").expect("this is an origin");
    if let Ok(config) = Config::new(text) {
        let (issuer, link_base, allowed) = origins(&config);
        assert_origin(&issuer);
        assert_eq!(link_base, format!("{issuer}/api/auth"));
        assert!(allowed.is_empty());
    }
    if let Ok(config) = sound().allowed_origins([text]) {
        let (issuer, _, allowed) = origins(&config);
        assert_eq!((&*issuer, allowed.len()), ("https://a.example", 1));
        assert_origin(&allowed[0]);
    }
    if let Ok(config) = sound().front_end_url(text) {
        let (issuer, link_base, _) = origins(&config);
        assert_eq!(issuer, "https://a.example");
        assert!(!link_base.ends_with('/') && !link_base.contains(['?', '#']), "{link_base}");
        let again = sound().front_end_url(&link_base).expect("it is where links lead");
        assert_eq!(origins(&again).1, link_base);
    }
    for config in [sound().mount(text), sound().product_name(text), sound().mail_from(text)] {
        let sound = config.problems().is_empty();
        assert!(!sound || !text.contains(char::is_control), "{text:?}");
    }
    if sound().mount(text).problems().is_empty() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
        assert!(text.starts_with('/') && text.bytes().all(plain) && !text.contains("/."));
    }
});

fn assert_origin(origin: &str) {
    let config = Config::new(origin).expect("an origin is one again");
    assert_eq!(origins(&config).0, origin);
    let (scheme, host) = origin.split_once("://").expect("it has a scheme");
    assert!(!host.contains(['/', '?', '#', '@', '*', '\\']), "{origin}");
    assert!(origin.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let loopback = name == "[::1]"
        || name.starts_with("127.")
        || name == "localhost"
        || name.ends_with(".localhost");
    assert!(scheme == "https" || (scheme == "http" && loopback), "{origin}");
}
