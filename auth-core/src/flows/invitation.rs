//! The proof that an operator invited an address.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::seal::Purpose;
use crate::{Auth, EmailAddress, OneTimeToken, Timestamp};

impl Auth {
    /// Makes the invitation of an address. Nothing of it is stored: it is good for that address until
    /// it expires, and an address signs up once.
    pub(crate) fn invitation(&self, email: &EmailAddress, now: Timestamp) -> OneTimeToken {
        let expires_at = now.plus(self.0.config.invitation_lifetime).micros().to_be_bytes();
        let owner = email.canonical().as_bytes();
        let sealed = self.0.sealer.seal(&*self.0.random, Purpose::Invitation, owner, &expires_at);
        OneTimeToken::new(URL_SAFE_NO_PAD.encode(sealed))
    }

    pub(super) fn is_invited(
        &self,
        invitation: Option<&OneTimeToken>,
        email: &EmailAddress,
        now: Timestamp,
    ) -> bool {
        let opened = invitation.and_then(|token| {
            let sealed = URL_SAFE_NO_PAD.decode(token.expose()).ok()?;
            let owner = email.canonical().as_bytes();
            self.0.sealer.open(Purpose::Invitation, owner, &sealed).ok()
        });
        let expires_at = opened.and_then(|plain| plain.as_slice().try_into().ok());
        expires_at.is_some_and(|bytes| now < Timestamp::from_micros(i64::from_be_bytes(bytes)))
    }
}
