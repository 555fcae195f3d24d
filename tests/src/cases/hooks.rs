//! What a host hooks in: who may sign up, what a user begins with, what a token says, who listens.

use std::mem;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use auth_core::{
    AllowedDomains, Auth, Builder, Claims, Event, EventKind, EventListener, EventQuery, HookError,
    InvitedOnly, MasterSecret, NewAccount, Registration, RegistrationPolicy, SignUpHook, Store, Tx,
    User,
};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Map, Value, json};
use sqlx::Connection;

use super::assertions::assert_problem;
use super::counting::rows;
use super::probes::{assert_alike, claims, refresh};
use crate::adapters::block_on;
use crate::{App, StoreKind};

pub(super) fn a_policy_refuses_and_nobody_can_tell(apps: &[App]) {
    let open = &apps[0];
    let app = with(open, |builder| builder.registration(AllowedDomains::new(["Bücher.example"])));
    let sign_up = |app: &App, email: &str| {
        app.post("/sign-up", json!({ "email": email, "password": "seven plum tractors hum" }))
    };
    let refused = ["a@example.com", "a@sub.bücher.example", "a@b\u{fc}cher.example.com"]
        .map(|email| sign_up(&app, email));
    assert_eq!(rows(&app, "auth_users"), 0);
    assert_eq!(rows(&app, "auth_messages"), 0);
    assert_eq!(rows(&app, "auth_one_time_tokens"), 0);
    let query = EventQuery::new().kind(EventKind::UserRefused);
    let events = block_on(app.auth.events(&query)).expect("the database answers");
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.detail["reason"] == "policy"), "{events:?}");

    let allowed = sign_up(&app, "a@BÜCHER.example");
    assert_alike(refused.iter().chain([&allowed, &sign_up(open, "b@example.com")]));
    assert_eq!(app.mails().len(), 2);
    // What is not acceptable is named to everybody alike.
    let weak = json!({ "email": "a@example.com", "password": "abc" });
    assert_problem(&app.post("/sign-up", weak), 422, "validation_failed");
}

pub(super) fn a_policy_that_cannot_tell_lets_nobody_in(apps: &[App]) {
    let app = with(&apps[0], |builder| builder.registration(Undecided));
    for email in ["error@example.com", "panic@example.com"] {
        let body = json!({ "email": email, "password": "seven plum tractors hum" });
        assert_problem(&app.post("/sign-up", body), 500, "internal");
    }
    assert_eq!(rows(&app, "auth_users"), 0);
}

pub(super) fn an_invitation_is_for_one_address_and_seven_days(apps: &[App]) {
    let app = with(&apps[0], |builder| builder.registration(InvitedOnly));
    let sign_up = |email: &str, invitation: &str| {
        let body = json!({
            "email": email, "password": "seven plum tractors hum", "invitation": invitation
        });
        assert_eq!(app.post("/sign-up", body).status, 202);
        app.mails().len()
    };
    let invite = |email: &str| {
        block_on(app.auth.operator("ada").invite(email)).expect("nobody has the address");
        let mails = app.mails();
        let link = mails[0].link.as_deref().expect("an invitation has a link");
        let (_, invitation) = link.split_once("#invitation=").expect("it is in the fragment");
        invitation.to_owned()
    };
    let invitation = invite("grace@example.com");
    assert_eq!(rows(&app, "auth_users"), 0, "an invitation creates nobody");
    let mut forged = invitation.clone().into_bytes();
    forged[10] ^= 1;
    let forged = String::from_utf8(forged).expect("it is ASCII");
    for (email, invitation) in [
        ("grace@example.com", ""),
        ("grace@example.com", "x"),
        ("grace@example.com", &*forged),
        ("eve@example.com", &*invitation),
    ] {
        assert_eq!(sign_up(email, invitation), 0, "{email} {invitation}");
    }
    assert_eq!(sign_up("Grace@Example.com", &invitation), 1);
    let late = invite("late@example.com");
    app.clock.advance(7 * DAY);
    assert_eq!(sign_up("late@example.com", &late), 0);
}

