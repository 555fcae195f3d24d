//! What e-mails and pages look like.
//!
//! The built-in templates can be replaced one by one from a folder of the host's. All of them are
//! rendered once with samples before the first request, so a broken one refuses to start.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tera::{Context, ErrorKind, Tera};

use crate::{Config, ConfigError, Email, Message, MessageKind, Timestamp};

mod files;

use files::{BUILTIN, Files, STYLE};

#[derive(Debug)]
pub(crate) struct Templates {
    tera: Tera,
    /// What is inlined into pages as it is, by file name.
    assets: HashMap<&'static str, String>,
}

/// Which page; the development mailbox has a function of its own.
#[cfg(any(feature = "pages", feature = "openapi"))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum PageKind {
    #[cfg(feature = "pages")]
    ActivateAccount,
    #[cfg(feature = "openapi")]
    Docs,
    #[cfg(feature = "pages")]
    ResetPassword,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) content_security_policy: String,
}

impl Templates {
    /// Takes the files of `overrides` in place of built-in ones of the same relative name, such as
    /// `email/activation.html`; these can extend what they replace as `builtin/email/…`.
    pub(crate) fn new(overrides: Option<&Path>) -> Result<Self, ConfigError> {
        let Files { templates, assets } = Files::read(overrides)?;
        let mut tera = Tera::new();
        tera.set_fallback_prefixes([BUILTIN]).expect("no template was added before");
        tera.add_raw_templates(templates)
            .map_err(|error| TemplateError::of("a template", &error).into_config_error())?;
        let templates = Self { tera, assets };
        templates.rehearse()?;
        Ok(templates)
    }

    /// Renders `message` as it is sent at `now`.
    pub(crate) fn email(
        &self,
        message: &Message,
        config: &Config,
        now: Timestamp,
    ) -> Result<Email, TemplateError> {
        let kind = message.kind;
        let (mut link, mut expires_in) = (None, None);
        if let Some((path, lifetime)) = link_of(kind, config) {
            let token = message.token.as_ref().ok_or_else(|| TemplateError {
                file: kind.to_string(),
                problem: "the message has no token for its link".to_owned(),
            })?;
            link = Some(format!("{}{path}#token={}", config.link_base(), token.expose()));
            let left = message.not_after.map_or(lifetime, |not_after| not_after.since(now));
            expires_in = Some(spelled(left.min(lifetime)));
        }
        let context = EmailContext {
            product_name: &config.product_name,
            email: &message.recipient,
            username: message.username.as_deref(),
            occurred_at: message.created_at,
            link: link.as_deref(),
            expires_in: expires_in.as_deref(),
        };
        let (subject, text, html) = self.email_parts(kind, &context)?;
        let host = config.public_url.host_str().unwrap_or("localhost");
        Ok(Email {
            id: message.id,
            kind,
            from: config.mail_from.clone(),
            to: message.recipient.clone(),
            message_id: format!("<{}@{host}>", message.id),
            subject,
            text,
            html,
            link,
            sent_at: now,
        })
    }

    #[cfg(any(feature = "pages", feature = "openapi"))]
    pub(crate) fn page(&self, page: PageKind, config: &Config) -> Result<Page, TemplateError> {
        match page {
            #[cfg(feature = "pages")]
            PageKind::ActivateAccount => self.scripted_page("pages/activate_account.html", config),
            #[cfg(feature = "openapi")]
            PageKind::Docs => {
                let html = self.render("pages/docs.html", &self.page_context(config))?;
                Ok(Page { html, content_security_policy: DOCS_POLICY.to_owned() })
            }
            #[cfg(feature = "pages")]
            PageKind::ResetPassword => self.scripted_page("pages/reset_password.html", config),
        }
    }

