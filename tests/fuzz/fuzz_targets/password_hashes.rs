//! Stored password hashes of every kind: a broken one is refused, and none matches by accident.

#![no_main]

use std::sync::LazyLock;

use auth_core::Pepper;
use auth_core::fuzzing::PasswordHashes;
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|stored: &str| -> Corpus {
    if !HASHES.recognize(stored) {
        return Corpus::Keep;
    }
    assert!(stored.len() <= 1024 && stored.contains('$'));
    // What is expensive is as right, and would leave no time for other inputs.
    let numbers = stored.split(|char: char| !char.is_ascii_digit());
    let numbers: Vec<u32> = numbers.filter_map(|number| number.parse().ok()).collect();
    let most = if stored.contains("bcrypt") || stored.contains("$2") { 5 } else { 64 };
    if numbers.iter().all(|number| *number <= most) {
        assert!(!HASHES.matches(stored, "a password that no seed was made of"), "{stored}");
    }
    Corpus::Keep
});

static HASHES: LazyLock<PasswordHashes> = LazyLock::new(|| {
    let pepper = Pepper::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    PasswordHashes::new(pepper.expect("it is 32 different bytes"))
});
