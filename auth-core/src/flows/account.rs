use http::StatusCode;
use serde::Deserialize;

use super::delivery::expire_cookies;
use super::required;
use crate::auth::{CurrentSession, Unit};
use crate::http::endpoint::Access;
use crate::http::input::{json, nothing};
use crate::http::reply::{self, no_content};
use crate::model::Account;
use crate::{
    Auth, Endpoint, Error, EventKind, FieldError, Language, Limit, MessageKind, Request, Response,
    Result, User,
};

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::get("/me", "Shows who is signed in.", &[Limit::Unlimited], |auth, request| {
        Box::pin(me(auth, request))
    })
    .access(Access::SignedIn)
    .answers::<User>(),
    Endpoint::delete(
        "/me",
        "Deletes the account and all that belongs to it.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(delete(auth, request)),
    )
    .access(Access::RecentSignIn)
    .success(StatusCode::NO_CONTENT),
    Endpoint::post(
        "/change-language",
        "Chooses the language of the mails to the account.",
        &[Limit::Unlimited],
        |auth, request| Box::pin(change_language(auth, request)),
    )
    .access(Access::SignedIn)
    .takes::<ChangeLanguage>()
    .success(StatusCode::NO_CONTENT),
];

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct ChangeLanguage {
    /// A language tag, such as `de` or `de-AT`.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(default)]
    language: String,
}

impl Auth {
    /// Deletes a session's user with all that belongs to them, ends their sessions, and mails a
    /// notice.
    ///
    /// The address and the username are free at once. What the host's own tables keep under
    /// `REFERENCES auth_users (id) ON DELETE CASCADE` goes too; a reference without that keeps the
    /// user, and this fails. [Events](crate::Event) stay, with the id alone.
    ///
    /// # Errors
    ///
    /// [`Error::ReauthenticationRequired`].
    pub async fn delete_user(&self, session: &CurrentSession) -> Result<()> {
        self.require_recent(session)?;
        let mut unit = self.begin(&session.client).await?;
        let account = unit.lock(session).await?;
        self.remove_user(&mut unit, &account).await?;
        unit.commit().await
    }

    /// Chooses the language of the mails to a session's user, instead of the
    /// [default one](crate::Config::default_language).
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn change_language(
        &self,
        session: &CurrentSession,
        language: Language,
    ) -> Result<()> {
        let user_id = session.user().id;
        let mut unit = self.begin(&session.client).await?;
        unit.lock(session).await?;
        unit.tx().set_language(user_id, language.as_str()).await?;
        unit.record(EventKind::UserUpdated).user(user_id).detail("what", "language");
        unit.commit().await
    }

    /// Deletes a user, whose row is locked, and tells them and every instance.
    pub(crate) async fn remove_user(&self, unit: &mut Unit<'_>, account: &Account) -> Result<()> {
        let (user_id, now) = (account.user.id, self.now());
        let ended = unit.tx().revoke_sessions(user_id, None, now).await?;
        unit.end_sessions(user_id, ended, "deleted");
        if !unit.tx().delete_user(account, self.0.revocations.oldest(now)).await? {
            return Err(Error::NotFound);
        }
        unit.record(EventKind::UserDeleted).user(user_id);
        self.notify(unit, MessageKind::AccountDeleted, account);
        Ok(())
    }
}

async fn me(auth: &Auth, request: Request) -> Result<Response> {
    let user = auth.authenticate(request.method(), request.headers()).await?;
    Ok(reply::json(StatusCode::OK, &user))
}

async fn delete(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.recent_session(&request).await?;
    nothing(&request)?;
    auth.delete_user(&session).await?;
    let mut response = no_content();
    expire_cookies(auth, &request, &mut response);
    Ok(response)
}

async fn change_language(auth: &Auth, request: Request) -> Result<Response> {
    let session = auth.current_session(&request).await?;
    let ChangeLanguage { language } = json(&request)?;
    required([(LANGUAGE, &*language)])?;
    let language = Language::parse(&language)
        .map_err(|error| Error::field(FieldError::new(LANGUAGE, "invalid", error.to_string())))?;
    auth.change_language(&session, language).await?;
    Ok(no_content())
}

const LANGUAGE: &str = "#/language";
