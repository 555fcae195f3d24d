//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 seconds, which is
//! what every authenticator app understands.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::{Random, Timestamp, TotpSecret};

/// Makes a secret of 160 bits, as RFC 4226 §4 recommends.
pub(crate) fn generate_secret(random: &dyn Random) -> Zeroizing<[u8; 20]> {
    Zeroizing::new(random.bytes())
}

/// Returns the time step that `code` is of: the current one, or the one before for who types
/// slowly; never a future one.
///
/// Spaces and hyphens are dropped, as apps show codes in groups; what remains must be six ASCII
/// digits.
///
/// # Security
///
/// A step must be accepted once only (RFC 6238 §5.2): the caller stores it, and refuses it and
/// every earlier one from then on. Both steps are always computed, and compared in constant time.
pub(crate) fn matching_step(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    let code = digits(code)?;
    let secs = u64::try_from(now.secs()).ok()?;
    let totp = totp(secret);
    let current = totp.check(&code, secs);
    let before = secs.checked_sub(STEP_SECS).and_then(|secs| totp.check(&code, secs));
    current.or(before).and_then(|step| i64::try_from(step).ok())
}

/// Returns the secret in base32 without padding, for typing into an app.
pub(crate) fn secret_base32(secret: &[u8]) -> TotpSecret {
    TotpSecret::new(totp(secret).secret().to_base32())
}

/// Reads a secret of 80 to 512 bits in base32, in either case, with or without padding and spaces;
/// `None` for anything else.
pub(crate) fn secret_from_base32(text: &TotpSecret) -> Option<Zeroizing<Vec<u8>>> {
    let letters = text.expose().chars().filter(|char| !matches!(char, ' ' | '-'));
    let letters: Zeroizing<String> =
        Zeroizing::new(letters.take(MAX_SECRET_LETTERS + 1).collect::<String>());
    let upper = Zeroizing::new(letters.trim_end_matches('=').to_ascii_uppercase());
    let secret = Secret::try_from_base32(&*upper).ok()?;
    let secret = Zeroizing::new(secret.as_ref().to_vec());
    // A letter that is not part of any byte was lost or added on the way.
    let is_whole = upper.len() == (8 * secret.len()).div_ceil(5);
    (is_whole && (10..=64).contains(&secret.len())).then_some(secret)
}

/// Returns the provisioning URI that an app reads from the [QR code](qr_code).
///
/// Colons separate issuer and account, so those within them become spaces; both are cut at a
/// length that still fits a QR code, and an account without a name gets one.
pub(crate) fn otpauth_url(secret: &[u8], issuer: &str, account: &str) -> String {
    let issuer = label(issuer, MAX_ISSUER_BYTES);
    let account = label(account, MAX_ACCOUNT_BYTES);
    builder(secret)
        .with_account_name(if account.is_empty() { "account".to_owned() } else { account })
        .with_issuer((!issuer.is_empty()).then_some(issuer))
        .build_noncompliant()
        .to_url()
        .expect("the account has a name, in which there is no colon")
}

/// Draws a provisioning URI as a `data:` URI of an SVG image, with the quiet zone around it.
///
/// A text that is too long for a QR code gives an empty string; no [`otpauth_url`] is.
pub(crate) fn qr_code(url: &str) -> String {
    let Ok(code) = QrCode::new(url) else {
        return String::new();
    };
    let svg = Zeroizing::new(code.render::<svg::Color<'_>>().module_dimensions(4, 4).build());
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg.as_bytes()))
}

fn totp(secret: &[u8]) -> Totp {
    // Its length was decided when the secret was made.
    builder(secret).build_noncompliant()
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_step_duration(STEP_SECS)
        .with_skew(0)
        .with_secret(secret.to_vec())
}

fn digits(code: &str) -> Option<Zeroizing<String>> {
    if code.len() > MAX_CODE_BYTES {
        return None;
    }
    let mut digits = Zeroizing::new(String::with_capacity(code.len()));
    digits.extend(code.chars().filter(|char| !matches!(char, ' ' | '-')));
    let exact = digits.len() == usize::from(DIGITS) && digits.bytes().all(|b| b.is_ascii_digit());
    exact.then_some(digits)
}

fn label(name: &str, max_bytes: usize) -> String {
    let name = name.replace(|char: char| char == ':' || char.is_control(), " ");
    let name = name.trim();
    name[..name.floor_char_boundary(max_bytes)].to_owned()
}