    /// Renders the page of the development mailbox, whose JSON is at `mails_json_path`.
    pub(crate) fn mailbox_page(
        &self,
        mails: &[Email],
        mails_json_path: &str,
        config: &Config,
    ) -> Result<Page, TemplateError> {
        let mails: Vec<_> = mails.iter().map(MailboxEntry::from).collect();
        let mut context = self.page_context(config);
        context.insert("mails", &mails);
        context.insert("mails_json_path", mails_json_path);
        let html = self.render("pages/mailbox.html", &context)?;
        Ok(Page { html, content_security_policy: policy(&self.assets[STYLE], None) })
    }

    /// The script that starts the reader of the API description.
    #[cfg(feature = "openapi")]
    pub(crate) fn docs_script(&self) -> &str {
        &self.assets[files::DOCS_SCRIPT]
    }

    #[cfg(feature = "pages")]
    fn scripted_page(&self, file: &str, config: &Config) -> Result<Page, TemplateError> {
        let script = &self.assets[files::TOKEN_SCRIPT];
        let mut context = self.page_context(config);
        context.insert("script", script);
        let html = self.render(file, &context)?;
        Ok(Page { html, content_security_policy: policy(&self.assets[STYLE], Some(script)) })
    }

    fn page_context(&self, config: &Config) -> Context {
        let mut context = Context::new();
        context.insert("product_name", &config.product_name);
        context.insert("mount", &config.mount);
        context.insert("style", &self.assets[STYLE]);
        context
    }

    fn email_parts(
        &self,
        kind: MessageKind,
        context: &EmailContext<'_>,
    ) -> Result<(String, String, String), TemplateError> {
        let context = Context::from_serialize(context)
            .map_err(|error| TemplateError::of(kind.as_str(), &error))?;
        let subject = self.render(&format!("email/{kind}.subject"), &context)?;
        let text = self.render(&format!("email/{kind}.txt"), &context)?;
        let html = self.render(&format!("email/{kind}.html"), &context)?;
        Ok((one_line(&subject), text, html))
    }

    fn render(&self, file: &str, context: &Context) -> Result<String, TemplateError> {
        self.tera.render(file, context).map_err(|error| TemplateError::of(file, &error))
    }

    /// Renders everything once with samples.
    fn rehearse(&self) -> Result<(), ConfigError> {
        let config = Config::new("https://app.example.com")?;
        for kind in MessageKind::ALL {
            for username in [None, Some("sample")] {
                let link = link_of(kind, &config).map(|_| "https://app.example.com/#token=sample");
                let context = EmailContext {
                    product_name: "Sample",
                    email: "sample@example.com",
                    username,
                    occurred_at: Timestamp::from_secs(1_700_000_000),
                    link,
                    expires_in: link.map(|_| "24 hours"),
                };
                let (subject, text, _) =
                    self.email_parts(kind, &context).map_err(TemplateError::into_config_error)?;
                if subject.is_empty() {
                    return Err(refused(&format!("email/{kind}.subject"), "is empty"));
                }
                if link.is_some_and(|link| !text.contains(link)) {
                    return Err(refused(&format!("email/{kind}.txt"), "lacks {{ link }}"));
                }
            }
        }
        for (name, content) in &self.assets {
            // It would end the element that it is inlined into.
            if content.to_ascii_lowercase().contains("</s") {
                return Err(refused(name, "must not contain \"</s\""));
            }
        }
        let mail = MailboxEntry {
            id: String::new(),
            to: "sample@example.com",
            subject: "Sample",
            text: "Sample",
            link: Some("https://app.example.com/#token=sample"),
            sent_at: Timestamp::from_secs(1_700_000_000),
        };
        let mut context = self.page_context(&config);
        context.insert("script", "");
        context.insert("mails", &[mail]);
        context.insert("mails_json_path", "/dev/mailbox.json");
        for page in PAGES {
            self.render(page, &context).map_err(TemplateError::into_config_error)?;
        }
        Ok(())
    }
}

/// Why a template could not be rendered.
#[derive(Debug)]
pub(crate) struct TemplateError {
    file: String,
    problem: String,
}

