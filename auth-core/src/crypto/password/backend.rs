use std::fmt;
use std::str::FromStr;

/// The implementation that computes Argon2.
///
/// All of them make and verify the same hashes, so it may be changed at any time. Before the first
/// password, the one in use has to compute a known hash, or the service does not start.
///
/// ```
/// use auth_core::HashBackend;
///
/// assert_eq!("portable".parse(), Ok(HashBackend::default()));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum HashBackend {
    /// The crate `argon2` of RustCrypto. `portable` in settings.
    #[default]
    Portable,
    /// The crate `argon2-rust`, with the widest instructions that the processor has, AVX-512, AVX2,
    /// SSE2 or NEON: more than twice as fast. `simd` in settings.
    ///
    /// # Security
    ///
    /// Its author tests it against the reference implementation; nobody has audited it. It uses
    /// `unsafe`, as every implementation with such instructions does.
    #[cfg(feature = "argon2-simd")]
    Simd,
}

impl fmt::Display for HashBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            #[cfg(feature = "argon2-simd")]
            Self::Simd => "simd",
        })
    }
}

impl FromStr for HashBackend {
    type Err = HashBackendError;

    fn from_str(text: &str) -> Result<Self, HashBackendError> {
        match text {
            "portable" => Ok(Self::Portable),
            #[cfg(feature = "argon2-simd")]
            "simd" => Ok(Self::Simd),
            #[cfg(not(feature = "argon2-simd"))]
            "simd" => Err(HashBackendError::NotBuiltIn),
            _ => Err(HashBackendError::Unknown),
        }
    }
}

/// Says why a text is no [`HashBackend`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HashBackendError {
    /// It is one of a feature that is off.
    NotBuiltIn,
    /// None has this name.
    Unknown,
}

impl fmt::Display for HashBackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuiltIn => "it needs the feature `argon2-simd`, which is off",
            Self::Unknown => "it is neither `portable` nor `simd`",
        })
    }
}

impl std::error::Error for HashBackendError {}
