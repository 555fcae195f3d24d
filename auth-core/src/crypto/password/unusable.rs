use std::error::Error as StdError;
use std::fmt;

/// Why no password can be compared with a stored hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unusable {
    /// It is of a known kind, and broken.
    Malformed,
    /// One comparison would take so much memory or time that a few sign-ins exhaust the server.
    TooExpensive,
    /// Its output is so short that passwords match by chance, or made with so few rounds that it
    /// is as good as not hashed.
    TooWeak,
    UnknownKind,
    /// It was made with a pepper that is not configured.
    UnknownPepper,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the password hash is malformed",
            Self::TooExpensive => "the password hash takes more memory or time than is allowed",
            Self::TooWeak => "the password hash is too short or was made with too few rounds",
            Self::UnknownKind => "the password hash is of no known kind",
            Self::UnknownPepper => {
                "the password hash was made with a pepper that is not configured"
            }
        })
    }
}

impl StdError for Unusable {}
