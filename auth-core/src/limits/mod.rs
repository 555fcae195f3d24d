//! What is counted before anybody looks whether it succeeds.

mod limiter;
#[cfg(feature = "redis")]
mod shared;
mod subject;
mod turns;

use std::fmt;
use std::time::Duration;

use crate::Config;
use crate::policy::throttle::Throttle;

pub(crate) use limiter::{Attempt, Limiter, Refusal};
pub(crate) use subject::{Network, Subjects};
pub(crate) use turns::{Turn, Turns};

/// What keeps an endpoint from being called, or what it checks from being guessed, without end.
///
/// Every endpoint declares its own, so a table of them is complete by construction.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Limit {
    /// The hashing queue, which all clients of an instance share.
    Hashing,
    /// Requests that send a mail, for each client network.
    MailRequests,
    /// Mails to a recipient, for each purpose and in all.
    Mails,
    /// Sign-ins, for each client network.
    SignIns,
    /// Sign-ups, for each client network.
    SignUps,
    /// Nothing is counted: it takes a session, or a token too long to be guessed, or no secret.
    Unlimited,
    /// Wrong codes of an account, over all challenges.
    WrongCodes,
    /// Wrong passwords of an account, for each client network and in all.
    WrongPasswords,
}

impl Limit {
    /// Every limit there is.
    pub const ALL: &'static [Self] = &[
        Self::Hashing,
        Self::MailRequests,
        Self::Mails,
        Self::SignIns,
        Self::SignUps,
        Self::Unlimited,
        Self::WrongCodes,
        Self::WrongPasswords,
    ];

    /// Returns the stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hashing => "hashing",
            Self::MailRequests => "mail_requests",
            Self::Mails => "mails",
            Self::SignIns => "sign_ins",
            Self::SignUps => "sign_ups",
            Self::Unlimited => "unlimited",
            Self::WrongCodes => "wrong_codes",
            Self::WrongPasswords => "wrong_passwords",
        }
    }

    /// Whether a request that is refused for it is answered 429.
    #[cfg(feature = "openapi")]
    pub(crate) const fn refuses(self) -> bool {
        match self {
            Self::MailRequests
            | Self::SignIns
            | Self::SignUps
            | Self::WrongCodes
            | Self::WrongPasswords => true,
            Self::Hashing | Self::Mails | Self::Unlimited => false,
        }
    }

    /// How many requests a client network may send, if it is requests that are counted.
    pub(crate) fn of_requests(self, config: &Config) -> Option<Throttle> {
        let limit = match self {
            Self::MailRequests => config.mail_requests,
            Self::SignIns => config.sign_ins,
            Self::SignUps => config.sign_ups,
            Self::Hashing
            | Self::Mails
            | Self::Unlimited
            | Self::WrongCodes
            | Self::WrongPasswords => return None,
        };
        Some(Throttle::Window { limit, period: MINUTE })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const MINUTE: Duration = Duration::from_secs(60);
