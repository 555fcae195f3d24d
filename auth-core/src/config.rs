use std::fmt;
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

use crate::Language;
use crate::crypto::password::{HashBackend, HashParams};
use crate::policy::password::PasswordPolicy;

mod problems;

/// How long things live, how much is allowed, and where links lead.
///
/// Only the public URL has no default. Values out of bounds are refused when [`Auth`](crate::Auth)
/// is built, by an error that names the key.
///
/// ```
/// use std::time::Duration;
/// use auth_core::Config;
///
/// let config = Config::new("https://app.example.com")?
///     .product_name("Example")
///     .access_token_lifetime(Duration::from_secs(5 * 60));
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Config {
    pub(crate) public_url: Url,
    pub(crate) front_end_url: Option<Url>,
    /// As browsers spell them.
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) mount: String,
    pub(crate) disabled_endpoints: Vec<String>,
    pub(crate) audience: String,
    pub(crate) product_name: String,
    pub(crate) mail_from: String,
    pub(crate) default_language: Language,
    pub(crate) usernames: Usernames,
    pub(crate) password_policy: PasswordPolicy,
    pub(crate) hash_params: HashParams,
    pub(crate) hash_backend: HashBackend,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) body_limit: usize,
    pub(crate) wrong_codes: u32,
    pub(crate) wrong_passwords: u32,
    pub(crate) sign_ins: u32,
    pub(crate) sign_ups: u32,
    pub(crate) mail_requests: u32,
    pub(crate) mails_per_hour: u32,
    pub(crate) mails_per_day: u32,
    pub(crate) access_token_lifetime: Duration,
    pub(crate) session_idle: Duration,
    pub(crate) session_lifetime: Duration,
    pub(crate) short_session_lifetime: Duration,
    pub(crate) sessions_per_user: u32,
    pub(crate) event_retention: Duration,
    pub(crate) activation_lifetime: Duration,
    pub(crate) reset_lifetime: Duration,
    pub(crate) email_change_lifetime: Duration,
    pub(crate) invitation_lifetime: Duration,
    pub(crate) challenge_lifetime: Duration,
    pub(crate) enrolment_lifetime: Duration,
    pub(crate) recent_sign_in: Duration,
    pub(crate) refresh_grace: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) signing_key_lifetime: Duration,
    pub(crate) uniform_time: Duration,
}

/// Whether users have a public name beside their e-mail address.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Usernames {
    /// A username is refused at sign-up.
    Off,
    /// A username may be chosen at sign-up.
    #[default]
    Optional,
    /// A username must be chosen at sign-up.
    Required,
}

impl Usernames {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty),+ $(,)?) => { $(
        $(#[$doc])*
        pub fn $name(mut self, $name: impl Into<$type>) -> Self {
            self.$name = $name.into();
            self
        }
    )+ };
}

impl Config {
    /// Makes the default configuration of a service that the world knows as `public_url`.
    ///
    /// The URL is an origin: a scheme, a host and perhaps a port. It is the issuer of access tokens
    /// and where mailed links lead; no request can change either.
    ///
    /// # Errors
    ///
    /// If it is no origin, or its scheme is not `https` and its host is not loopback.
    pub fn new(public_url: &str) -> Result<Self, ConfigError> {
        let public_url = origin("public_url", public_url)?;
        Ok(Self {
            audience: public_url.origin().ascii_serialization(),
            public_url,
            front_end_url: None,
            allowed_origins: Vec::new(),
            mount: "/api/auth".to_owned(),
            disabled_endpoints: Vec::new(),
            product_name: "Auth".to_owned(),
            mail_from: "Auth <auth@localhost>".to_owned(),
            default_language: Language::default(),
            usernames: Usernames::default(),
            password_policy: PasswordPolicy::default(),
            hash_params: HashParams::default(),
            hash_backend: HashBackend::default(),
            trusted_proxies: Vec::new(),
            body_limit: 16 * 1024,
            wrong_codes: 10,
            wrong_passwords: 5,
            sign_ins: 30,
            sign_ups: 10,
            mail_requests: 10,
            mails_per_hour: 5,
            mails_per_day: 20,
            access_token_lifetime: 10 * MINUTE,
            session_idle: 14 * DAY,
            session_lifetime: 30 * DAY,
            short_session_lifetime: 12 * HOUR,
            sessions_per_user: 50,
            event_retention: 365 * DAY,
            activation_lifetime: DAY,
            reset_lifetime: 30 * MINUTE,
            email_change_lifetime: HOUR,
            invitation_lifetime: 7 * DAY,
            challenge_lifetime: 5 * MINUTE,
            enrolment_lifetime: 10 * MINUTE,
            recent_sign_in: 5 * MINUTE,
            refresh_grace: Duration::from_secs(10),
            request_timeout: Duration::from_millis(2800),
            signing_key_lifetime: 30 * DAY,
            uniform_time: Duration::from_millis(100),
        })
    }

