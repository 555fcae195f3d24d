//! The access token: a JWT signed with Ed25519 (RFC 7519, RFC 8037, the profile of RFC 9068).
//!
//! The codec knows one algorithm and one shape. It reads less than the standards allow, and what
//! it does not know it refuses (RFC 8725).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{AccessToken, Timestamp};

mod json_object;
mod signing_key;
#[cfg(test)]
mod tests;

pub(crate) use signing_key::{SigningKey, VerifyingKey, thumbprint};

/// What an access token asserts; the instants are whole seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    /// The user's id.
    pub(crate) sub: Uuid,
    /// The session's id.
    pub(crate) sid: Uuid,
    pub(crate) jti: Uuid,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
    /// When the user last proved who they are; a refresh does not change it.
    pub(crate) auth_time: i64,
    /// How they proved it (RFC 8176).
    pub(crate) amr: Vec<String>,
    /// The host's own claims; those with a [`RESERVED`] name are left out of a token.
    pub(crate) extra: Map<String, Value>,
}

/// The claims that a host cannot set.
pub(crate) const RESERVED: [&str; 10] =
    ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "auth_time", "amr"];

/// What a verifier requires of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    /// How far the clocks of issuer and verifier may differ: at most 30 s, whatever is asked for.
    pub(crate) leeway_secs: i64,
}

/// Why a token was refused: for the log and for whoever reloads keys, never for the client
/// (RFC 6750 §3.1 knows only `invalid_token`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AccessTokenError {
    Audience,
    Claims,
    Expired,
    Header,
    Issuer,
    NotYetValid,
    Shape,
    Signature,
    /// No key has this id: it may be newer than the keys that were loaded.
    UnknownKey,
}

/// Makes a token of `claims`.
///
/// The host's claims have to be bounded where they come in: a token of more than 4 KiB is made,
/// and refused by [`verify`].
pub(crate) fn sign(claims: &Claims, key: &SigningKey) -> AccessToken {
    let header = json!({ "alg": ALG, "typ": TYP, "kid": key.kid() });
    let mut message = URL_SAFE_NO_PAD.encode(header.to_string());
    message.push('.');
    URL_SAFE_NO_PAD.encode_string(payload(claims).to_string(), &mut message);
    sign_message(message, key)
}

/// Makes a token of a header and a payload that are encoded already.
pub(crate) fn sign_message(message: String, key: &SigningKey) -> AccessToken {
    let signature = key.sign(message.as_bytes());
    let mut token = message;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    AccessToken::new(token)
}

/// Checks a token's shape, key, signature and claims, in this order.
///
/// The key's algorithm is the only one; `key_of` finds a key by the exact `kid`.
pub(crate) fn verify(
    token: &str,
    expected: &Expected<'_>,
    now: Timestamp,
    key_of: impl FnOnce(&str) -> Option<VerifyingKey>,
) -> Result<Claims, AccessTokenError> {
    if token.len() > MAX_BYTES {
        return Err(AccessTokenError::Shape);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(AccessTokenError::Shape)?;
    let (header, payload) = message.split_once('.').ok_or(AccessTokenError::Shape)?;
    // A dot is outside of the alphabet, so a fourth segment fails here too.
    let header = decode(header)?;
    let payload = decode(payload)?;
    let signature =
        <[u8; 64]>::try_from(decode(signature)?).map_err(|_| AccessTokenError::Shape)?;

    let kid = kid(&header).ok_or(AccessTokenError::Header)?;
    let key = key_of(&kid).ok_or(AccessTokenError::UnknownKey)?;
    if !key.verifies(message.as_bytes(), &signature) {
        return Err(AccessTokenError::Signature);
    }

    let payload = json_object::parse(&payload).ok_or(AccessTokenError::Claims)?;
    let claims = claims(payload, expected)?;
    claims.hold_at(now, expected.leeway_secs)?;
    Ok(claims)
}

impl Claims {
    /// Checks what the token asserts about time; clocks may differ by `leeway_secs`.
    pub(crate) fn hold_at(&self, now: Timestamp, leeway_secs: i64) -> Result<(), AccessTokenError> {
        let leeway = leeway_secs.clamp(0, MAX_LEEWAY_SECS);
        if now.secs() >= self.exp + leeway {
            return Err(AccessTokenError::Expired);
        }
        if self.nbf.max(self.iat) > now.secs() + leeway {
            return Err(AccessTokenError::NotYetValid);
        }
        Ok(())
    }
}

fn payload(claims: &Claims) -> Value {
    let mut payload = claims.extra.clone();
    let ours = [
        json!(claims.iss),
        json!(claims.aud),
        json!(claims.sub),
        json!(claims.sid),
        json!(claims.jti),
        json!(claims.iat),
        json!(claims.nbf),
        json!(claims.exp),
        json!(claims.auth_time),
        json!(claims.amr),
    ];
    payload.extend(RESERVED.into_iter().map(str::to_owned).zip(ours));
    Value::Object(payload)
}

/// Decodes one segment: base64url without padding, and zero bits at the end, so that there is one
/// spelling of a token.
fn decode(segment: &str) -> Result<Vec<u8>, AccessTokenError> {
    if segment.is_empty() {
        return Err(AccessTokenError::Shape);
    }
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| AccessTokenError::Shape)
}

