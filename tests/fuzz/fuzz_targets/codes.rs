//! Codes and secrets of authenticator apps: one meaning in every spelling, and no other.

#![no_main]

use auth_core::Timestamp;
use auth_core::fuzzing::{otpauth, totp_base32, totp_secret, totp_step};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (secret, code) = input.split_once('\n').unwrap_or((input, input));
    if let Some(bytes) = totp_secret(secret) {
        assert!((10..=64).contains(&bytes.len()));
        let spelt = totp_base32(&bytes);
        assert_eq!(totp_secret(spelt.expose()), Some(bytes), "it is read as it is shown");
        // The last letter may have bits that no byte is made of.
        let letters = |text: &str| -> String {
            let text = text.chars().filter(|char| !matches!(char, ' ' | '-'));
            let mut letters = text.collect::<String>().trim_end_matches('=').to_ascii_uppercase();
            letters.pop();
            letters
        };
        assert_eq!(letters(spelt.expose()), letters(secret), "no two secrets share a spelling");
    }

    let digits: String = code.chars().filter(|char| !matches!(char, ' ' | '-')).collect();
    for now in [0, 59, 1_700_000_000] {
        let step = totp_step(KEY, code, Timestamp::from_secs(now));
        let step_of_digits = totp_step(KEY, &digits, Timestamp::from_secs(now));
        if let Some(step) = step {
            assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()));
            assert!(step == now / 30 || step == now / 30 - 1, "{step} at {now}");
            assert_eq!(step_of_digits, Some(step), "groups change nothing");
        }
    }

    // A picture takes as long as a thousand codes.
    if input.len() % 16 != 0 {
        return;
    }
    let (url, picture) = otpauth(KEY, secret, code);
    assert!(url.starts_with("otpauth://totp/") && url.is_ascii());
    assert!(url.matches("secret=").count() >= 1 && !url.contains(char::is_whitespace));
    assert!(picture.starts_with("data:image/svg+xml;base64,"), "it fits a QR code");
});

const KEY: &[u8; 20] = b"12345678901234567890";
