use serde::de::DeserializeOwned;

use crate::store::UserFilter;
use crate::{Auth, EmailAddress, Error, Result, Session, UserDetails, UserId, UserState, Username};

/// Which users [`Auth::users`] returns; by default the first 100 of all.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct UserQuery {
    search: Option<String>,
    role: Option<String>,
    state: Option<UserState>,
    after: Option<UserId>,
    limit: Option<u32>,
}

impl UserQuery {
    /// Asks for all users.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the users whose address or username begins with `text`, in whatever case.
    pub fn search(mut self, text: &str) -> Self {
        let text = text.trim();
        let canonical = EmailAddress::parse(text)
            .map_or_else(|_| printable(&text.to_lowercase()), |it| it.canonical().to_owned());
        self.search = Some(canonical);
        self
    }

    /// Asks for the users who have a role.
    pub fn role(mut self, role: &str) -> Self {
        self.role = Some(printable(role));
        self
    }

    /// Asks for the users in one state.
    pub fn state(mut self, state: UserState) -> Self {
        self.state = Some(state);
        self
    }

    /// Asks for the page that comes after a user.
    pub fn after(mut self, user: UserId) -> Self {
        self.after = Some(user);
        self
    }

    /// Asks for so many users; 1 to 1000, by default 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// What is read here is as personal as it gets: whether the caller may is for the host to decide
/// before.
impl Auth {
    /// Returns a user.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn user(&self, id: UserId) -> Result<Option<UserDetails>> {
        Ok(self.0.store.read().await?.user_details(id).await?)
    }

    /// Returns the user of an address, in whatever spelling; what is no address has none.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserDetails>> {
        let Ok(email) = EmailAddress::parse(email) else { return Ok(None) };
        let mut connection = self.0.store.read().await?;
        Ok(connection.user_details_by_email(email.canonical()).await?)
    }

    /// Returns the user of a username, in whatever case; what is no username has none.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn user_by_username(&self, username: &str) -> Result<Option<UserDetails>> {
        let Ok(username) = Username::parse(username) else { return Ok(None) };
        let mut connection = self.0.store.read().await?;
        Ok(connection.user_details_by_username(username.canonical()).await?)
    }

    /// Returns users, the earliest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn users(&self, query: &UserQuery) -> Result<Vec<UserDetails>> {
        let filter = UserFilter {
            prefix: query.search.as_deref().filter(|prefix| !prefix.is_empty()),
            role: query.role.as_deref(),
            state: query.state,
            after: query.after,
            limit: i64::from(query.limit.unwrap_or(100).clamp(1, 1000)),
        };
        Ok(self.0.store.read_job().await?.users(&filter).await?)
    }

    /// Returns the live sessions of a user, the latest first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn user_sessions(&self, id: UserId) -> Result<Vec<Session>> {
        Ok(self.0.store.read().await?.sessions(id, self.now()).await?)
    }

    /// Returns what the host keeps with a user, as a type of the host's own.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Internal`] if what is kept is of another shape.
    pub async fn metadata<T: DeserializeOwned>(&self, id: UserId) -> Result<T> {
        let user = self.user(id).await?.ok_or(Error::NotFound)?;
        serde_json::from_value(user.metadata.into()).map_err(Error::internal)
    }
}

/// Postgres knows no text with U+0000.
fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}
