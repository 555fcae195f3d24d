//! What the outbox carries.

use std::fmt;

use crate::{Language, MessageId, OneTimeToken, Timestamp};

/// An e-mail that somebody is owed, before it is rendered.
///
/// It names its template and carries what the template needs, so it stays valid when templates,
/// links or senders change while it waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Message {
    /// The same for every attempt to deliver it; the e-mail's `Message-ID` is made of it.
    pub id: MessageId,
    /// What the e-mail says.
    pub kind: MessageKind,
    /// The address to send it to.
    pub recipient: String,
    /// The username of the recipient, where usernames are in use.
    pub username: Option<String>,
    /// The language to write in, or none for [`Config::default_language`](crate::Config::default_language).
    pub language: Option<Language>,
    /// The token that the e-mail's link carries.
    pub token: Option<OneTimeToken>,
    /// When the event happened that it tells of.
    pub created_at: Timestamp,
    /// When its token expires: later, the e-mail is dropped and not sent.
    pub not_after: Option<Timestamp>,
    /// How often it was claimed, the current time included.
    pub attempts: u32,
}

impl Message {
    /// Makes a message without a token, for outboxes that read their own records back.
    #[must_use]
    pub fn new(
        id: MessageId,
        kind: MessageKind,
        recipient: impl Into<String>,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            kind,
            recipient: recipient.into(),
            username: None,
            language: None,
            token: None,
            created_at,
            not_after: None,
            attempts: 0,
        }
    }
}

/// What an e-mail says; its name is the name of its templates.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MessageKind {
    /// The user was deleted.
    AccountDeleted,
    /// The user was disabled.
    AccountDisabled,
    /// The link that proves the address and activates the user.
    Activation,
    /// Somebody tried to sign up with an address that already has a user.
    AlreadyRegistered,
    /// The link that proves a user's new address, to that address.
    EmailChange,
    /// Somebody asked to change the address: a notice to the address so far.
    EmailChangeRequested,
    /// The address was changed: a notice to the address before.
    EmailChanged,
    /// The link with which somebody who has no user may sign up.
    Invitation,
    /// The password was changed.
    PasswordChanged,
    /// The link that sets a new password.
    PasswordReset,
    /// The recovery codes were replaced.
    RecoveryCodesReplaced,
    /// A used refresh token was presented again, and its session was revoked.
    RefreshTokenReuse,
    /// The password was right and the second factor wrong.
    SuspiciousSignIn,
    /// The second factor was switched off.
    TwoFactorDisabled,
    /// The second factor was switched on.
    TwoFactorEnabled,
    /// An operator made the user: the link that sets their first password.
    UserCreated,
    /// The user is activated.
    Welcome,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::AccountDeleted,
        Self::AccountDisabled,
        Self::Activation,
        Self::AlreadyRegistered,
        Self::EmailChange,
        Self::EmailChangeRequested,
        Self::EmailChanged,
        Self::Invitation,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::RecoveryCodesReplaced,
        Self::RefreshTokenReuse,
        Self::SuspiciousSignIn,
        Self::TwoFactorDisabled,
        Self::TwoFactorEnabled,
        Self::UserCreated,
        Self::Welcome,
    ];

    /// Returns the stable name, under which templates and the outbox know this kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountDeleted => "account_deleted",
            Self::AccountDisabled => "account_disabled",
            Self::Activation => "activation",
            Self::AlreadyRegistered => "already_registered",
            Self::EmailChange => "email_change",
            Self::EmailChangeRequested => "email_change_requested",
            Self::EmailChanged => "email_changed",
            Self::Invitation => "invitation",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::RefreshTokenReuse => "refresh_token_reuse",
            Self::SuspiciousSignIn => "suspicious_sign_in",
            Self::TwoFactorDisabled => "two_factor_disabled",
            Self::TwoFactorEnabled => "two_factor_enabled",
            Self::UserCreated => "user_created",
            Self::Welcome => "welcome",
        }
    }

    /// Returns the kind of that stable name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
