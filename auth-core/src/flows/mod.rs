//! One file per flow; each owns its endpoints, its input and its rule.
//!
//! A method of [`Auth`] is the flow; the endpoint of the same name reads its input, calls it and
//! writes its answer.

mod account;
#[cfg(feature = "pages")]
mod account_page;
mod activation;
mod delivery;
mod development;
mod discovery;
mod email_change;
mod invitation;
mod issuance;
mod mails;
mod password_change;
mod password_reset;
pub(crate) mod passwords;
mod reauthentication;
mod refresh;
mod sessions;
mod sign_in;
mod sign_out;
mod sign_up;
mod two_factor;

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

pub use activation::Activate;
pub use issuance::Tokens;
pub use password_change::ChangePassword;
pub use password_reset::ResetPassword;
pub use reauthentication::Reauthenticate;
pub use sign_in::{Challenge, SignIn, SignedIn};
pub use sign_up::SignUp;
pub use two_factor::challenge::SecondFactor;
pub use two_factor::enrolment::Enrolment;

#[cfg(feature = "pages")]
use crate::http::{input, reply};
#[cfg(feature = "pages")]
use crate::templates::PageKind;
use crate::{Auth, EmailAddress, Endpoint, Error, FieldError, Result};
#[cfg(feature = "pages")]
use crate::{Request, Response};

/// The table, in the sections that the documents show. Adding a flow is one line here.
pub(crate) static SECTIONS: &[(&str, &[&[Endpoint]])] = &[
    ("Sign-up", &[sign_up::ENDPOINTS, activation::ENDPOINTS]),
    (
        "Sign-in",
        &[
            sign_in::ENDPOINTS,
            two_factor::challenge::ENDPOINTS,
            refresh::ENDPOINTS,
            sign_out::ENDPOINTS,
        ],
    ),
    ("Password reset", &[password_reset::ENDPOINTS]),
    (
        "Two-factor authentication",
        &[two_factor::enrolment::ENDPOINTS, two_factor::recovery::ENDPOINTS],
    ),
    (
        "Account and sessions",
        &[
            account::ENDPOINTS,
            reauthentication::ENDPOINTS,
            password_change::ENDPOINTS,
            email_change::ENDPOINTS,
            sessions::ENDPOINTS,
            #[cfg(feature = "pages")]
            account_page::ENDPOINTS,
        ],
    ),
    ("Service", &[discovery::ENDPOINTS]),
];

/// The endpoints of the development mailbox, at the host's root.
pub(crate) static DEVELOPMENT: &[Endpoint] = development::ENDPOINTS;

impl Auth {
    /// Answers a whole number of fixed times after it began, nearly always one, so that nobody can
    /// tell from the time what was found.
    async fn in_uniform_time<T>(&self, work: impl Future<Output = T>) -> T {
        rounded_up(self.0.config.uniform_time, work).await
    }
}

async fn rounded_up<T>(period: Duration, work: impl Future<Output = T>) -> T {
    let mut answer_at = Instant::now() + period;
    let result = work.await;
    while answer_at < Instant::now() {
        answer_at += period;
    }
    tokio::time::sleep_until(answer_at).await;
    result
}

/// An address that a mail is asked for.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct Recipient {
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    email: String,
}

/// Reads an address that a mail is asked for.
pub(crate) fn email(text: &str) -> Result<EmailAddress> {
    email_at("#/email", text)
}

/// The same where it stands in another place of the request.
fn email_at(pointer: &'static str, text: &str) -> Result<EmailAddress> {
    required([(pointer, text)])?;
    EmailAddress::parse(text)
        .map_err(|error| Error::field(FieldError::new(pointer, "invalid", error.to_string())))
}

/// Refuses what is empty, all of it at once.
fn required<const N: usize>(fields: [(&'static str, &str); N]) -> Result<()> {
    let missing = fields.into_iter().filter(|(_, text)| text.is_empty());
    let missing: Vec<_> = missing.map(|(pointer, _)| FieldError::required(pointer)).collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::Validation(missing)) }
}

/// Answers with a page, in the language that the browser asks for.
#[cfg(feature = "pages")]
fn page(auth: &Auth, page: PageKind, request: &Request) -> Result<Response> {
    let config = &auth.0.config;
    let language = input::language(request.headers()).unwrap_or(config.default_language);
    let page = auth.0.templates.page(page, config, language).map_err(Error::internal)?;
    Ok(reply::html(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_come_at_whole_multiples_however_long_the_work_took() {
        let period = Duration::from_millis(100);
        for (work, answered) in [(0, 100), (99, 100), (130, 200), (250, 300)] {
            let started = Instant::now();
            rounded_up(period, tokio::time::sleep(Duration::from_millis(work))).await;
            assert_eq!(started.elapsed(), Duration::from_millis(answered), "{work}");
        }
    }
}
