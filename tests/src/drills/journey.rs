//! What one client does with one account, from the sign-up on, and what it holds the service to.
//!
//! Every step is repeated until it is answered. An unclear outcome leaves open whether it happened,
//! and nothing else: what an answer has promised once is so from then on.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::environment::Choices;
use super::load::{Outcome, Site, credentials};
use crate::{Reply, Request};

/// An account as its client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) email: String,
    /// The network address of its client.
    pub(crate) network: String,
    pub(crate) password: String,
    /// The session that it has now.
    pub(crate) session: Option<Session>,
    /// Sessions that were ended.
    pub(crate) ended: Vec<Session>,
    /// The kinds of mail that were promised.
    pub(crate) mails: Vec<&'static str>,
    /// How many sessions were lost to an exchange that was repeated too late.
    pub(crate) replayed: u32,
}

/// Both tokens of a session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Account {
    pub(crate) fn credentials(&self) -> Value {
        credentials(&self.email, &self.password)
    }
}

impl Session {
    pub(crate) fn of(reply: &Reply) -> Option<Self> {
        if reply.status != 200 {
            return None;
        }
        let body = reply.json();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Some(Self { access: text("access_token")?, refresh: text("refresh_token")? })
    }
}

/// Signs somebody up and activates, signs in, refreshes, resets, signs out. None if not even the
/// sign-up was acknowledged: nothing was promised then.
pub(crate) fn journey(site: &Site, choices: &Choices) -> Option<Account> {
    let (email, network) = site.stranger();
    let port = site.ports()[choices.below(site.ports().len())];
    let asked = Request::post("/sign-up", &credentials(&email, PASSWORD));
    match site.ask(port, &network, asked) {
        Outcome::Answered(reply) if reply.status == 202 => {}
        Outcome::Answered(reply) => {
            site.violation(format!("sign-up: {} {}", reply.status, reply.text()));
            return None;
        }
        Outcome::Unclear(_) => return None,
    }
    let account = Account {
        email,
        network,
        password: PASSWORD.to_owned(),
        session: None,
        ended: Vec::new(),
        mails: vec!["activation"],
        replayed: 0,
    };
    let mut client = Client { site, choices, account };
    match client.live() {
        Ok(()) => site.count_journey(),
        Err(fault) => site.violation(format!("{}: {fault}", client.account.email)),
    }
    Some(client.account)
}

struct Client<'a> {
    site: &'a Site,
    choices: &'a Choices,
    account: Account,
}

