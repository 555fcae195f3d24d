//! What fuzz targets reach of the parsers that have no public name.
//!
//! Only a build with `--cfg fuzzing` has it, and it promises nothing.

use std::net::IpAddr;

use http::{HeaderMap, Method};
use ipnet::IpNet;

use crate::crypto::access_token::{self, Expected, SigningKey};
use crate::crypto::password::{HashMemory, PasswordHasher, Verdict};
use crate::crypto::refresh_token::RefreshSecret;
use crate::crypto::seal::{Purpose, Sealer};
use crate::crypto::totp;
use crate::http::cookies::SessionCookie;
use crate::http::credentials::{self, Delivery};
use crate::http::{client_address, cors, cross_site, input};
use crate::{
    AccessToken, Config, Error, HashBackend, HashParams, Language, MasterSecret, Password, Pepper,
    Random, RefreshToken, SeededRandom, Timestamp, TotpSecret,
};

/// The codec of access tokens, with one key.
#[derive(Debug)]
pub struct AccessTokens(SigningKey);

impl AccessTokens {
    /// Makes a codec whose key follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(SigningKey::generate(&SeededRandom::new(seed)))
    }

    /// Returns the id of the key.
    pub fn kid(&self) -> &str {
        self.0.kid()
    }

    /// Signs segments that nobody has looked at.
    pub fn sign(&self, message: String) -> AccessToken {
        access_token::sign_message(message, &self.0)
    }

    /// Verifies a token, and makes a new one of its claims.
    pub fn renew(&self, token: &str, issuer: &str, now: Timestamp) -> Option<AccessToken> {
        let expected = Expected { issuer, audience: issuer, leeway_secs: 5 };
        let key = |kid: &str| (kid == self.0.kid()).then(|| self.0.verifying_key());
        let claims = access_token::verify(token, &expected, now, key).ok()?;
        Some(access_token::sign(&claims, &self.0))
    }
}

/// Password hashes of any kind, under a pepper.
#[derive(Debug)]
pub struct PasswordHashes(PasswordHasher);

impl PasswordHashes {
    /// Takes the pepper that hashes may name.
    pub fn new(pepper: Pepper) -> Self {
        let random: &dyn Random = &SeededRandom::new(1);
        let memory = &mut HashMemory::new(HashParams::default(), HashBackend::default());
        Self(PasswordHasher::new(HashParams::default(), pepper, random, memory))
    }

    /// Tells whether passwords can be compared with a stored hash.
    pub fn recognize(&self, stored: &str) -> bool {
        self.0.recognize(stored).is_ok()
    }

    /// Tells whether a password matches a stored hash.
    pub fn matches(&self, stored: &str, password: &str) -> bool {
        let memory = &mut HashMemory::new(HashParams::default(), HashBackend::default());
        let verdict = self.0.verify(Some(stored), &Password::from(password), memory);
        matches!(verdict, Verdict::Match { .. })
    }
}

/// Returns parameters of password hashes that cost nothing, so that everything else is reached more often.
pub fn free_hashes() -> HashParams {
    HashParams::free()
}

/// Reads a refresh token and spells it again.
pub fn refresh_token(text: &str) -> Option<RefreshToken> {
    RefreshSecret::parse(&RefreshToken::from(text)).map(|secret| secret.token())
}

/// Tells whether a value opens that rests in the database.
pub fn opens(secret: &MasterSecret, sealed: &[u8]) -> bool {
    let sealer = Sealer::new(secret);
    [Purpose::Invitation, Purpose::Message, Purpose::SigningKey, Purpose::TotpSecret]
        .into_iter()
        .any(|purpose| sealer.open(purpose, b"owner", sealed).is_ok())
}

/// Returns the time step that a code is of.
pub fn totp_step(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    totp::matching_step(secret, code, now)
}

/// Reads the secret of an authenticator app.
pub fn totp_secret(base32: &str) -> Option<Vec<u8>> {
    totp::secret_from_base32(&TotpSecret::from(base32)).map(|secret| secret.to_vec())
}

/// Spells the secret of an authenticator app.
pub fn totp_base32(secret: &[u8]) -> TotpSecret {
    totp::secret_base32(secret)
}

/// Makes a provisioning URI and its picture.
pub fn otpauth(secret: &[u8], issuer: &str, account: &str) -> (String, String) {
    let url = totp::otpauth_url(secret, issuer, account);
    let picture = totp::qr_code(&url);
    (url, picture)
}

/// Returns the client's address.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    client_address::client_address(Some(peer), headers, trusted)
}

/// Returns the access token of a request, and whether it is a cookie.
///
/// # Errors
///
/// For two credentials, and for a cookie that a foreign page may have sent.
pub fn access_token(
    method: &Method,
    headers: &HeaderMap,
    config: &Config,
) -> Result<Option<(AccessToken, bool)>, Error> {
    let found = credentials::access_token(method, headers, config)?;
    Ok(found.map(|(token, delivery)| (AccessToken::from(token), delivery == Delivery::Cookie)))
}

/// Returns the refresh token of a request, and whether it is a cookie.
///
/// # Errors
///
/// For two credentials.
pub fn sent_refresh_token(
    in_body: Option<&RefreshToken>,
    headers: &HeaderMap,
    config: &Config,
) -> Result<Option<(RefreshToken, bool)>, Error> {
    let found = credentials::refresh_token(in_body, headers, config)?;
    Ok(found.map(|(token, delivery)| (token, delivery == Delivery::Cookie)))
}

/// Tells whether a request carries a session cookie.
pub fn has_cookies(headers: &HeaderMap, config: &Config) -> bool {
    SessionCookie::any(headers, config)
}

/// Tells whether a page may have sent a request.
pub fn admits(method: &Method, headers: &HeaderMap, cookies: bool, config: &Config) -> bool {
    cross_site::check(method, headers, cookies, config).is_ok()
}

/// Tells whether pages of another origin may read the answer to a request.
pub fn is_shared(headers: &HeaderMap, config: &Config) -> bool {
    cors::reader(headers, config).is_some()
}

/// Returns the language that a request asks for.
pub fn language(headers: &HeaderMap) -> Option<Language> {
    input::language(headers)
}

/// Tells whether a request asks for a page.
pub fn prefers_html(headers: &HeaderMap) -> bool {
    input::prefers_html(headers)
}

/// Names the device of a `User-Agent`.
pub fn device(user_agent: &str) -> Option<String> {
    crate::device::device(user_agent)
}

/// Returns the issuer, the base of links and the allowed origins of a configuration.
pub fn origins(config: &Config) -> (String, String, &[String]) {
    (config.issuer(), config.link_base(), &config.allowed_origins)
}