const DIGITS: u8 = 6;
/// Those of 64 bytes, padded.
const MAX_SECRET_LETTERS: usize = 104;
const STEP_SECS: u64 = 30;
const MAX_CODE_BYTES: usize = 32;
const MAX_ISSUER_BYTES: usize = 64;
/// The longest e-mail address (RFC 5321 §4.5.3.1.3).
const MAX_ACCOUNT_BYTES: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    const SECRET: &[u8; 20] = b"12345678901234567890";

    /// The code of RFC 4226, appendix D, for the counter 1: from 30 to 59 seconds.
    const CODE: &str = "287082";

    fn step_at(code: &str, secs: i64) -> Option<i64> {
        matching_step(SECRET, code, Timestamp::from_secs(secs))
    }

    /// RFC 6238, appendix B, the column of SHA-1, whose eight digits end in these six.
    #[test]
    fn the_vectors_of_rfc_6238_match() {
        for (secs, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(step_at(&code[2..], secs), Some(secs / 30), "{secs}");
            let eight = builder(SECRET).with_digits(8).build_noncompliant();
            assert_eq!(eight.generate(secs.unsigned_abs()).to_string(), code);
        }
    }

    /// RFC 4226, appendix D.
    #[test]
    fn the_vectors_of_rfc_4226_match() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(step_at(code, step * 30), Some(step), "{step}");
        }
    }

    #[test]
    fn a_code_is_good_in_its_step_and_the_next() {
        for (secs, step) in
            [(0, None), (29, None), (30, Some(1)), (59, Some(1)), (89, Some(1)), (90, None)]
        {
            assert_eq!(step_at(CODE, secs), step, "{secs}");
        }
        assert_eq!(step_at("755224", -1), None);
        assert_eq!(step_at(CODE, i64::MIN), None);
    }

    #[test]
    fn a_code_has_one_meaning_however_it_is_spelt() {
        let long = format!("287082{}", " ".repeat(26));
        for code in ["287082", " 287082", "287 082", "287-082 ", "2 8-7 0-8 2", &long] {
            assert_eq!(step_at(code, 59), Some(1), "{code:?}");
        }
        for code in [
            "",
            "28708",
            "2870820",
            "0287082",
            "+87082",
            "-87082",
            "287082\n",
            "\t287082",
            "287\u{a0}082",
            "28708a",
            "２８７０８２",
            "٢٨٧٠٨٢",
            "287.082",
            "287082\0",
            &format!("287082{}", " ".repeat(64)),
        ] {
            assert_eq!(step_at(code, 59), None, "{code:?}");
        }
    }

    #[test]
    fn the_secret_is_shown_as_its_bytes_in_base32() {
        assert_eq!(secret_base32(SECRET).expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let secret = generate_secret(&SeededRandom::new(1));
        let shown = secret_base32(secret.as_slice());
        assert!(!shown.expose().contains('=') && shown.expose().len() == 32);
    }

    #[test]
    fn a_secret_is_read_whole_in_every_spelling_or_not_at_all() {
        let read = |text: &str| secret_from_base32(&text.into()).map(|secret| secret.to_vec());
        for text in [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv-gy3t qojq gezd gnbv gy3t qojq",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ========",
        ] {
            assert_eq!(read(text).as_deref(), Some(&SECRET[..]), "{text}");
        }
        // Of other lengths, not every secret fills its last letter.
        for (letters, bytes) in [(16, Some(10)), (18, Some(11)), (103, Some(64))] {
            assert_eq!(read(&"A".repeat(letters)).map(|secret| secret.len()), bytes, "{letters}");
        }
        for letters in [0, 8, 15, 17, 19, 22, 25, 104, 1_000] {
            assert_eq!(read(&"A".repeat(letters)), None, "{letters}");
        }
        for text in ["GEZDGNBVGY3TQOJ1", "GEZDGNBVGY3TQOJ\u{131}", "GEZDGNBV=Y3TQOJQ"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_provisioning_uri_survives_any_names() {
        assert_eq!(
            otpauth_url(SECRET, "Acme & Sons: Shop", "ada+1@example.org"),
            "otpauth://totp/Acme%20%26%20Sons%20%20Shop:ada%2B1%40example.org\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20%26%20Sons%20%20Shop"
        );
        assert_eq!(
            otpauth_url(SECRET, " : ", "::"),
            "otpauth://totp/account?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
    }

    #[test]
    fn the_longest_provisioning_uri_still_fits_a_qr_code() {
        let name = "\u{20ac}".repeat(1_000);
        let image = qr_code(&otpauth_url(SECRET, &name, &name));
        let image = image.strip_prefix("data:image/svg+xml;base64,").unwrap();
        let svg = String::from_utf8(STANDARD.decode(image).unwrap()).unwrap();
        assert!(svg.starts_with("<?xml") && svg.ends_with("</svg>"), "{svg}");
        assert_eq!(qr_code(&"x".repeat(8_000)), "");
    }
}
