//! The keys as they are spelled, and what they make.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use super::values::{Count, List, Span, address};
use crate::crypto::password::{HashBackend, HashParams};
use crate::policy::password::{PasswordPolicy, PasswordPolicyError};
use crate::{Config, ConfigError, Language, LanguageError, Usernames};

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    #[serde(deserialize_with = "address")]
    pub(super) listen: SocketAddr,
    pub(super) drain: Option<Span>,
    pub(super) public_url: String,
    pub(super) front_end_url: Option<String>,
    pub(super) mount: Option<String>,
    pub(super) disabled_endpoints: List,
    pub(super) allowed_origins: List,
    pub(super) database_url: String,
    pub(super) database_connections: Option<Count>,
    pub(super) secret: Option<List>,
    pub(super) pepper: Option<List>,
    pub(super) redis_url: Option<String>,
    pub(super) smtp_url: Option<String>,
    pub(super) mail_from: Option<String>,
    pub(super) product_name: Option<String>,
    pub(super) default_language: Option<RawLanguage>,
    pub(super) access_token_lifetime: Option<Span>,
    pub(super) session_idle: Option<Span>,
    pub(super) session_lifetime: Option<Span>,
    pub(super) short_session_lifetime: Option<Span>,
    pub(super) activation_lifetime: Option<Span>,
    pub(super) reset_lifetime: Option<Span>,
    pub(super) email_change_lifetime: Option<Span>,
    pub(super) invitation_lifetime: Option<Span>,
    pub(super) challenge_lifetime: Option<Span>,
    pub(super) enrolment_lifetime: Option<Span>,
    pub(super) recent_sign_in: Option<Span>,
    pub(super) refresh_grace: Option<Span>,
    pub(super) request_timeout: Option<Span>,
    pub(super) event_retention: Option<Span>,
    pub(super) uniform_time: Option<Span>,
    pub(super) limits: Limits,
    pub(super) trusted_proxies: List,
    pub(super) usernames: RawUsernames,
    pub(super) password: Password,
    pub(super) templates: Option<PathBuf>,
    pub(super) log: String,
    pub(super) log_format: LogFormat,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            drain: None,
            public_url: "http://127.0.0.1:8000".to_owned(),
            front_end_url: None,
            mount: None,
            disabled_endpoints: List::default(),
            allowed_origins: List::default(),
            database_url: "sqlite://auth.db".to_owned(),
            database_connections: None,
            secret: None,
            pepper: None,
            redis_url: None,
            smtp_url: None,
            mail_from: None,
            product_name: None,
            default_language: None,
            access_token_lifetime: None,
            session_idle: None,
            session_lifetime: None,
            short_session_lifetime: None,
            activation_lifetime: None,
            reset_lifetime: None,
            email_change_lifetime: None,
            invitation_lifetime: None,
            challenge_lifetime: None,
            enrolment_lifetime: None,
            recent_sign_in: None,
            refresh_grace: None,
            request_timeout: None,
            event_retention: None,
            uniform_time: None,
            limits: Limits::default(),
            trusted_proxies: List::default(),
            usernames: RawUsernames::default(),
            password: Password::default(),
            templates: None,
            log: "info".to_owned(),
            log_format: LogFormat::default(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Limits {
    wrong_passwords: Option<Count>,
    wrong_codes: Option<Count>,
    sign_ins: Option<Count>,
    sign_ups: Option<Count>,
    mail_requests: Option<Count>,
    mails_per_hour: Option<Count>,
    mails_per_day: Option<Count>,
    sessions_per_user: Option<Count>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct Password {
    min_length: Option<Count>,
    min_score: Option<Count>,
    hash: Option<String>,
    backend: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum RawUsernames {
    Off,
    #[default]
    Optional,
    Required,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RawLanguage(Language);

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum LogFormat {
    Json,
    #[default]
    Text,
}

impl TryFrom<String> for RawUsernames {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "off" => Ok(Self::Off),
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err("must be \"off\", \"optional\" or \"required\""),
        }
    }
}

impl TryFrom<String> for RawLanguage {
    type Error = LanguageError;

    fn try_from(text: String) -> Result<Self, LanguageError> {
        text.parse().map(Self)
    }
}

impl From<RawLanguage> for Language {
    fn from(language: RawLanguage) -> Self {
        language.0
    }
}

impl TryFrom<String> for LogFormat {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be \"json\" or \"text\""),
        }
    }
}

