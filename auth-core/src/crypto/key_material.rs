//! What a secret that an operator makes has to be, and how it is read.

use std::fmt;

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD};
use base64::{Engine, alphabet};
use zeroize::Zeroizing;

/// Why bytes are no key material. Its text follows the name of what they were to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unfit {
    NotBase64,
    TooPredictable,
    TooShort,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBase64 => "is not base64",
            Self::TooPredictable => "is not random: make one with `openssl rand -base64 32`",
            Self::TooShort => "is shorter than 32 bytes: make one with `openssl rand -base64 32`",
        })
    }
}

/// Takes at least 32 bytes, of at least 16 values: random ones are never fewer.
pub(crate) fn check(bytes: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, Unfit> {
    let bytes = Zeroizing::new(bytes);
    if bytes.len() < MIN_BYTES {
        return Err(Unfit::TooShort);
    }
    let mut seen = [false; 256];
    for byte in bytes.iter() {
        seen[usize::from(*byte)] = true;
    }
    if seen.iter().filter(|seen| **seen).count() < MIN_DISTINCT {
        return Err(Unfit::TooPredictable);
    }
    Ok(bytes)
}

/// Reads base64 of either alphabet, padded or not, with white space around it.
pub(crate) fn parse(base64: &str) -> Result<Zeroizing<Vec<u8>>, Unfit> {
    let text = base64.trim_ascii();
    let engine = if text.contains(['-', '_']) { &URL_SAFE_ANY } else { &STANDARD_ANY };
    check(engine.decode(text).map_err(|_| Unfit::NotBase64)?)
}

pub(crate) const MIN_BYTES: usize = 32;

const ANY_PADDING: GeneralPurposeConfig =
    NO_PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_ANY: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const URL_SAFE_ANY: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

const MIN_DISTINCT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_bytes_of_sixteen_values_are_enough() {
        let of = |length, values| check((0..values).cycle().take(length).collect()).map(|_| ());
        assert_eq!(of(32, 16), Ok(()));
        assert_eq!(of(31, 16), Err(Unfit::TooShort));
        assert_eq!(of(32, 15), Err(Unfit::TooPredictable));
    }
}