impl Client<'_> {
    fn live(&mut self) -> Result<(), String> {
        self.activate()?;
        self.sign_in()?;
        for _ in 0..2 {
            self.refresh()?;
            self.look()?;
        }
        if self.choices.below(2) == 0 {
            self.reset()?;
            self.sign_in()?;
            self.refresh()?;
        }
        if self.choices.below(2) == 0 {
            self.sign_out()?;
        }
        self.look()
    }

    fn activate(&mut self) -> Result<(), String> {
        let token = self.mailed("activate-account", "/send-activation-email")?;
        let body = json!({ "token": token });
        self.spend("/activate-account", &body)?;
        self.account.mails.push("welcome");
        self.cannot_spend("/activate-account", &body)
    }

    fn sign_in(&mut self) -> Result<(), String> {
        let (reply, _) = self.insist(&Request::post("/sign-in", &self.account.credentials()))?;
        let session = Session::of(&reply).ok_or_else(|| unexpected("sign-in", &reply))?;
        self.account.session = Some(session);
        Ok(())
    }

    fn refresh(&mut self) -> Result<(), String> {
        let session = self.session();
        let body = json!({ "refresh_token": session.refresh });
        let (reply, unclear) = self.insist(&Request::post("/access", &body))?;
        if let Some(next) = Session::of(&reply) {
            self.account.session = Some(next);
            return Ok(());
        }
        if !(unclear && reply.status == 401) {
            return Err(unexpected("refresh", &reply));
        }
        // The exchange happened, and its answer was asked for again when that was too late: the
        // session has ended for everybody, and its client signs in again.
        self.account.replayed += 1;
        self.account.ended.extend(self.account.session.take());
        self.account.mails.push("refresh_token_reuse");
        self.sign_in()
    }

    /// Whoever is signed in is shown, and whoever is not any more is refused.
    fn look(&self) -> Result<(), String> {
        let live = self.account.session.iter().map(|session| (session, 200));
        let ended = self.account.ended.iter().map(|session| (session, 401));
        for (session, status) in live.chain(ended) {
            let (reply, _) = self.insist(&Request::get("/me").bearer(&session.access))?;
            if reply.status != status {
                return Err(format!("{} instead of {status}: {}", reply.status, reply.text()));
            }
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), String> {
        let body = json!({ "email": self.account.email });
        let (reply, unclear) = self.insist(&Request::post("/request-password-reset", &body))?;
        if reply.status != 202 {
            return Err(unexpected("the request of a reset", &reply));
        }
        if unclear {
            // Which of several links is the newest, and so the good one, nobody knows.
            return Ok(());
        }
        self.account.mails.push("password_reset");
        let token = self.mailed("reset-password", "/request-password-reset")?;
        self.spend("/reset-password", &json!({ "token": token, "password": NEW_PASSWORD }))?;
        self.account.password = NEW_PASSWORD.to_owned();
        self.account.ended.extend(self.account.session.take());
        self.account.mails.push("password_changed");
        self.cannot_spend("/reset-password", &json!({ "token": token, "password": PASSWORD }))
    }

    fn sign_out(&mut self) -> Result<(), String> {
        let body = json!({ "refresh_token": self.session().refresh });
        let (reply, _) = self.insist(&Request::post("/sign-out", &body))?;
        if reply.status != 204 {
            return Err(unexpected("sign-out", &reply));
        }
        self.account.ended.extend(self.account.session.take());
        Ok(())
    }

    /// Uses a mailed token; that it was used already is an answer only if a try was unclear.
    fn spend(&self, path: &str, body: &Value) -> Result<(), String> {
        let (reply, unclear) = self.insist(&Request::post(path, body))?;
        match reply.status {
            200 => Ok(()),
            400 if unclear => Ok(()),
            _ => Err(unexpected(path, &reply)),
        }
    }

    fn cannot_spend(&self, path: &str, body: &Value) -> Result<(), String> {
        let (reply, _) = self.insist(&Request::post(path, body))?;
        if reply.status == 400 { Ok(()) } else { Err(unexpected("a second use", &reply)) }
    }

    /// Waits for the mail with a link to `page`, and returns its token.
    fn mailed(&self, page: &str, ask_again: &str) -> Result<String, String> {
        let start = Instant::now();
        let impatience = if self.site.expects_refusals() { IMPATIENCE } else { PATIENCE };
        while start.elapsed() < PATIENCE {
            if let Some(token) = self.site.sink().token(&self.account.email, page, impatience) {
                return Ok(token);
            }
            self.insist(&Request::post(ask_again, &json!({ "email": self.account.email })))?;
        }
        Err(format!("no mail with a link to {page} came in {PATIENCE:?}"))
    }

    fn insist(&self, request: &Request) -> Result<(Reply, bool), String> {
        let answer = self.site.insist(self.choices, &self.account.network, request, PATIENCE);
        answer.ok_or_else(|| format!("{} was not answered in {PATIENCE:?}", request.path))
    }

    fn session(&self) -> &Session {
        self.account.session.as_ref().expect("a client that has signed in has a session")
    }
}

fn unexpected(what: &str, reply: &Reply) -> String {
    format!("{what}: {} {}", reply.status, reply.text())
}

/// Longer than any fault and what follows of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// After what time people ask for another mail.
const IMPATIENCE: Duration = Duration::from_secs(6);
const PASSWORD: &str = "seven plum tractors hum";
const NEW_PASSWORD: &str = "nine amber kettles sing";