impl TemplateError {
    fn of(file: &str, error: &tera::Error) -> Self {
        match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => {
                let file = report.filename();
                let file = file.strip_prefix(BUILTIN).unwrap_or(file).to_owned();
                let line = report.span().start_line;
                Self { file, problem: format!("line {line}: {}", report.message()) }
            }
            kind => {
                // Several templates that break together are reported at length; the first will do.
                let problem: Vec<_> = kind.to_string().lines().take(2).map(one_line).collect();
                Self { file: file.to_owned(), problem: problem.join(" ") }
            }
        }
    }

    fn into_config_error(self) -> ConfigError {
        refused(&self.file, &self.problem)
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)
    }
}

impl std::error::Error for TemplateError {}

/// An e-mail as the page of the development mailbox shows it.
#[derive(Debug, Serialize)]
struct MailboxEntry<'a> {
    id: String,
    to: &'a str,
    subject: &'a str,
    text: &'a str,
    link: Option<&'a str>,
    sent_at: Timestamp,
}

impl<'a> From<&'a Email> for MailboxEntry<'a> {
    fn from(email: &'a Email) -> Self {
        Self {
            id: email.id.to_string(),
            to: &email.to,
            subject: &email.subject,
            text: &email.text,
            link: email.link.as_deref(),
            sent_at: email.sent_at,
        }
    }
}

#[derive(Serialize)]
struct EmailContext<'a> {
    product_name: &'a str,
    email: &'a str,
    username: Option<&'a str>,
    occurred_at: Timestamp,
    /// Left out where there is none, so that a template that asks for it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<&'a str>,
}

/// Where the link of such an e-mail leads, and how long it is good.
fn link_of(kind: MessageKind, config: &Config) -> Option<(&'static str, Duration)> {
    match kind {
        MessageKind::Activation => Some(("/activate-account", config.activation_lifetime)),
        MessageKind::PasswordReset => Some(("/reset-password", config.reset_lifetime)),
        MessageKind::AlreadyRegistered
        | MessageKind::PasswordChanged
        | MessageKind::RecoveryCodesReplaced
        | MessageKind::RefreshTokenReuse
        | MessageKind::TwoFactorDisabled
        | MessageKind::TwoFactorEnabled
        | MessageKind::Welcome => None,
    }
}

/// A duration as people say it: "24 hours", "30 minutes", rounded up to whole minutes and from two
/// hours on down to whole hours.
fn spelled(duration: Duration) -> String {
    let secs = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let minutes = secs.div_ceil(60);
    let (number, unit) = match minutes {
        0..=1 if secs < 60 => (secs, "second"),
        0..=119 if minutes != 60 => (minutes, "minute"),
        minutes if minutes < 3 * 24 * 60 && minutes != 2 * 24 * 60 => (minutes / 60, "hour"),
        minutes => (minutes / (24 * 60), "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// The text on one line, without control characters: what a header may hold.
fn one_line(text: &str) -> String {
    let text: String =
        text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The policy that allows exactly these inlined elements and requests to the same origin
/// (CSP Level 3 §2.3.1).
fn policy(style: &str, script: Option<&str>) -> String {
    let digest = |content: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)));
    let style = digest(style);
    let script = script.map_or_else(String::new, |script| {
        format!("script-src {}; connect-src 'self'; ", digest(script))
    });
    format!(
        "default-src 'none'; style-src {style}; {script}\
         base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
    )
}

fn refused(file: &str, problem: &str) -> ConfigError {
    ConfigError::new("templates", format!("cannot be used: {file}: {problem}"))
}

#[cfg(feature = "openapi")]
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
     form-action 'none'";

const PAGES: [&str; 4] = [
    "pages/activate_account.html",
    "pages/docs.html",
    "pages/mailbox.html",
    "pages/reset_password.html",
];

#[cfg(test)]
mod tests;