pub(super) fn what_a_host_writes_at_sign_up_commits_with_the_user(apps: &[App]) {
    let app = with(&apps[0], |builder| builder.on_sign_up(Profiles));
    let id = match app.kind {
        StoreKind::Postgres => "UUID",
        StoreKind::Sqlite => "BLOB",
    };
    app.execute(&format!(
        "CREATE TABLE app_profiles (user_id {id} PRIMARY KEY REFERENCES auth_users (id)
             ON DELETE CASCADE, email TEXT NOT NULL)"
    ));
    if app.kind == StoreKind::Postgres {
        app.execute("GRANT ALL ON app_profiles TO PUBLIC");
    }
    let emails = || {
        let sql = "SELECT email FROM app_profiles ORDER BY email";
        app.texts(sql).into_iter().flatten().collect::<Vec<_>>()
    };
    let sign_up = |email: &str| {
        app.post("/sign-up", json!({ "email": email, "password": "seven plum tractors hum" }))
    };
    assert_eq!(sign_up("ada@example.com").status, 202);
    assert_eq!(sign_up("ada@example.com").status, 202, "an unproven address signs up again");
    assert_eq!(emails(), ["ada@example.com"]);
    let before = rows(&app, "auth_events");
    for email in ["fail@example.com", "panic@example.com"] {
        assert_problem(&sign_up(email), 500, "internal");
        let created = block_on(app.auth.operator("ada").create_user(NewAccount::new(email)));
        assert!(created.is_err());
    }
    assert_eq!(emails(), ["ada@example.com"]);
    assert_eq!(rows(&app, "auth_users"), 1);
    assert_eq!(rows(&app, "auth_messages WHERE recipient <> 'ada@example.com'"), 0);
    assert_eq!(rows(&app, "auth_events"), before);

    let grace =
        block_on(app.auth.operator("ada").create_user(NewAccount::new("grace@example.com")))
            .expect("it is acceptable");
    assert_eq!(emails(), ["ada@example.com", "grace@example.com"]);
    block_on(app.auth.operator("ada").delete(grace.id)).expect("the host's table lets go");
    assert_eq!(emails(), ["ada@example.com"]);
}

/// What is acknowledged and mailed has to be there.
pub(super) fn a_transaction_that_a_host_leaves_open_commits_nothing(apps: &[App]) {
    struct Forgetful;

    #[async_trait]
    impl SignUpHook for Forgetful {
        async fn signed_up(&self, tx: &mut Tx, _: &User) -> Result<(), HookError> {
            if let Some(connection) = tx.postgres() {
                mem::forget(connection.begin().await?);
            }
            Ok(())
        }
    }

    if apps[0].kind == StoreKind::Sqlite {
        return;
    }
    let app = with(&apps[0], |builder| builder.on_sign_up(Forgetful));
    let person = app.stranger();
    let body = json!({ "email": person.email, "password": person.password });
    assert_problem(&app.post("/sign-up", body), 500, "internal");
    assert_eq!((rows(&app, "auth_users"), app.mails().len()), (0, 0));
    app.sign_in(&apps[0].user());
}

pub(super) fn a_token_carries_the_claims_of_the_host(apps: &[App]) {
    let told = Arc::new(Mutex::new(json!({ "tenant": 7, "admin": true })));
    let app = with(&apps[0], |builder| builder.claims(Tenant(Arc::clone(&told))));
    let person = app.user();
    let tokens = app.sign_in(&person);
    let token = claims(&tokens.access);
    assert_eq!((&token["tenant"], &token["admin"]), (&json!(7), &Value::Null), "{token}");
    let mut headers = HeaderMap::new();
    let bearer = HeaderValue::from_str(&format!("Bearer {}", tokens.access)).expect("it is ASCII");
    headers.insert(header::AUTHORIZATION, bearer);
    let identity = block_on(app.auth.identify(&Method::GET, &headers)).expect("it is good");
    assert_eq!(Value::Object(identity.claims), json!({ "tenant": 7 }));

    *told.lock().expect("nobody panics with it") = json!({ "tenant": 8 });
    let next = App::tokens(&refresh(&app, &tokens.refresh));
    assert_eq!(claims(&next.access)["tenant"], 8, "a refresh asks again");

    let authenticator = app.enable_two_factor(&next);
    let other = app.user();
    let live = "auth_sessions WHERE revoked_at IS NULL";
    let (before, clock) = (rows(&app, live), &app.clock);
    for wrong in [json!({ "tenant": "x".repeat(1024) }), json!("panic"), json!("error")] {
        *told.lock().expect("nobody panics with it") = wrong;
        let body = json!({ "email": other.email, "password": other.password });
        assert_problem(&app.post("/sign-in", body), 500, "internal");
        let body = json!({ "email": person.email, "password": person.password });
        let challenge = app.post("/sign-in", body).json()["mfa_token"].clone();
        clock.advance(Duration::from_secs(30));
        let code = json!({ "mfa_token": challenge, "code": app.code(&authenticator) });
        assert_problem(&app.post("/sign-in-mfa", code), 500, "internal");
        assert_eq!(rows(&app, live), before, "nobody would hold its tokens");
    }
    *told.lock().expect("nobody panics with it") = json!({});
    app.sign_in(&other);
}

