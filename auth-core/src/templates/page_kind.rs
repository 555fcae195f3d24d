/// Which page; those that are in English alone have functions of their own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PageKind {
    Account,
    ActivateAccount,
    ConfirmEmailChange,
    ResetPassword,
}

impl PageKind {
    pub(super) fn template(self) -> &'static str {
        match self {
            Self::Account => "pages/account.html",
            Self::ActivateAccount => "pages/activate_account.html",
            Self::ConfirmEmailChange => "pages/confirm_email_change.html",
            Self::ResetPassword => "pages/reset_password.html",
        }
    }

    /// The files that are inlined as one script, in this order.
    pub(super) fn scripts(self) -> &'static [&'static str] {
        match self {
            Self::Account => &["pages/form.js", "pages/session.js", "pages/account.js"],
            Self::ActivateAccount | Self::ConfirmEmailChange | Self::ResetPassword => {
                &["pages/form.js", "pages/token_form.js"]
            }
        }
    }

    /// Whether its script shows pictures that came with an answer: the secret of an enrolment.
    pub(super) fn has_pictures(self) -> bool {
        matches!(self, Self::Account)
    }
}
