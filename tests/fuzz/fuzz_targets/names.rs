//! Addresses, usernames, languages and the like: one canonical form, which is its own.

#![no_main]

use auth_core::{EmailAddress, HashParams, Language, Timestamp, Username};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(address) = EmailAddress::parse(text) {
        check_address(text, &address);
        assert!(Username::parse(text).is_err(), "an address is no username");
    }
    if let Ok(name) = Username::parse(text) {
        assert!((3..=32).contains(&text.len()) && text.is_ascii());
        assert_eq!(name.original(), text);
        assert_eq!(name.canonical(), text.to_ascii_lowercase());
        assert_eq!(Username::parse(name.canonical()).as_ref(), Ok(&name));
        assert_eq!(Username::parse(&text.to_ascii_uppercase()), Ok(name));
    }
    if let Ok(language) = Language::parse(text) {
        assert_eq!(Language::parse(language.as_str()), Ok(language));
        assert_eq!(Language::negotiate(text), Some(language), "a tag asks for itself");
    }
    if let Some(language) = Language::negotiate(text) {
        let folded = text.to_ascii_lowercase();
        assert!(folded.contains(language.as_str()), "{language} was not asked for");
    }
    if let Ok(params) = text.parse::<HashParams>() {
        assert_eq!(params.to_string().parse(), Ok(params));
        assert!(params.memory_kib() >= 7168 && params.memory_kib() <= 256 * 1024);
    }
    if let Ok(at) = serde_json::from_value::<Timestamp>(text.into()) {
        let again = serde_json::from_value::<Timestamp>(at.to_string().into());
        assert_eq!(again.expect("an instant is read as it is written"), at);
    }
});

fn check_address(text: &str, address: &EmailAddress) {
    let (canonical, original) = (address.canonical(), address.original());
    for form in [canonical, original] {
        assert_eq!(EmailAddress::parse(form).as_ref(), Ok(address), "{form} is the same address");
        assert!(form.len() <= 254 && form.bytes().all(|byte| byte.is_ascii_graphic()), "{form}");
        assert_eq!(form.matches('@').count(), 1);
        assert!(!form.contains(['"', '(', ')', ',', ':', ';', '<', '>', '[', '\\', ']']), "{form}");
    }
    assert!(!canonical.contains(|letter: char| letter.is_ascii_uppercase()), "{canonical}");
    assert_eq!(EmailAddress::parse(canonical).expect("it is one").canonical(), canonical);
    assert!(original.eq_ignore_ascii_case(canonical));
    if text.is_ascii() {
        assert_eq!(original, text, "mail goes to what was entered");
        assert_eq!(EmailAddress::parse(&text.to_ascii_uppercase()).as_ref(), Ok(address));
    }
    let (local, _) = canonical.split_once('@').expect("it has one");
    assert!(local.len() < 5 || !format!("{address:?}").starts_with(local), "{address:?}");
}
