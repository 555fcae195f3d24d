use argon2::password_hash::phc;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use pbkdf2::{Algorithm, Params, pbkdf2_hmac_with_params};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::unusable::Unusable;

/// A stored hash of PBKDF2 with HMAC-SHA-256 (RFC 8018 §5.2), in the PHC string format or as
/// Django or passlib write it.
pub(crate) struct Pbkdf2Hash {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2Hash {
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        match text.split('$').collect::<Vec<_>>()[..] {
            ["pbkdf2_sha256", rounds, salt, output] => {
                let output = STANDARD.decode(output).map_err(|_| Unusable::Malformed)?;
                Self::bounded(decimal(rounds)?, salt.as_bytes().to_vec(), output)
            }
            ["", "pbkdf2-sha256", params, _, _] if params.contains('=') => Self::parse_phc(text),
            ["", "pbkdf2-sha256", rounds, salt, output] => {
                Self::bounded(decimal(rounds)?, passlib_base64(salt)?, passlib_base64(output)?)
            }
            _ => Err(Unusable::Malformed),
        }
    }

    /// Reads `$pbkdf2-sha256$i=600000,l=32$salt$output`, in which `l` may be missing.
    fn parse_phc(text: &str) -> Result<Self, Unusable> {
        let hash = phc::PasswordHash::new(text).map_err(|_| Unusable::Malformed)?;
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(Unusable::Malformed);
        };
        let mut params = hash.params.iter().map(|(name, value)| (name, value.decimal().ok()));
        let (Some((i, Some(rounds))), l, None) = (params.next(), params.next(), params.next())
        else {
            return Err(Unusable::Malformed);
        };
        let length_fits = l.is_none_or(|(name, length)| {
            let length = length.and_then(|length| usize::try_from(length).ok());
            name.as_str() == "l" && length == Some(output.len())
        });
        if i.as_str() != "i" || !length_fits {
            return Err(Unusable::Malformed);
        }
        Self::bounded(rounds, salt.to_vec(), output.as_bytes().to_vec())
    }

    fn bounded(rounds: u32, salt: Vec<u8>, output: Vec<u8>) -> Result<Self, Unusable> {
        if output.len() > Params::MAX_OUTPUT_LENGTH {
            return Err(Unusable::Malformed);
        }
        if rounds < Params::MIN_ROUNDS || output.len() < MIN_OUTPUT_BYTES {
            return Err(Unusable::TooWeak);
        }
        if rounds > MAX_ROUNDS {
            return Err(Unusable::TooExpensive);
        }
        let params = Params::new_with_output_len(rounds, output.len());
        Ok(Self { params: params.map_err(|_| Unusable::Malformed)?, salt, output })
    }

    /// Compares in constant time.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut output = Zeroizing::new([0; Params::MAX_OUTPUT_LENGTH]);
        let output = &mut output[..self.output.len()];
        let algorithm = Algorithm::Pbkdf2Sha256;
        pbkdf2_hmac_with_params(password, &self.salt, algorithm, self.params, output);
        bool::from(output.ct_eq(&self.output))
    }
}

fn decimal(text: &str) -> Result<u32, Unusable> {
    text.parse().map_err(|_| Unusable::Malformed)
}

/// passlib writes `.` for `+`, and no padding.
fn passlib_base64(text: &str) -> Result<Vec<u8>, Unusable> {
    STANDARD_NO_PAD.decode(text.replace('.', "+")).map_err(|_| Unusable::Malformed)
}

/// Several times what Django asks for: a second of one core that has instructions for SHA-256,
/// some seconds of one that has none, and twice that for outputs above 256 bits.
const MAX_ROUNDS: u32 = 5_000_000;
/// Below 128 bits, passwords begin to match by chance.
const MIN_OUTPUT_BYTES: usize = 16;