/// Returns the key id of a header that is as [`sign`] makes it.
///
/// Any other member means something that this verifier would not heed: a critical extension, a
/// key brought along, an encoding, an encryption.
fn kid(header: &[u8]) -> Option<String> {
    let mut header = json_object::parse(header)?;
    let alg = string(&mut header, "alg")?;
    let typ = string(&mut header, "typ")?;
    let kid = string(&mut header, "kid")?;
    let known = header.is_empty()
        && alg == ALG
        && typ == TYP
        && (1..=MAX_KID_BYTES).contains(&kid.len())
        && kid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    known.then_some(kid)
}

fn claims(
    mut payload: Map<String, Value>,
    expected: &Expected<'_>,
) -> Result<Claims, AccessTokenError> {
    let iss = string(&mut payload, "iss").ok_or(AccessTokenError::Issuer)?;
    if iss != expected.issuer {
        return Err(AccessTokenError::Issuer);
    }
    let aud = match payload.remove("aud") {
        Some(Value::Array(values)) => {
            let [Value::String(aud)] = values.as_slice() else {
                return Err(AccessTokenError::Audience);
            };
            aud.clone()
        }
        Some(Value::String(aud)) => aud,
        _ => return Err(AccessTokenError::Audience),
    };
    if aud != expected.audience {
        return Err(AccessTokenError::Audience);
    }

    let rest = || {
        Some(Claims {
            iss,
            aud,
            sub: id(&mut payload, "sub")?,
            sid: id(&mut payload, "sid")?,
            jti: id(&mut payload, "jti")?,
            iat: secs(&mut payload, "iat")?,
            nbf: secs(&mut payload, "nbf")?,
            exp: secs(&mut payload, "exp")?,
            auth_time: secs(&mut payload, "auth_time")?,
            amr: strings(&mut payload, "amr")?,
            extra: payload,
        })
    };
    rest().ok_or(AccessTokenError::Claims)
}

fn string(object: &mut Map<String, Value>, name: &str) -> Option<String> {
    match object.remove(name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn strings(object: &mut Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let Value::Array(values) = object.remove(name)? else {
        return None;
    };
    values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

fn id(object: &mut Map<String, Value>, name: &str) -> Option<Uuid> {
    Uuid::try_parse(object.remove(name)?.as_str()?).ok()
}

/// Takes an instant: an integer, as NumericDate (RFC 7519 §2) may be a fraction but here never is.
fn secs(object: &mut Map<String, Value>, name: &str) -> Option<i64> {
    object.remove(name)?.as_i64().filter(|secs| (0..=MAX_SECS).contains(secs))
}

const ALG: &str = "EdDSA";
const TYP: &str = "at+jwt";
pub(crate) const MAX_BYTES: usize = 4 * 1024;
const MAX_KID_BYTES: usize = 64;
const MAX_LEEWAY_SECS: i64 = 30;
/// The integers that every reader of JSON holds exactly (RFC 8259 §6).
const MAX_SECS: i64 = 1 << 53;
