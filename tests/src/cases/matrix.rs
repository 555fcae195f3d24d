//! What ends what: each cell of the manual's table is done, and looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use auth_core::{MessageKind, UserId};
use serde_json::{Value, json};

use super::documentation::rows;
use super::probes::{OTHER_PASSWORD, refresh, reset_token, try_sign_in};
use crate::adapters::block_on;
use crate::{App, Authenticator, Person, Reply, Request, Tokens, totp_code};

pub(super) fn what_ends_what_is_as_the_manual_says(apps: &[App]) {
    let table = rows("../auth-core/src/manual/flows.md", "ends", &COLUMNS);
    let listed: Vec<&str> = table.iter().map(|row| &*row[0]).collect();
    assert_eq!(listed, EVENTS.map(|event| event.name), "the events");

    let mut differences = Vec::new();
    for (event, row) in EVENTS.iter().zip(&table) {
        let app = &App::start(apps[0].adapter, apps[0].kind);
        let mut found = BTreeMap::new();
        for stage in event.stages {
            let mut held = Held::set_up(app, *stage);
            (event.happens)(app, &mut held);
            for (artefact, is_good) in ARTEFACTS {
                if let Some(good) = is_good(app, &held) {
                    let verdict = if good { "stays" } else { "ends" };
                    found.entry(artefact).or_insert_with(Vec::new).push(verdict);
                }
            }
        }
        for (artefact, written) in COLUMNS.iter().zip(row).skip(1) {
            let found = found.get(artefact).map_or(&["–"][..], |verdicts| verdicts);
            if found.iter().any(|verdict| verdict != written) {
                differences.push(format!("{}, {artefact}: {written}, but {found:?}", event.name));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// How far a user has come, which decides what they can hold.
#[derive(Clone, Copy)]
enum Stage {
    Unproven,
    Plain,
    TwoFactor,
}

/// A user, and everything they can hold at their stage.
struct Held {
    person: Person,
    /// Of the session that the event is about, and of another.
    sessions: Option<[Tokens; 2]>,
    challenge: Option<Value>,
    activation: Option<String>,
    reset: String,
    change: Option<String>,
    enrolment: Option<String>,
    authenticator: Option<Authenticator>,
}

impl Held {
    fn set_up(app: &App, stage: Stage) -> Self {
        app.mails();
        let mut held = Self {
            person: app.stranger(),
            sessions: None,
            challenge: None,
            activation: None,
            reset: String::new(),
            change: None,
            enrolment: None,
            authenticator: None,
        };
        match stage {
            Stage::Unproven => {
                app.sign_up(&held.person);
                held.activation = Some(app.mailed_token(&held.person.email));
            }
            Stage::Plain => {
                held.person = app.user();
                let this = app.sign_in(&held.person);
                app.clock.advance(STEP);
                let sessions = [this, app.sign_in(&held.person)];
                let enrolment = app.post_as(&sessions[0].access, "/enable-2fa", json!({})).json();
                held.enrolment = Some(text(&enrolment["secret"]));
                held.sessions = Some(sessions);
            }
            Stage::TwoFactor => {
                held.person = app.user();
                let this = app.sign_in(&held.person);
                let authenticator = app.enable_two_factor(&this);
                app.clock.advance(STEP);
                held.sessions = Some([this, app.sign_in_twice(&held.person, &authenticator)]);
                held.challenge = Some(held.first_factor(app)["mfa_token"].clone());
                held.authenticator = Some(authenticator);
            }
        }
        app.mails();
        held.reset = reset_token(app, &held.person);
        if held.sessions.is_some() {
            held.change = Some(held.ask_for_address(app));
        }
        held
    }

    /// The access token of the session that the event is about.
    fn access(&self) -> &str {
        &self.sessions.as_ref().expect("who has signed in has sessions")[0].access
    }

    fn refresh(&self) -> &str {
        &self.sessions.as_ref().expect("who has signed in has sessions")[0].refresh
    }

    fn other(&self) -> &Tokens {
        &self.sessions.as_ref().expect("who has signed in has sessions")[1]
    }

    /// The next code of the authenticator app, which is good.
    fn code(&self, app: &App) -> String {
        app.clock.advance(STEP);
        app.code(self.authenticator.as_ref().expect("it takes a second factor"))
    }

    fn first_factor(&self, app: &App) -> Value {
        try_sign_in(app, &self.person.email, &self.person.password).json()
    }

    /// Whether a code completes a sign-in that begins now.
    fn second_factor(&self, app: &App, code: &str) -> bool {
        let begun = self.first_factor(app);
        let body = json!({ "mfa_token": begun["mfa_token"], "code": code });
        begun["status"] == "mfa_required" && app.post("/sign-in-mfa", body).status == 200
    }

    fn ask_for_address(&self, app: &App) -> String {
        let new_email = app.stranger().email;
        ok(&app.post_as(self.access(), "/change-email", json!({ "new_email": new_email })));
        let mails = app.mails();
        let mail = mails.iter().find(|mail| mail.kind == MessageKind::EmailChange);
        App::token_of(mail.expect("a link came"))
    }
}

type IsGood = fn(&App, &Held) -> Option<bool>;

const COLUMNS: [&str; 11] = [
    "event",
    "access token",
    "refresh token",
    "other sessions",
    "challenge",
    "activation link",
    "reset link",
    "change link",
    "enrolment",
    "recovery codes",
    "authenticator",
];

/// What can be held, and whether it is still good: in an order in which looking at one does not end
/// the next.
const ARTEFACTS: [(&str, IsGood); 10] = [
    ("access token", |app, held| {
        held.sessions.as_ref().map(|_| app.get("/me", Some(held.access())).status == 200)
    }),
    ("other sessions", |app, held| {
        held.sessions.as_ref().map(|_| {
            let other = held.other();
            let access = app.get("/me", Some(&other.access)).status == 200;
            assert_eq!(refresh(app, &other.refresh).status == 200, access);
            access
        })
    }),
    ("activation link", |app, held| {
        held.activation.as_ref().map(|token| {
            let path = format!("/activate-account?token={token}");
            // A good one asks for a password where none is left.
            matches!(app.raw("HEAD", &path, &[], b"").status, 200 | 422)
        })
    }),
    ("reset link", |app, held| {
        // A password that is refused burns no good one.
        let body = json!({ "token": held.reset, "password": "password" });
        Some(app.post("/reset-password", body).status == 422)
    }),
    ("challenge", |app, held| {
        held.challenge.as_ref().map(|token| {
            let body = json!({ "mfa_token": token, "code": held.code(app) });
            app.post("/sign-in-mfa", body).status == 200
        })
    }),
    ("recovery codes", |app, held| {
        held.authenticator.as_ref().map(|authenticator| {
            enable(app, held);
            held.second_factor(app, &authenticator.recovery_codes[0])
        })
    }),
    ("authenticator", |app, held| {
        held.authenticator.as_ref().map(|_| held.second_factor(app, &held.code(app)))
    }),
    ("enrolment", |app, held| {
        held.enrolment.as_ref().map(|secret| {
            let code = json!({ "code": totp_code(secret, auth_core::Clock::now(&app.clock)) });
            app.post_as(held.access(), "/confirm-2fa", code).status == 200
        })
    }),
    ("change link", |app, held| {
        held.change
            .as_ref()
            .map(|token| app.post("/confirm-email-change", json!({ "token": token })).status == 200)
    }),
    // The last: a used one ends its session.
    ("refresh token", |app, held| {
        held.sessions.as_ref().map(|_| refresh(app, held.refresh()).status == 200)
    }),
];

/// What can happen, and to whom.
struct Happening {
    name: &'static str,
    stages: &'static [Stage],
    happens: fn(&App, &mut Held),
}

const fn event(
    name: &'static str,
    stages: &'static [Stage],
    happens: fn(&App, &mut Held),
) -> Happening {
    Happening { name, stages, happens }
}

const UNPROVEN: &[Stage] = &[Stage::Unproven];
const PLAIN: &[Stage] = &[Stage::Plain];
const TWO_FACTOR: &[Stage] = &[Stage::TwoFactor];
const SIGNED_IN: &[Stage] = &[Stage::Plain, Stage::TwoFactor];
const EVERYBODY: &[Stage] = &[Stage::Unproven, Stage::Plain, Stage::TwoFactor];

/// In the order of the rows.
const EVENTS: [Happening; 22] = [
    event("signed up again", UNPROVEN, |app, held| {
        app.sign_up(&held.person);
    }),
    event("another activation link", UNPROVEN, |app, held| {
        ok(&app.post("/send-activation-email", json!({ "email": held.person.email })));
    }),
    event("activation", UNPROVEN, |app, held| {
        ok(&app.post("/activate-account", json!({ "token": held.activation })));
    }),
    event("another reset link", EVERYBODY, |app, held| {
        reset_token(app, &held.person);
    }),
    event("password reset", EVERYBODY, |app, held| {
        let body = json!({ "token": held.reset, "password": OTHER_PASSWORD });
        ok(&app.post("/reset-password", body));
        OTHER_PASSWORD.clone_into(&mut held.person.password);
    }),
    event("password change", SIGNED_IN, |app, held| {
        let body = json!({
            "current_password": held.person.password, "new_password": OTHER_PASSWORD
        });
        ok(&app.post_as(held.access(), "/change-password", body));
        OTHER_PASSWORD.clone_into(&mut held.person.password);
    }),
    event("another change link", SIGNED_IN, |app, held| {
        held.ask_for_address(app);
    }),
    event("address change", SIGNED_IN, |app, held| {
        ok(&app.post("/confirm-email-change", json!({ "token": held.change })));
        let user = app.get("/me", Some(held.access())).json();
        held.person.email = text(&user["email"]);
    }),
    event("second factor on", PLAIN, |app, held| {
        let secret = held.enrolment.as_ref().expect("an enrolment awaits its code");
        let code = json!({ "code": totp_code(secret, auth_core::Clock::now(&app.clock)) });
        ok(&app.post_as(held.access(), "/confirm-2fa", code));
    }),
    event("second factor off", TWO_FACTOR, |app, held| {
        ok(&app.post_as(held.access(), "/disable-2fa", json!({ "code": held.code(app) })));
    }),
    event("new recovery codes", TWO_FACTOR, |app, held| {
        ok(&app.post_as(held.access(), "/recovery-codes", json!({ "code": held.code(app) })));
    }),
    event("refresh", SIGNED_IN, |app, held| {
        ok(&refresh(app, held.refresh()));
        app.clock.advance(STEP);
    }),
    event("reuse of a refresh token", SIGNED_IN, |app, held| {
        ok(&refresh(app, held.refresh()));
        app.clock.advance(STEP);
        assert_eq!(refresh(app, held.refresh()).status, 401);
    }),
    event("reauthentication", SIGNED_IN, |app, held| {
        let mut body = json!({ "password": held.person.password });
        if held.authenticator.is_some() {
            body["code"] = json!(held.code(app));
        }
        ok(&app.post_as(held.access(), "/reauthenticate", body));
    }),
    event("sign-out", SIGNED_IN, |app, held| {
        ok(&app.post_as(held.access(), "/sign-out", json!({})));
    }),
    event("revocation", SIGNED_IN, |app, held| {
        let sessions = app.get("/sessions", Some(held.access())).json();
        let sessions = sessions["sessions"].as_array().expect("it lists sessions");
        let this = sessions.iter().find(|one| one["current"] == true).expect("this is one");
        let body = json!({ "id": this["id"] });
        ok(&app.post_as(&held.other().access, "/sessions/revoke", body));
    }),
    event("revocation of the others", SIGNED_IN, |app, held| {
        ok(&app.post_as(held.access(), "/sessions/revoke", json!({ "others": true })));
    }),
    event("one session too many", SIGNED_IN, |app, held| {
        let crowded = app.beside(App::config().sessions_per_user(2_u32), |builder| builder);
        match &held.authenticator {
            Some(authenticator) => {
                app.clock.advance(STEP);
                crowded.sign_in_twice(&held.person, authenticator)
            }
            None => crowded.sign_in(&held.person),
        };
    }),
    event("roles set", EVERYBODY, |app, held| {
        let id = id(app, held).expect("there is a user");
        let operator = app.auth.operator("ada");
        block_on(operator.set_roles(id, &["editor"])).expect("an operator may");
    }),
    event("disabled", EVERYBODY, |app, held| disable(app, held)),
    event("disabled and enabled again", EVERYBODY, |app, held| {
        disable(app, held);
        enable(app, held);
    }),
    event("deletion", EVERYBODY, |app, held| {
        if held.sessions.is_none() {
            let id = id(app, held).expect("there is a user");
            return block_on(app.auth.operator("ada").delete(id)).expect("an operator may");
        }
        ok(&app.send(&Request::new("DELETE", "/me").bearer(held.access())));
    }),
];

fn id(app: &App, held: &Held) -> Option<UserId> {
    let user = block_on(app.auth.user_by_email(&held.person.email));
    user.expect("users can be read").map(|user| user.user.id)
}

fn disable(app: &App, held: &Held) {
    let id = id(app, held).expect("there is a user");
    block_on(app.auth.operator("ada").disable(id)).expect("an operator may");
}

/// Lets a user in again who is not deleted.
fn enable(app: &App, held: &Held) {
    if let Some(id) = id(app, held) {
        block_on(app.auth.operator("ada").enable(id)).expect("an operator may");
    }
}

#[track_caller]
fn ok(reply: &Reply) {
    assert!(reply.status < 300, "{} {}", reply.status, reply.text());
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}

/// Of the authenticator app; longer than the grace of a refresh, and tells which session is older.
const STEP: Duration = Duration::from_secs(30);
