//! What is computed with secrets: pure, without a database and without a clock of its own.

pub(crate) mod access_token;
pub(crate) mod digest;
pub(crate) mod hashing_pool;
pub(crate) mod key_material;
pub(crate) mod keyring;
pub(crate) mod password;
pub(crate) mod refresh_token;
pub(crate) mod seal;
pub(crate) mod totp;
pub(crate) mod verified_tokens;