pub(super) fn a_claim_with_a_meaning_of_its_own_refuses_to_start(apps: &[App]) {
    let app = &apps[0];
    for names in [&["sub"][..], &["tenant", "amr"], &[""]] {
        let store = block_on(open(app));
        let secret = MasterSecret::new((0..32).collect()).expect("it is long enough");
        let builder = Auth::builder(App::config(), store, secret).clock(app.clock.clone());
        let error = block_on(builder.claims(Named(names)).build()).expect_err("it is reserved");
        assert!(error.to_string().contains("claims"), "{error}");
    }
}

pub(super) fn listeners_hear_what_has_happened_and_nothing_else(apps: &[App]) {
    let (sender, heard) = channel();
    let app = with(&apps[0], |builder| {
        builder.listener(Panics).listener(Tells(sender)).on_sign_up(Profiles)
    });
    let next = || heard.recv_timeout(Duration::from_secs(30)).expect("a listener is told");
    let failing = json!({ "email": "fail@example.com", "password": "seven plum tractors hum" });
    assert_problem(&app.post("/sign-up", failing), 500, "internal");
    block_on(app.auth.operator("ada").invite("grace@example.com")).expect("nobody has it");
    assert_eq!(next(), ["authn_token_created"]);
    // It may ask for what it has been told of: that is committed.
    assert_eq!(rows(&app, "auth_events WHERE kind = 'authn_token_created'"), 1);
    let operator = app.auth.operator("ada");
    let nobody = "0190a5e0-0000-7000-8000-000000000000".parse().expect("it is an id");
    assert!(block_on(operator.disable(nobody)).is_err());
    let wrong = json!({ "email": "eve@example.com", "password": "seven plum tractors hum" });
    assert_problem(&app.post("/sign-in", wrong), 401, "invalid_credentials");
    assert_eq!(next(), ["authn_login_fail"]);
    assert!(heard.try_recv().is_err(), "what was rolled back is not told");
}

fn with(app: &App, parts: impl FnOnce(Builder) -> Builder) -> App {
    app.beside(App::config(), parts)
}

async fn open(app: &App) -> Store {
    match app.kind {
        StoreKind::Postgres => Store::postgres(app.database_url()).await,
        StoreKind::Sqlite => Store::sqlite(app.database_url()).await,
    }
    .expect("the trial's database opens")
}

struct Undecided;

#[async_trait]
impl RegistrationPolicy for Undecided {
    async fn allows(&self, registration: &Registration<'_>) -> Result<bool, HookError> {
        assert_ne!(registration.email.canonical(), "panic@example.com", "on purpose");
        Err("it cannot be told".into())
    }
}

/// Keeps a row of the host's beside each user.
struct Profiles;

#[async_trait]
impl SignUpHook for Profiles {
    async fn signed_up(&self, tx: &mut Tx, user: &User) -> Result<(), HookError> {
        let sql = "INSERT INTO app_profiles VALUES ($1, $2)";
        if user.email == "panic@example.com" {
            panic!("on purpose");
        }
        if let Some(connection) = tx.postgres() {
            sqlx::query(sql).bind(user.id).bind(&user.email).execute(connection).await?;
        } else if let Some(connection) = tx.sqlite() {
            sqlx::query(sql).bind(user.id).bind(&user.email).execute(connection).await?;
        }
        if user.email == "fail@example.com" { Err("on purpose".into()) } else { Ok(()) }
    }
}

struct Tenant(Arc<Mutex<Value>>);

#[async_trait]
impl Claims for Tenant {
    fn names(&self) -> &'static [&'static str] {
        &["tenant"]
    }

    async fn claims(&self, _: &User) -> Result<Map<String, Value>, HookError> {
        let told = self.0.lock().expect("nobody panics with it").clone();
        assert_ne!(told, "panic", "on purpose");
        told.as_object().cloned().ok_or_else(|| "on purpose".into())
    }
}

struct Named(&'static [&'static str]);

#[async_trait]
impl Claims for Named {
    fn names(&self) -> &'static [&'static str] {
        self.0
    }

    async fn claims(&self, _: &User) -> Result<Map<String, Value>, HookError> {
        Ok(Map::new())
    }
}

struct Panics;

#[async_trait]
impl EventListener for Panics {
    async fn heard(&self, _: &[Event]) {
        panic!("on purpose");
    }
}

struct Tells(Sender<Vec<&'static str>>);

#[async_trait]
impl EventListener for Tells {
    async fn heard(&self, events: &[Event]) {
        let _ = self.0.send(events.iter().map(|event| event.kind.as_str()).collect());
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
