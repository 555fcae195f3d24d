use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;

/// The cost of one password hash with Argon2id (RFC 9106).
///
/// The default is 19 MiB, two passes and one lane, the OWASP recommendation: some 30 ms of one
/// core. Hashes of other parameters stay valid, and are replaced at the next sign-in.
///
/// ```
/// use auth_core::HashParams;
///
/// assert_eq!(HashParams::default().to_string(), "m=19456,t=2,p=1");
/// assert_eq!("m=65536,t=3,p=1".parse(), HashParams::new(65_536, 3, 1));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HashParams {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl HashParams {
    /// Takes the memory in KiB, the number of passes over it and the number of lanes.
    ///
    /// Memory is at most 256 MiB; passes and lanes are at most 16. Lanes are computed one after
    /// the other: more of them cost no more and protect no more.
    ///
    /// # Errors
    ///
    /// [`HashParamsError::TooExpensive`] above these bounds, and [`HashParamsError::TooWeak`] for
    /// what is not at least one of OWASP's equivalent minima, each in KiB and passes: 47104 and 1,
    /// 19456 and 2, 12288 and 3, 9216 and 4, 7168 and 5.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, HashParamsError> {
        let params = Self { memory_kib, passes, lanes };
        if !params.is_bounded() {
            return Err(HashParamsError::TooExpensive);
        }
        let enough = matches!(
            (memory_kib, passes),
            (47_104.., 1..) | (19_456.., 2..) | (12_288.., 3..) | (9_216.., 4..) | (7_168.., 5..)
        );
        if !enough || lanes == 0 {
            return Err(HashParamsError::TooWeak);
        }
        Ok(params)
    }

    /// Returns the memory, in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Returns the number of passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Returns the number of lanes.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    /// Returns what Argon2 takes at least, which protects nothing and costs nothing.
    #[cfg(fuzzing)]
    pub(crate) const fn free() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// Tells whether a hash of these parameters exhausts no server.
    pub(super) const fn is_bounded(self) -> bool {
        self.memory_kib <= MAX_MEMORY_KIB && self.passes <= MAX_PASSES && self.lanes <= MAX_LANES
    }
}

impl Default for HashParams {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl fmt::Display for HashParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.memory_kib, self.passes, self.lanes)
    }
}

impl FromStr for HashParams {
    type Err = HashParamsError;

    fn from_str(text: &str) -> Result<Self, HashParamsError> {
        let mut values = text.split(',');
        let mut value = |name: &str| {
            let (key, value) = values.next()?.split_once('=')?;
            (key == name).then_some(value)?.parse().ok()
        };
        let (Some(memory_kib), Some(passes), Some(lanes)) = (value("m"), value("t"), value("p"))
        else {
            return Err(HashParamsError::Malformed);
        };
        if values.next().is_some() {
            return Err(HashParamsError::Malformed);
        }
        Self::new(memory_kib, passes, lanes)
    }
}

/// Says why [`HashParams`] were refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HashParamsError {
    /// The text is not of the form `m=19456,t=2,p=1`.
    Malformed,
    /// One hash would take so much memory or time that a few sign-ins exhaust the server.
    TooExpensive,
    /// A hash would cost an attacker less than the OWASP minimum.
    TooWeak,
}

impl fmt::Display for HashParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "hash parameters are written like m=19456,t=2,p=1",
            Self::TooExpensive => {
                "hash parameters are limited to m=262144 (256 MiB), t=16 and p=16"
            }
            Self::TooWeak => "hash parameters are below the OWASP minimum, such as m=19456,t=2,p=1",
        })
    }
}

impl StdError for HashParamsError {}

const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_at_least_one_minimum_of_owasp() {
        use HashParamsError::{Malformed, TooExpensive, TooWeak};
        for (text, error) in [
            ("m=19456,t=2,p=1", None),
            ("m=47104,t=1,p=1", None),
            ("m=12288,t=3,p=1", None),
            ("m=9216,t=4,p=1", None),
            ("m=7168,t=5,p=1", None),
            ("m=262144,t=16,p=16", None),
            ("m=47103,t=1,p=1", Some(TooWeak)),
            ("m=19455,t=2,p=1", Some(TooWeak)),
            ("m=7167,t=16,p=1", Some(TooWeak)),
            ("m=262144,t=0,p=1", Some(TooWeak)),
            ("m=19456,t=2,p=0", Some(TooWeak)),
            ("m=262145,t=2,p=1", Some(TooExpensive)),
            ("m=19456,t=17,p=1", Some(TooExpensive)),
            ("m=19456,t=2,p=17", Some(TooExpensive)),
            ("m=19456,t=2", Some(Malformed)),
            ("t=2,m=19456,p=1", Some(Malformed)),
            ("m=19456,t=2,p=1,p=1", Some(Malformed)),
            ("m=19456,t=two,p=1", Some(Malformed)),
            ("", Some(Malformed)),
        ] {
            let params = text.parse::<HashParams>();
            assert_eq!(params.err(), error, "{text}");
            assert!(params.is_err() || params.is_ok_and(|params| params.to_string() == text));
        }
    }
}
