use argon2::password_hash::phc;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scrypt::{Params, scrypt};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::unusable::Unusable;

/// A stored scrypt hash (RFC 7914), in the PHC string format or as Django writes it.
pub(crate) struct ScryptHash {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl ScryptHash {
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        if text.starts_with('$') { Self::parse_phc(text) } else { Self::parse_django(text) }
    }

    /// Reads `$scrypt$ln=16,r=8,p=1$salt$output`.
    fn parse_phc(text: &str) -> Result<Self, Unusable> {
        let hash = phc::PasswordHash::new(text).map_err(|_| Unusable::Malformed)?;
        if hash.algorithm.as_str() != "scrypt" || hash.version.is_some() {
            return Err(Unusable::UnknownKind);
        }
        let names = ["ln", "r", "p"];
        if !hash.params.iter().map(|(name, _)| name).eq(names.map(phc::Ident::new_unwrap)) {
            return Err(Unusable::Malformed);
        }
        let [Some(log_n), Some(r), Some(p)] = names.map(|name| hash.params.get_decimal(name))
        else {
            return Err(Unusable::Malformed);
        };
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(Unusable::Malformed);
        };
        Self::bounded(log_n, r, p, salt.to_vec(), output.as_bytes().to_vec())
    }

    /// Reads `scrypt$16384$salt$8$5$output`, whose salt is text as it is.
    fn parse_django(text: &str) -> Result<Self, Unusable> {
        let fields: Vec<_> = text.split('$').collect();
        let ["scrypt", n, salt, r, p, output] = fields[..] else {
            return Err(Unusable::Malformed);
        };
        let [Ok(n), Ok(r), Ok(p)] = [n, r, p].map(str::parse::<u32>) else {
            return Err(Unusable::Malformed);
        };
        if !n.is_power_of_two() {
            return Err(Unusable::Malformed);
        }
        let output = STANDARD.decode(output).map_err(|_| Unusable::Malformed)?;
        Self::bounded(n.ilog2(), r, p, salt.as_bytes().to_vec(), output)
    }

    fn bounded(
        log_n: u32,
        r: u32,
        p: u32,
        salt: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<Self, Unusable> {
        if log_n == 0 || r == 0 || p == 0 || output.len() > MAX_OUTPUT_BYTES {
            return Err(Unusable::Malformed);
        }
        if output.len() < MIN_OUTPUT_BYTES {
            return Err(Unusable::TooWeak);
        }
        if log_n > MAX_LOG_N {
            return Err(Unusable::TooExpensive);
        }
        let (n, wide_r, wide_p) = (1_u64 << log_n, u64::from(r), u64::from(p));
        // The table, a block for each lane, and one to work on.
        let memory = (128 * wide_r).saturating_mul(n + wide_p + 1);
        let work = n.saturating_mul(wide_r).saturating_mul(wide_p);
        if memory > MAX_MEMORY_BYTES || work > MAX_WORK {
            return Err(Unusable::TooExpensive);
        }
        let log_n = u8::try_from(log_n).map_err(|_| Unusable::TooExpensive)?;
        let params = Params::new(log_n, r, p).map_err(|_| Unusable::Malformed)?;
        Ok(Self { params, salt, output })
    }

    /// Compares in constant time.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut output = Zeroizing::new([0; MAX_OUTPUT_BYTES]);
        let output = &mut output[..self.output.len()];
        scrypt(password, &self.salt, &self.params, output)
            .expect("the output has at least one byte and at most 64");
        bool::from(output.ct_eq(&self.output))
    }
}

/// The table alone is all the memory there may be.
const MAX_LOG_N: u32 = 21;
/// A table of as much as Argon2 may take, and something for the lanes.
const MAX_MEMORY_BYTES: u64 = 257 * 1024 * 1024;
/// N times r times p, four times what OWASP recommends: one or two seconds of one core.
const MAX_WORK: u64 = 1 << 22;
/// Below 128 bits, passwords begin to match by chance.
const MIN_OUTPUT_BYTES: usize = 16;
const MAX_OUTPUT_BYTES: usize = 64;
