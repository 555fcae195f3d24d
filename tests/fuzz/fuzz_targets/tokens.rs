//! Opaque tokens and what rests sealed: one spelling each, and nothing opens that was not closed here.

#![no_main]

use std::sync::LazyLock;

use auth_core::fuzzing::{opens, refresh_token};
use auth_core::{MasterSecret, Pepper};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    assert!(!opens(&SECRET, input), "nobody else has the key");
    let Ok(text) = str::from_utf8(input) else { return };
    if let Some(token) = refresh_token(text) {
        assert_eq!(token.expose(), text, "a token has one spelling");
        assert!(text.len() == 46 && text.starts_with("rt_"));
    }
    if let Ok(secret) = MasterSecret::parse(text) {
        let again = MasterSecret::parse(&secret.to_base64()).expect("it is read as it is written");
        assert_eq!(*again.to_base64(), *secret.to_base64());
        assert!(Pepper::parse(text).is_ok(), "both are made alike");
    }
});

static SECRET: LazyLock<MasterSecret> =
    LazyLock::new(|| MasterSecret::new((0..32).collect()).expect("it is 32 different bytes"));
