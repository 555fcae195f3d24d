//! Which files there are, built in and the host's.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use super::catalogs;
use super::error::refused;
use crate::{ConfigError, Language};

/// The contents of all files by relative name.
#[derive(Debug)]
pub(super) struct Files {
    /// Built-in ones under [`BUILTIN`], the host's under their own names.
    pub(super) templates: Vec<(String, String)>,
    /// What pages take as it is; the host's instead of the built-in ones.
    pub(super) assets: HashMap<&'static str, String>,
    /// The host's catalogs.
    pub(super) catalogs: Vec<(Language, String)>,
}

impl Files {
    pub(super) fn read(overrides: Option<&Path>) -> Result<Self, ConfigError> {
        let mut files = Self {
            templates: TEMPLATES
                .iter()
                .map(|(name, content)| (format!("{BUILTIN}{name}"), (*content).to_owned()))
                .collect(),
            assets: ASSETS
                .iter()
                .map(|(name, content)| (*name, one_line_ending(content)))
                .collect(),
            catalogs: Vec::new(),
        };
        if let Some(folder) = overrides {
            for subfolder in ["", "email/", LOCALES, "pages/"] {
                files.read_folder(folder, subfolder)?;
            }
        }
        Ok(files)
    }

    fn read_folder(&mut self, folder: &Path, subfolder: &str) -> Result<(), ConfigError> {
        let unreadable =
            |what: &str, error: io::Error| refused(what, &format!("cannot be read: {error}"));
        let path = folder.join(subfolder);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !subfolder.is_empty() => {
                return Ok(());
            }
            entries => entries.map_err(|error| unreadable(&path.to_string_lossy(), error))?,
        };
        for entry in entries {
            let path = entry.map_err(|error| unreadable(subfolder, error))?.path();
            let is_ours = path.extension().and_then(|extension| extension.to_str()).is_some_and(
                |extension| {
                    EXTENSIONS.contains(&extension) || (subfolder == LOCALES && extension == "json")
                },
            );
            if !is_ours {
                continue;
            }
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{subfolder}{file_name}");
            let content = fs::read_to_string(&path).map_err(|error| unreadable(&name, error))?;
            if let Some((asset, _)) = ASSETS.iter().find(|(asset, _)| *asset == name) {
                self.assets.insert(asset, one_line_ending(&content));
            } else if TEMPLATES.iter().any(|(template, _)| *template == name) {
                self.templates.push((name, content));
            } else if let Some(language) = catalog(&name) {
                self.catalogs.push((language, content));
            } else if subfolder == LOCALES {
                return Err(refused(&name, "there is no such language"));
            } else {
                return Err(refused(&name, "there is no such template"));
            }
        }
        Ok(())
    }
}

fn catalog(name: &str) -> Option<Language> {
    Language::ALL.into_iter().find(|language| catalogs::file_name(*language) == name)
}

/// A browser makes one line feed of each line ending before it takes the digest of an element.
fn one_line_ending(content: &str) -> String {
    content.replace("\r\n", "\n").replace('\r', "\n")
}

pub(super) const BUILTIN: &str = "builtin/";

const LOCALES: &str = "locales/";

pub(super) const STYLE: &str = "pages/style.css";
#[cfg(feature = "openapi")]
pub(super) const DOCS_SCRIPT: &str = "pages/docs.js";

const EXTENSIONS: [&str; 5] = ["css", "html", "js", "subject", "txt"];

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $name)))),+]
    };
}

const ASSETS: &[(&str, &str)] = embedded![
    "pages/account.js",
    "pages/docs.js",
    "pages/form.js",
    "pages/session.js",
    "pages/style.css",
    "pages/token_form.js",
];

pub(super) const TEMPLATES: &[(&str, &str)] = embedded![
    "email/account_deleted.html",
    "email/account_deleted.subject",
    "email/account_deleted.txt",
    "email/account_disabled.html",
    "email/account_disabled.subject",
    "email/account_disabled.txt",
    "email/activation.html",
    "email/activation.subject",
    "email/activation.txt",
    "email/already_registered.html",
    "email/already_registered.subject",
    "email/already_registered.txt",
    "email/email_change.html",
    "email/email_change.subject",
    "email/email_change.txt",
    "email/email_change_requested.html",
    "email/email_change_requested.subject",
    "email/email_change_requested.txt",
    "email/email_changed.html",
    "email/email_changed.subject",
    "email/email_changed.txt",
    "email/invitation.html",
    "email/invitation.subject",
    "email/invitation.txt",
    "email/layout.html",
    "email/layout.txt",
    "email/password_changed.html",
    "email/password_changed.subject",
    "email/password_changed.txt",
    "email/password_reset.html",
    "email/password_reset.subject",
    "email/password_reset.txt",
    "email/recovery_codes_replaced.html",
    "email/recovery_codes_replaced.subject",
    "email/recovery_codes_replaced.txt",
    "email/refresh_token_reuse.html",
    "email/refresh_token_reuse.subject",
    "email/refresh_token_reuse.txt",
    "email/suspicious_sign_in.html",
    "email/suspicious_sign_in.subject",
    "email/suspicious_sign_in.txt",
    "email/two_factor_disabled.html",
    "email/two_factor_disabled.subject",
    "email/two_factor_disabled.txt",
    "email/two_factor_enabled.html",
    "email/two_factor_enabled.subject",
    "email/two_factor_enabled.txt",
    "email/user_created.html",
    "email/user_created.subject",
    "email/user_created.txt",
    "email/welcome.html",
    "email/welcome.subject",
    "email/welcome.txt",
    "pages/account.html",
    "pages/account_words.html",
    "pages/activate_account.html",
    "pages/confirm_email_change.html",
    "pages/docs.html",
    "pages/layout.html",
    "pages/mailbox.html",
    "pages/reset_password.html",
    "pages/words.html",
];
