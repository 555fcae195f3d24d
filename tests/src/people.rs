//! People who use a served application, and the steps that most cases begin with.

use auth_core::Clock;
use serde_json::{Value, json};

use crate::{App, Reply, totp_code};

/// Somebody with an address and a password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Person {
    /// The address, of this trial alone.
    pub email: String,
    /// Good enough for the policy.
    pub password: String,
}

/// What a sign-in gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// The whole answer.
    pub body: Value,
}

/// What a confirmed enrolment gave.
#[derive(Clone, Debug)]
pub struct Authenticator {
    /// The shared secret, base32.
    pub secret: String,
    /// All ten of them.
    pub recovery_codes: Vec<String>,
}

impl App {
    /// Returns somebody whom the server does not know yet.
    pub fn stranger(&self) -> Person {
        let number = self.next_number();
        Person { email: format!("person{number}@example.com"), password: PASSWORD.to_owned() }
    }

    /// Signs `person` up.
    #[track_caller]
    pub fn sign_up(&self, person: &Person) -> Reply {
        let reply = self.post("/sign-up", credentials(person));
        assert_eq!(reply.status, 202, "{}", reply.text());
        reply
    }

    /// Returns somebody with an activated account; their mails so far are read.
    #[track_caller]
    pub fn user(&self) -> Person {
        let person = self.stranger();
        self.sign_up(&person);
        let token = self.mailed_token(&person.email);
        let reply = self.post("/activate-account", json!({ "token": token }));
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.mails();
        person
    }

    /// Signs in with the password alone.
    #[track_caller]
    pub fn sign_in(&self, person: &Person) -> Tokens {
        Self::tokens(&self.post("/sign-in", credentials(person)))
    }

    /// Signs in with the password and the authenticator's current code.
    #[track_caller]
    pub fn sign_in_twice(&self, person: &Person, authenticator: &Authenticator) -> Tokens {
        let first = self.post("/sign-in", credentials(person)).json();
        assert_eq!(first["status"], "mfa_required", "{first}");
        let code = self.code(authenticator);
        let body = json!({ "mfa_token": first["mfa_token"], "code": code });
        Self::tokens(&self.post("/sign-in-mfa", body))
    }

    /// Returns the code that the authenticator shows now.
    pub fn code(&self, authenticator: &Authenticator) -> String {
        totp_code(&authenticator.secret, self.clock.now())
    }

    /// Switches two-factor authentication on; the current code is spent by that.
    #[track_caller]
    pub fn enable_two_factor(&self, tokens: &Tokens) -> Authenticator {
        let enrolment = self.post_as(&tokens.access, "/enable-2fa", json!({})).json();
        let secret = enrolment["secret"].as_str().expect("an enrolment has a secret").to_owned();
        let authenticator = Authenticator { secret, recovery_codes: Vec::new() };
        let code = json!({ "code": self.code(&authenticator) });
        let reply = self.post_as(&tokens.access, "/confirm-2fa", code);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let recovery_codes = reply.json()["recovery_codes"]
            .as_array()
            .expect("a confirmation lists recovery codes")
            .iter()
            .filter_map(|code| Some(code.as_str()?.to_owned()))
            .collect();
        Authenticator { recovery_codes, ..authenticator }
    }

    /// Reads the tokens out of an answer that is a session.
    #[track_caller]
    pub fn tokens(reply: &Reply) -> Tokens {
        let body = reply.json();
        assert_eq!((reply.status, &body["status"]), (200, &json!("signed_in")), "{body}");
        let text = |name: &str| body[name].as_str().expect("a session has both tokens").to_owned();
        Tokens { access: text("access_token"), refresh: text("refresh_token"), body }
    }
}

fn credentials(person: &Person) -> Value {
    json!({ "email": person.email, "password": person.password })
}

const PASSWORD: &str = "seven plum tractors hum";
