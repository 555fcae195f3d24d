//! What e-mails and pages look like.
//!
//! There is one template of each kind; what it says comes from the catalog of a language. Both can be
//! replaced one by one from a folder of the host's. All templates are rendered with samples in every
//! language before the first request, so a broken one refuses to start.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tera::{Context, Kwargs, State, Tera, TeraResult, Value};

use crate::policy::password;
use crate::username;
use crate::{Config, ConfigError, Email, Language, Message, MessageKind, Timestamp};

mod catalogs;
mod error;
mod files;
#[cfg(feature = "pages")]
mod page_kind;

use catalogs::Catalogs;
pub(crate) use error::TemplateError;
use error::{one_line, refused};
use files::{BUILTIN, Files, STYLE};
#[cfg(feature = "pages")]
pub(crate) use page_kind::PageKind;

#[derive(Debug)]
pub(crate) struct Templates {
    tera: Tera,
    catalogs: Arc<Catalogs>,
    /// What is inlined into pages as it is, by file name.
    assets: HashMap<&'static str, String>,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) content_security_policy: String,
    /// None if there is no other language to choose.
    pub(crate) language: Option<Language>,
}

impl Templates {
    /// Takes the files of `overrides` in place of built-in ones of the same relative name, such as
    /// `email/activation.html`; these can extend what they replace as `builtin/email/…`.
    pub(crate) fn new(overrides: Option<&Path>) -> Result<Self, ConfigError> {
        let Files { templates, assets, catalogs } = Files::read(overrides)?;
        let catalogs = Arc::new(Catalogs::new(&catalogs)?);
        let mut tera = Tera::new();
        tera.register_function("t", {
            let catalogs = Arc::clone(&catalogs);
            move |kwargs: Kwargs, state: &State<'_>| translated(&catalogs, &kwargs, state)
        });
        tera.set_fallback_prefixes([BUILTIN]).expect("no template was added before");
        tera.add_raw_templates(templates)
            .map_err(|error| TemplateError::of("a template", &error).into_config_error())?;
        let templates = Self { tera, catalogs, assets };
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
        let language = message.language.unwrap_or(config.default_language);
        let (mut link, mut expires_in) = (None, None);
        if let Some(Link { path, token_name, lifetime }) = Link::of(kind, config) {
            let token = message.token.as_ref().ok_or_else(|| {
                TemplateError::new(kind.as_str(), "the message has no token for its link")
            })?;
            link = Some(format!("{}{path}#{token_name}={}", config.link_base(), token.expose()));
            let left = message.not_after.map_or(lifetime, |not_after| not_after.since(now));
            expires_in = Some(self.duration(language, left.min(lifetime))?);
        }
        let context = EmailContext {
            kind: kind.as_str(),
            language: language.as_str(),
            product_name: &config.product_name,
            email: &message.recipient,
            username: message.username.as_deref(),
            occurred_at: &spelled(message.created_at),
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

    #[cfg(feature = "pages")]
    pub(crate) fn page(
        &self,
        page: PageKind,
        config: &Config,
        language: Language,
    ) -> Result<Page, TemplateError> {
        let scripts: Vec<_> = page.scripts().iter().map(|name| &*self.assets[name]).collect();
        let script = scripts.join("\n");
        let mut context = self.page_context(config, language);
        context.insert("script", &script);
        let html = self.render(page.template(), &context)?;
        let mut content_security_policy = policy(&self.assets[STYLE], Some(&script));
        if page.has_pictures() {
            content_security_policy.push_str("; img-src data:");
        }
        Ok(Page { html, content_security_policy, language: Some(language) })
    }

    /// Renders the page of the API description.
    #[cfg(feature = "openapi")]
    pub(crate) fn docs_page(&self, config: &Config) -> Result<Page, TemplateError> {
        let html = self.render("pages/docs.html", &self.page_context(config, Language::English))?;
        Ok(Page { html, content_security_policy: DOCS_POLICY.to_owned(), language: None })
    }

    /// Renders the page of the development mailbox, whose JSON is at `mails_json_path`.
    pub(crate) fn mailbox_page(
        &self,
        mails: &[Email],
        mails_json_path: &str,
        config: &Config,
    ) -> Result<Page, TemplateError> {
        let mails: Vec<_> = mails.iter().map(MailboxEntry::from).collect();
        let mut context = self.page_context(config, Language::English);
        context.insert("mails", &mails);
        context.insert("mails_json_path", mails_json_path);
        let html = self.render("pages/mailbox.html", &context)?;
        let content_security_policy = policy(&self.assets[STYLE], None);
        Ok(Page { html, content_security_policy, language: None })
    }

    /// The script that starts the reader of the API description.
    #[cfg(feature = "openapi")]
    pub(crate) fn docs_script(&self) -> &str {
        &self.assets[files::DOCS_SCRIPT]
    }

    fn page_context(&self, config: &Config, language: Language) -> Context {
        let mut context = Context::new();
        context.insert("language", language.as_str());
        context.insert("product_name", &config.product_name);
        context.insert("mount", &config.mount);
        context.insert("style", &self.assets[STYLE]);
        context.insert("password_min_length", &config.password_policy.least_length());
        context.insert("password_max_length", &password::MAX_LENGTH);
        context.insert("username_min_length", &username::MIN_LENGTH);
        context.insert("username_max_length", &username::MAX_LENGTH);
        context.insert("usernames", config.usernames.as_str());
        context.insert("languages", &Language::ALL.map(Language::as_str));
        context.insert("disabled_endpoints", &disabled_endpoints(config));
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

    fn duration(&self, language: Language, duration: Duration) -> Result<String, TemplateError> {
        let spelled = self.catalogs.duration(language, duration);
        spelled.map_err(|problem| TemplateError::new(catalogs::file_name(language), problem))
    }

    /// Renders everything with samples, in every language.
    fn rehearse(&self) -> Result<(), ConfigError> {
        for (name, content) in &self.assets {
            // It would end the element that it is inlined into.
            if content.to_ascii_lowercase().contains("</s") {
                return Err(refused(name, "must not contain \"</s\""));
            }
        }
        let config = Config::new("https://app.example.com")?;
        for language in Language::ALL {
            for kind in MessageKind::ALL {
                for username in [None, Some("sample")] {
                    self.rehearse_email(kind, language, username, &config)?;
                }
            }
            self.rehearse_pages(language, &config).map_err(TemplateError::into_config_error)?;
        }
        Ok(())
    }

    fn rehearse_email(
        &self,
        kind: MessageKind,
        language: Language,
        username: Option<&str>,
        config: &Config,
    ) -> Result<(), ConfigError> {
        let link = Link::of(kind, config).map(|_| "https://app.example.com/#token=sample");
        let context = EmailContext {
            kind: kind.as_str(),
            language: language.as_str(),
            product_name: "Sample",
            email: "sample@example.com",
            username,
            occurred_at: "2000-01-01 00:00 UTC",
            link,
            expires_in: link.map(|_| "24 h"),
        };
        let (subject, text, _) =
            self.email_parts(kind, &context).map_err(TemplateError::into_config_error)?;
        if subject.is_empty() {
            return Err(refused(&format!("email/{kind}.subject"), "is empty"));
        }
        if link.is_some_and(|link| !text.contains(link)) {
            return Err(refused(&format!("email/{kind}.txt"), "lacks {{ link }}"));
        }
        Ok(())
    }

    fn rehearse_pages(&self, language: Language, config: &Config) -> Result<(), TemplateError> {
        let mail = MailboxEntry {
            id: String::new(),
            to: "sample@example.com",
            subject: "Sample",
            text: "Sample",
            link: Some("https://app.example.com/#token=sample"),
            sent_at: Timestamp::from_secs(1_700_000_000),
        };
        let mut context = self.page_context(config, language);
        context.insert("script", "");
        context.insert("mails", &[mail]);
        context.insert("mails_json_path", "/dev/mailbox.json");
        PAGES.iter().try_for_each(|page| self.render(page, &context).map(drop))
    }
}

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
    kind: &'static str,
    language: &'static str,
    product_name: &'a str,
    email: &'a str,
    username: Option<&'a str>,
    occurred_at: &'a str,
    /// Left out where there is none, so that a template that asks for it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<&'a str>,
}

/// Where the link of an e-mail leads.
struct Link {
    path: &'static str,
    /// What the token is called in the fragment.
    token_name: &'static str,
    /// How long it is good.
    lifetime: Duration,
}

impl Link {
    fn of(kind: MessageKind, config: &Config) -> Option<Self> {
        let (path, token_name, lifetime) = match kind {
            MessageKind::Activation => ("/activate-account", "token", config.activation_lifetime),
            MessageKind::EmailChange => {
                ("/confirm-email-change", "token", config.email_change_lifetime)
            }
            MessageKind::Invitation => ("/account", "invitation", config.invitation_lifetime),
            MessageKind::PasswordReset => ("/reset-password", "token", config.reset_lifetime),
            MessageKind::UserCreated => ("/reset-password", "token", config.invitation_lifetime),
            MessageKind::AccountDeleted
            | MessageKind::AccountDisabled
            | MessageKind::AlreadyRegistered
            | MessageKind::EmailChangeRequested
            | MessageKind::EmailChanged
            | MessageKind::PasswordChanged
            | MessageKind::RecoveryCodesReplaced
            | MessageKind::RefreshTokenReuse
            | MessageKind::SuspiciousSignIn
            | MessageKind::TwoFactorDisabled
            | MessageKind::TwoFactorEnabled
            | MessageKind::Welcome => return None,
        };
        Some(Self { path, token_name, lifetime })
    }
}

/// The function `t` of templates: the text of `key` in the language of the context. A placeholder
/// stands for an argument or else for what the context has of that name.
fn translated(catalogs: &Catalogs, kwargs: &Kwargs, state: &State<'_>) -> TeraResult<String> {
    let key: &str = kwargs.must_get("key")?;
    let language = state.get::<String>("language")?.unwrap_or_default();
    let language = Language::parse(&language).map_err(tera::Error::message)?;
    let value = |name: &str| {
        let given = kwargs.get::<Value>(name).ok().flatten();
        let value = given.or_else(|| state.get::<Value>(name).ok().flatten())?;
        (!value.is_none() && !value.is_undefined()).then(|| value.to_string())
    };
    catalogs.text(language, key, value).map_err(tera::Error::message)
}

/// What is switched off, each endpoint by its method and path.
fn disabled_endpoints(config: &Config) -> Vec<String> {
    let named = config.disabled_endpoints.iter().flat_map(|text| {
        let methods: &[&str] =
            if text.starts_with('/') { &["DELETE ", "GET ", "POST "] } else { &[""] };
        methods.iter().map(move |method| format!("{method}{text}"))
    });
    named.collect()
}

/// An instant as every language can read it: "2026-01-31 09:05 UTC".
fn spelled(at: Timestamp) -> String {
    let text = at.to_string();
    let minutes = text.get(..16).unwrap_or(&text);
    format!("{} UTC", minutes.replace('T', " "))
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

#[cfg(feature = "openapi")]
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
     form-action 'none'";

const PAGES: [&str; 6] = [
    "pages/account.html",
    "pages/activate_account.html",
    "pages/confirm_email_change.html",
    "pages/docs.html",
    "pages/mailbox.html",
    "pages/reset_password.html",
];

#[cfg(test)]
mod tests;