    /// Sets the front end that mailed links lead to, instead of the built-in pages.
    ///
    /// If its origin is another than the public URL's, its pages may send requests without cookies. To
    /// read the answers, or to use cookies, list it in [`allowed_origins`](Self::allowed_origins) too.
    ///
    /// # Errors
    ///
    /// If it is no URL, carries a query or a fragment, or its scheme is not `https` and its host is
    /// not loopback.
    pub fn front_end_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.front_end_url = Some(base("front_end_url", url)?);
        Ok(self)
    }

    /// Sets the other origins whose pages may use the endpoints, with cookies too; by default none.
    ///
    /// Their pages may read the answers (CORS), and send what changes something.
    ///
    /// # Errors
    ///
    /// If one is no origin, such as `*` and `null`, or its scheme is not `https` and its host is not
    /// loopback.
    ///
    /// # Security
    ///
    /// A page of such an origin can do whatever its visitor can: list what is as trusted as the
    /// public URL.
    pub fn allowed_origins<'a>(
        mut self,
        origins: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let origins = origins.into_iter().map(|text| {
            let url = origin("allowed_origins", text)?;
            Ok(url.origin().ascii_serialization())
        });
        self.allowed_origins = origins.collect::<Result<_, ConfigError>>()?;
        Ok(self)
    }

    setters! {
        /// Sets how long an access token is good; 1 s to 1 h, by default 10 min.
        access_token_lifetime: Duration,
        /// Sets how long an activation link is good; 1 s to 7 d, by default 24 h.
        activation_lifetime: Duration,
        /// Sets the audience of access tokens, of at most 512 bytes; by default the public URL.
        audience: String,
        /// Sets how many bytes of a request's body are read at most; 1 KiB to 1 MiB, by default 16 KiB.
        body_limit: usize,
        /// Sets how long a sign-in waits for its second factor; 1 s to 1 h, by default 5 min.
        challenge_lifetime: Duration,
        /// Sets the endpoints that are not there, by default none: by path, such as `/sign-up`, or
        /// by method and path, such as `DELETE /me`.
        ///
        /// The calls behind them stay: an application without sign-up may create its users by itself.
        disabled_endpoints: Vec<String>,
        /// Sets the language of mails and pages where nobody asked for another, by default English.
        default_language: Language,
        /// Sets how long the link that confirms a new address is good; 1 s to 7 d, by default 1 h.
        email_change_lifetime: Duration,
        /// Sets how long an enrolment waits for its first code; 1 s to 1 h, by default 10 min.
        enrolment_lifetime: Duration,
        /// Sets how long events are kept; 1 d to 3650 d, by default 365 d.
        event_retention: Duration,
        /// Sets which implementation hashes passwords, by default the portable one.
        hash_backend: HashBackend,
        /// Sets the cost of password hashing, never below OWASP's floor.
        hash_params: HashParams,
        /// Sets how long the link in an invitation, or to the first password of a user whom an
        /// operator made, is good; 1 s to 30 d, by default 7 d.
        invitation_lifetime: Duration,
        /// Sets the sender of mails, by default `Auth <auth@localhost>`.
        mail_from: String,
        /// Sets how many requests that send a mail a client network may send in a minute; at least 1,
        /// by default 10.
        mail_requests: u32,
        /// Sets how many mails of each purpose an address is sent in an hour; at least 1, by default 5.
        mails_per_hour: u32,
        /// Sets how many mails with a link an address is sent in a day; at least 1, by default 20.
        mails_per_day: u32,
        /// Sets the path that the host mounts the endpoints at, by default `/api/auth`.
        mount: String,
        /// Sets which passwords are accepted.
        password_policy: PasswordPolicy,
        /// Sets the name that mails, pages and authenticator apps show, by default `Auth`.
        product_name: String,
        /// Sets how old a sign-in may be for what is dangerous; 1 s to 1 h, by default 5 min.
        recent_sign_in: Duration,
        /// Sets for how long the answer to a rotation can be asked for again; 0 (off) to 60 s, by
        /// default 10 s.
        refresh_grace: Duration,
        /// Sets after how long a request is answered with 503 if it is not answered yet; 1 s to 1 min,
        /// by default 2.8 s, which is soon enough for a client that gives up after three.
        ///
        /// It has to be longer than [`uniform_time`](Self::uniform_time), and than the host's hooks take.
        request_timeout: Duration,
        /// Sets how long a password reset link is good; 1 s to 24 h, by default 30 min.
        reset_lifetime: Duration,
        /// Sets after how long without use a session ends; 1 s to 365 d, by default 14 d.
        session_idle: Duration,
        /// Sets after how long a session ends in any case; at least `session_idle`, at most 365 d,
        /// by default 30 d.
        session_lifetime: Duration,
        /// Sets how many sessions a user has at most; one more ends the oldest. 1 to 1000, by default
        /// 50.
        sessions_per_user: u32,
        /// Sets after how long a session ends in any case whose user did not want to be remembered;
        /// 1 min to 30 d, by default 12 h.
        short_session_lifetime: Duration,
        /// Sets how many sign-ins a client network may try in a minute; at least 1, by default 30.
        sign_ins: u32,
        /// Sets how many sign-ups a client network may ask for in a minute; at least 1, by default 10.
        sign_ups: u32,
        /// Sets how long a signing key signs before the next one takes over; 1 h to 365 d, by
        /// default 30 d.
        signing_key_lifetime: Duration,
        /// Sets the proxies whose `X-Forwarded-For` is believed, by default none.
        trusted_proxies: Vec<IpNet>,
        /// Sets the time that answers are rounded up to which must not tell whether there is an
        /// account; 1 ms to 5 s, by default 100 ms.
        ///
        /// It has to be longer than a transaction of half a dozen statements takes: raise it where
        /// the database is far away.
        uniform_time: Duration,
        /// Sets whether users have usernames, by default if they like.
        usernames: Usernames,
        /// Sets how many wrong codes a user has in 15 min over all challenges; at least 1, by
        /// default 10.
        wrong_codes: u32,
        /// Sets how many wrong passwords an account has from a client network before each attempt has
        /// to wait longer than the one before, from 1 s to 15 min; at least 1, by default 5.
        ///
        /// Ten times as many from everywhere slow down the networks that the account is not known at.
        wrong_passwords: u32,
    }

    /// The origin of the public URL, which is the issuer of access tokens.
    pub(crate) fn issuer(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// The origin of the pages that mailed links lead to, if it is another.
    pub(crate) fn front_end_origin(&self) -> Option<String> {
        self.front_end_url.as_ref().map(|url| url.origin().ascii_serialization())
    }

    /// Where mailed links lead, without a trailing slash.
    pub(crate) fn link_base(&self) -> String {
        match &self.front_end_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("{}{}", self.issuer(), self.mount),
        }
    }
}

fn origin(key: &'static str, text: &str) -> Result<Url, ConfigError> {
    let url = base(key, text)?;
    if url.path() != "/" {
        return Err(ConfigError::new(key, "must be an origin, without a path"));
    }
    Ok(url)
}

fn base(key: &'static str, text: &str) -> Result<Url, ConfigError> {
    if text == "*" {
        return Err(ConfigError::new(key, "must list origins one by one: \"*\" is everybody"));
    }
    let url = Url::parse(text)
        .map_err(|_| ConfigError::new(key, "is no URL such as \"https://app.example.com\""))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::new(key, "must not carry credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(ConfigError::new(key, "must not carry a query or a fragment"));
    }
    if url.host_str().is_some_and(|host| host.contains('*')) {
        return Err(ConfigError::new(key, "must name one host, without a wildcard"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(ConfigError::new(key, "must be https, unless its host is loopback")),
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A configuration that is not safe to start with.
///
/// Its `Debug` is its `Display`, so that it reads well as the error of `main`.
#[derive(Clone, Eq, PartialEq)]
pub struct ConfigError {
    key: String,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }

    /// Returns the key at fault, as it is spelled in a configuration file.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.problem)
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
