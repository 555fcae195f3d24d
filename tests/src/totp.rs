//! An authenticator app: RFC 6238 with SHA-1, six digits and thirty seconds, written a second time
//! so that a mistake in the library's own arithmetic cannot agree with itself.

use auth_core::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Returns the code that an authenticator app with this base32 `secret` shows at `now`.
///
/// # Panics
///
/// If `secret` is not base32.
pub fn totp_code(secret: &str, now: Timestamp) -> String {
    let step = u64::try_from(now.secs().div_euclid(30)).expect("tests live after 1970");
    hotp(&base32(secret), step)
}

/// RFC 4226 §5.3.
fn hotp(key: &[u8], counter: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&counter.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 15);
    let word = [digest[offset] & 127, digest[offset + 1], digest[offset + 2], digest[offset + 3]];
    format!("{:06}", u32::from_be_bytes(word) % 1_000_000)
}

/// RFC 4648 §6, padding ignored.
fn base32(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => panic!("{text:?} is not base32"),
        };
        buffer = buffer << 5 | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 255).expect("eight bits"));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226 Appendix D.
    #[test]
    fn the_standards_codes_come_out() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(hotp(b"12345678901234567890", counter), code);
        }
    }

    /// RFC 6238 Appendix B, the last six of its eight digits.
    #[test]
    fn a_base32_secret_and_an_instant_make_a_code() {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(totp_code(secret, Timestamp::from_secs(59)), "287082");
        assert_eq!(totp_code(secret, Timestamp::from_secs(1_111_111_109)), "081804");
        assert_eq!(totp_code(secret, Timestamp::from_secs(20_000_000_000)), "353130");
    }
}