impl Raw {
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        let mut config = Config::new(&self.public_url)?
            .password_policy(self.password.policy()?)
            .hash_params(self.password.hash_params()?)
            .hash_backend(self.password.hash_backend()?)
            .allowed_origins(self.allowed_origins.0.iter().map(String::as_str))?
            .trusted_proxies(networks(&self.trusted_proxies)?)
            .disabled_endpoints(self.disabled_endpoints.0.clone())
            .usernames(match self.usernames {
                RawUsernames::Off => Usernames::Off,
                RawUsernames::Optional => Usernames::Optional,
                RawUsernames::Required => Usernames::Required,
            });
        if let Some(url) = &self.front_end_url {
            config = config.front_end_url(url)?;
        }
        macro_rules! set {
            ($($key:ident),+ $(,)?) => { $(
                if let Some(value) = &self.$key {
                    config = config.$key(value.clone());
                }
            )+ };
        }
        set!(
            access_token_lifetime,
            activation_lifetime,
            challenge_lifetime,
            default_language,
            email_change_lifetime,
            enrolment_lifetime,
            event_retention,
            invitation_lifetime,
            mail_from,
            mount,
            product_name,
            recent_sign_in,
            refresh_grace,
            request_timeout,
            reset_lifetime,
            session_idle,
            session_lifetime,
            short_session_lifetime,
            uniform_time,
        );
        macro_rules! limit {
            ($($key:ident),+ $(,)?) => { $(
                if let Some(count) = &self.limits.$key {
                    config = config.$key(u32::try_from(count.0).unwrap_or(u32::MAX));
                }
            )+ };
        }
        limit!(
            mail_requests,
            mails_per_day,
            mails_per_hour,
            sessions_per_user,
            sign_ins,
            sign_ups,
            wrong_codes,
            wrong_passwords,
        );
        Ok(config)
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.all().into_iter().find(|(_, count)| count.is_some_and(|count| count.0 == 0)) {
            Some((key, _)) => Err(ConfigError::new(key, "must be at least 1")),
            None => Ok(()),
        }
    }

    fn all(&self) -> [(&'static str, Option<Count>); 8] {
        [
            ("limits.wrong_passwords", self.wrong_passwords),
            ("limits.wrong_codes", self.wrong_codes),
            ("limits.sign_ins", self.sign_ins),
            ("limits.sign_ups", self.sign_ups),
            ("limits.mail_requests", self.mail_requests),
            ("limits.mails_per_hour", self.mails_per_hour),
            ("limits.mails_per_day", self.mails_per_day),
            ("limits.sessions_per_user", self.sessions_per_user),
        ]
    }
}

impl Password {
    fn policy(&self) -> Result<PasswordPolicy, ConfigError> {
        let mut policy = PasswordPolicy::default();
        if let Some(length) = self.min_length {
            let length = usize::try_from(length.0).unwrap_or(usize::MAX);
            policy = policy.min_length(length).map_err(out_of_bounds)?;
        }
        if let Some(score) = self.min_score {
            policy = policy
                .min_score(u8::try_from(score.0).unwrap_or(u8::MAX))
                .map_err(out_of_bounds)?;
        }
        Ok(policy)
    }

    fn hash_params(&self) -> Result<HashParams, ConfigError> {
        self.hash.as_deref().map_or_else(
            || Ok(HashParams::default()),
            |text| {
                text.parse().map_err(|error| {
                    ConfigError::new("password.hash", format!("cannot be used: {error}"))
                })
            },
        )
    }

    fn hash_backend(&self) -> Result<HashBackend, ConfigError> {
        let Some(text) = self.backend.as_deref() else { return Ok(HashBackend::default()) };
        text.parse().map_err(|error| {
            ConfigError::new("password.backend", format!("cannot be used: {error}"))
        })
    }
}

fn out_of_bounds(error: PasswordPolicyError) -> ConfigError {
    match error {
        PasswordPolicyError::MinLength => {
            ConfigError::new("password.min_length", "must be between 8 and 64")
        }
        PasswordPolicyError::MinScore => {
            ConfigError::new("password.min_score", "must be between 0 and 4")
        }
    }
}

/// An address alone is the network of that one address.
fn networks(texts: &List) -> Result<Vec<IpNet>, ConfigError> {
    let network = |text: &String| {
        text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            ConfigError::new("trusted_proxies", format!("has {text:?}, which is no network"))
        })
    };
    texts.0.iter().map(network).collect()
}
