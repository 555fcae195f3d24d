//! What the people who run the service do to its users; none of it is reachable over HTTP.

mod access;
mod attributes;
mod events;
mod export;
mod import;
mod import_record;
mod new_account;
mod outbox;
mod resealing;
mod signing_keys;
mod users;

use std::fmt;

use crate::auth::Unit;
use crate::event::{Actor, Origin};
use crate::model::{Account, Client};
use crate::{Auth, Error, Result, UserId};

pub use events::EventQuery;
pub use export::UserExport;
pub use import::{ImportOptions, ImportProblem, ImportReport, ImportedUser};
pub use new_account::NewAccount;
pub use outbox::{MessageDetails, MessageQuery, MessageState, Retry};
pub use signing_keys::{SigningKeyInfo, SigningKeyState};
pub use users::UserQuery;

/// Somebody who runs the service; made by [`Auth::operator`].
///
/// What is done through it needs no session and no proof: whether the caller may is for the host to
/// decide before. Every call is an [event](crate::Event) under the operator's name.
#[derive(Clone)]
#[must_use]
pub struct Operator<'a> {
    auth: &'a Auth,
    name: String,
}

impl Auth {
    /// Acts on behalf of somebody who runs the service, whom events will know as `name`, such as a
    /// login of the host's own. It is cut to 64 characters, without control characters.
    pub fn operator(&self, name: &str) -> Operator<'_> {
        let name = name.chars().filter(|char| !char.is_control()).take(64).collect();
        Operator { auth: self, name }
    }
}

impl Operator<'_> {
    /// The user, whom nobody else changes until `unit` ends.
    async fn locked(&self, unit: &mut Unit<'_>, id: UserId) -> Result<Account> {
        unit.tx().lock_user(id).await?;
        unit.tx().account(id).await?.ok_or(Error::NotFound)
    }
}

impl From<&Operator<'_>> for Origin {
    fn from(operator: &Operator<'_>) -> Self {
        Self { actor: Actor::Operator(operator.name.clone()), client: Client::default() }
    }
}

impl fmt::Debug for Operator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("name", &self.name).finish_non_exhaustive()
    }
}
