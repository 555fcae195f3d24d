//! What is written down of every step.

use std::time::Duration;

use auth_core::{Clock, Event, EventId, EventQuery};
use serde_json::{Value, json};

use super::operators::id_of;
use super::probes::{OTHER_PASSWORD, refresh, reset_token, try_sign_in};
use crate::adapters::block_on;
use crate::{App, Request};

pub(super) fn each_step_is_written_down(apps: &[App]) {
    let app = &apps[0];
    let mut log = Log::of(app);
    let person = app.stranger();
    app.sign_up(&person);
    let id = id_of(app, &person);
    log.expect(&["user_created sign_up", "authn_token_created activation"]);
    app.sign_up(&person);
    log.expect(&["user_updated signed_up_again", "authn_token_created activation"]);
    app.post("/sign-in", json!({ "email": person.email, "password": person.password }));
    log.expect(&["authn_login_fail password"]);
    app.mails();
    app.post("/send-activation-email", json!({ "email": person.email }));
    log.expect(&["authn_token_created activation"]);
    let token = app.mailed_token(&person.email);
    app.post("/activate-account", json!({ "token": token, "password": person.password }));
    log.expect(&["user_activated ", "authn_password_change activation"]);
    app.sign_up(&person);
    log.expect(&["user_refused taken"]);
    let nobody = log.all_are_of(id);
    assert_eq!(nobody, 0, "whoever can be named is named");

    try_sign_in(app, "nobody@example.com", "wrong");
    app.post("/request-password-reset", json!({ "email": "nobody@example.com" }));
    log.expect(&["authn_login_fail password", "authn_token_created password_reset"]);
    try_sign_in(app, &person.email, "wrong");
    log.expect(&["authn_login_fail password"]);
    let tokens = app.sign_in(&person);
    log.expect(&["authn_login_success pwd"]);
    let first = App::tokens(&refresh(app, &tokens.refresh));
    app.get("/me", Some(&first.access));
    log.expect(&[]);
    let wrong = json!({ "password": "wrong" });
    app.post_as(&first.access, "/reauthenticate", wrong);
    log.expect(&["authn_login_fail password"]);
    let body = json!({ "password": person.password });
    let own = App::tokens(&app.post_as(&first.access, "/reauthenticate", body));
    log.expect(&["session_renewed pwd"]);

    let other = app.sign_in(&person);
    let authenticator = app.enable_two_factor(&own);
    log.expect(&["authn_login_success pwd", "session_revoked factors_changed", "mfa_enabled "]);
    refresh(app, &other.refresh);
    log.expect(&[]);
    let body = json!({ "email": person.email, "password": person.password });
    let challenge = app.post("/sign-in", body).json()["mfa_token"].clone();
    let code = |code: &str| json!({ "mfa_token": challenge, "code": code });
    app.post("/sign-in-mfa", code("000000"));
    log.expect(&["authn_login_fail code"]);
    let second = App::tokens(&app.post("/sign-in-mfa", code(&authenticator.recovery_codes[0])));
    log.expect(&["recovery_code_used ", "authn_login_success pwd mfa"]);
    app.clock.advance(Duration::from_secs(30));
    let code = json!({ "code": app.code(&authenticator) });
    let reply = app.post_as(&own.access, "/recovery-codes", code);
    log.expect(&["recovery_codes_replaced "]);
    let code = json!({ "code": reply.json()["recovery_codes"][0] });
    app.post_as(&own.access, "/disable-2fa", code);
    log.expect(&["recovery_code_used ", "session_revoked factors_changed", "mfa_disabled "]);
    refresh(app, &second.refresh);

    let third = app.sign_in(&person);
    app.post_as(&own.access, "/sessions/revoke", json!({ "others": true }));
    log.expect(&["authn_login_success pwd", "session_revoked revoked"]);
    refresh(app, &third.refresh);
    let third = app.sign_in(&person);
    let listed = app.get("/sessions", Some(&third.access)).json();
    let is_current = |one: &&Value| one["current"] == true;
    let third = listed["sessions"].as_array().and_then(|all| all.iter().find(is_current));
    let third = json!({ "id": third.expect("it is listed")["id"] });
    app.post_as(&own.access, "/sessions/revoke", third);
    log.expect(&["authn_login_success pwd", "session_revoked revoked"]);
    let next = App::tokens(&refresh(app, &own.refresh));
    App::tokens(&refresh(app, &next.refresh));
    refresh(app, &own.refresh);
    log.expect(&["authn_token_reuse ", "session_revoked reuse"]);
    let last = app.sign_in(&person);
    app.post("/sign-out", json!({ "refresh_token": last.refresh }));
    log.expect(&["authn_login_success pwd", "session_revoked sign_out"]);
    let last = app.sign_in(&person);
    app.mails();
    let token = reset_token(app, &person);
    app.post("/reset-password", json!({ "token": token, "password": OTHER_PASSWORD }));
    log.expect(&[
        "authn_login_success pwd",
        "authn_token_created password_reset",
        "session_revoked password_changed",
        "authn_password_change reset",
    ]);
    refresh(app, &last.refresh);
    log.expect(&[]);
}

pub(super) fn each_change_of_an_account_is_written_down(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let (tokens, other) = (app.sign_in(&person), app.sign_in(&person));
    let mut log = Log::of(app);
    let passwords = |current: &str| {
        let body = json!({ "current_password": current, "new_password": OTHER_PASSWORD });
        app.post_as(&tokens.access, "/change-password", body)
    };
    assert_eq!(passwords("wrong").status, 401);
    log.expect(&["authn_password_change_fail password"]);
    let tokens = App::tokens(&passwords(&person.password));
    let post = |path, body| app.post_as(&tokens.access, path, body);
    log.expect(&["session_revoked password_changed", "authn_password_change change"]);
    refresh(app, &other.refresh);
    let claimant = app.stranger();
    app.sign_up(&claimant);
    app.mails();
    let new_email = claimant.email;
    post("/change-email", json!({ "new_email": new_email }));
    log.expect(&[
        "user_created sign_up",
        "authn_token_created activation",
        "authn_token_created email_change",
    ]);
    let token = app.mailed_token(&new_email);
    app.post("/confirm-email-change", json!({ "token": token }));
    log.expect(&["user_deleted unproven", "user_updated email"]);
    post("/change-language", json!({ "language": "fr" }));
    log.expect(&["user_updated language"]);
    let gone = app.send(&Request::new("DELETE", "/me").bearer(&tokens.access));
    assert_eq!(gone.status, 204);
    log.expect(&["session_revoked deleted", "user_deleted "]);
}

pub(super) fn a_limit_that_is_reached_is_written_down(apps: &[App]) {
    let app = apps[0].beside(App::config().wrong_codes(1_u32).mails_per_hour(1_u32), |it| it);
    // Ids of two instances are in order from one millisecond to the next.
    app.clock.advance(Duration::from_secs(1));
    let person = app.user();
    let authenticator = app.enable_two_factor(&app.sign_in(&person));
    let mut log = Log::of(&app);
    let challenge = || {
        let body = json!({ "email": person.email, "password": person.password });
        app.post("/sign-in", body).json()["mfa_token"].clone()
    };
    app.post("/sign-in-mfa", json!({ "mfa_token": challenge(), "code": "000000" }));
    let code = &authenticator.recovery_codes[0];
    app.post("/sign-in-mfa", json!({ "mfa_token": challenge(), "code": code }));
    log.expect(&["authn_login_fail code", "excess_rate_limit_exceeded wrong_codes"]);
    let stranger = app.stranger();
    app.sign_up(&stranger);
    app.sign_up(&stranger);
    log.expect(&[
        "user_created sign_up",
        "authn_token_created activation",
        "excess_rate_limit_exceeded mails",
    ]);
    app.post("/send-activation-email", json!({ "email": stranger.email }));
    log.expect(&["excess_rate_limit_exceeded mails"]);
    let tokens = app.sign_in(&app.user());
    log.read();
    for _ in 0..2 {
        let body = json!({ "new_email": app.stranger().email });
        app.post_as(&tokens.access, "/change-email", body);
    }
    let refused = "excess_rate_limit_exceeded email_changes";
    log.expect(&["authn_token_created email_change", refused]);
    let wanted = json!({ "new_email": app.stranger().email });
    let both = [app.sign_in(&app.user()), app.sign_in(&app.user())];
    log.read();
    for tokens in both {
        app.post_as(&tokens.access, "/change-email", wanted.clone());
    }
    log.expect(&["authn_token_created email_change", "excess_rate_limit_exceeded mails"]);
}

pub(super) fn a_wrong_first_code_is_written_down(apps: &[App]) {
    let app = &apps[0];
    let tokens = app.sign_in(&app.user());
    app.post_as(&tokens.access, "/enable-2fa", json!({}));
    let mut log = Log::of(app);
    app.post_as(&tokens.access, "/confirm-2fa", json!({ "code": "000000" }));
    log.expect(&["authn_login_fail code"]);
}

pub(super) fn a_session_that_makes_room_is_written_down(apps: &[App]) {
    let app = apps[0].beside(App::config().sessions_per_user(1_u32), |it| it);
    app.clock.advance(Duration::from_secs(1));
    let person = app.user();
    app.sign_in(&person);
    let mut log = Log::of(&app);
    app.sign_in(&person);
    log.expect(&["authn_login_success pwd", "session_revoked too_many"]);
}

pub(super) fn a_reset_that_proves_the_mailbox_first_is_written_down_as_that(apps: &[App]) {
    let app = &apps[0];
    let person = app.stranger();
    app.sign_up(&person);
    app.mails();
    let token = reset_token(app, &person);
    let mut log = Log::of(app);
    app.post("/reset-password", json!({ "token": token, "password": OTHER_PASSWORD }));
    log.expect(&["authn_password_change reset", "user_activated "]);
}

pub(super) fn an_event_says_who_and_from_where_and_nothing_personal(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let body = json!({ "email": person.email, "password": person.password });
    let request = Request::post("/sign-in", &body).header("user-agent", "curl/8.14.1");
    let tokens = App::tokens(&app.send(&request.header("x-request-id", "a-7")));
    let id = id_of(app, &person);
    let query = EventQuery::new().user(id).limit(1);
    let event = block_on(app.auth.events(&query)).expect("the database answers").remove(0);
    let event = serde_json::to_value(event).expect("it is data");
    assert_eq!(event["kind"], "authn_login_success");
    assert_eq!(event["actor"], "user");
    assert_eq!(event["user_id"], id.to_string());
    assert_eq!(event["session_id"], super::probes::claims(&tokens.access)["sid"]);
    assert_eq!((&event["ip"], &event["user_agent"]), (&json!("127.0.0.1"), &json!("curl/8.14.1")));
    assert_eq!(event["detail"], json!({ "amr": "pwd", "request_id": "a-7" }));
    assert_eq!(event["occurred_at"], "2023-11-14T22:13:20Z");
    try_sign_in(app, &person.email, "a wrong password");
    let all = block_on(app.auth.events(&EventQuery::new().limit(1000)));
    let all = serde_json::to_string(&all.expect("the database answers")).expect("it is data");
    for secret in [&*person.email, &*person.password, "a wrong password", &*tokens.refresh] {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
}

pub(super) fn a_session_that_goes_on_in_another_program_is_written_down_once(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let tokens = app.sign_in(&person);
    let mut log = Log::of(app);
    let refreshed = |token: &str, user_agent: &str| {
        let request = Request::post("/access", &json!({ "refresh_token": token }));
        App::tokens(&app.send(&request.header("user-agent", user_agent)))
    };
    let next = refreshed(&tokens.refresh, "curl/8.14.1");
    log.expect(&["session_client_changed "]);
    let next = refreshed(&next.refresh, "curl/8.14.1");
    log.expect(&[]);
    let next = refreshed(&next.refresh, "Wget/1.25");
    log.expect(&["session_client_changed curl/8.14.1"]);
    let sessions = app.get("/sessions", Some(&next.access)).json();
    assert_eq!(sessions["sessions"][0]["user_agent"], "Wget/1.25");
}

pub(super) fn an_event_is_never_changed(apps: &[App]) {
    let app = &apps[0];
    app.user();
    let error = app.refused("UPDATE auth_events SET user_id = NULL");
    assert!(error.contains("an event is never changed"), "{error}");
    let deleted = app.execute("DELETE FROM auth_events WHERE kind = 'user_created'");
    assert_eq!(deleted, 1, "what is too old goes");
}

pub(super) fn events_are_found_by_user_kind_and_time(apps: &[App]) {
    let app = &apps[0];
    let person = app.user();
    let id = id_of(app, &person);
    app.clock.advance(Duration::from_secs(60));
    let later = app.clock.now();
    app.sign_in(&person);
    app.sign_in(&app.user());
    let find = |query: EventQuery| block_on(app.auth.events(&query)).expect("the database answers");
    let all = find(EventQuery::new());
    assert!(all.is_sorted_by(|first, second| first.id > second.id));
    assert_eq!(find(EventQuery::new().user(id)).len(), 4);
    assert_eq!(find(EventQuery::new().user(id).since(later)).len(), 1);
    let kind = auth_core::EventKind::AuthnLoginSuccess;
    assert_eq!(find(EventQuery::new().kind(kind)).len(), 2);
    let mut paged: Vec<Event> = find(EventQuery::new().limit(3));
    while let Some(last) = paged.last().map(|event| event.id) {
        let page = find(EventQuery::new().limit(3).before(last));
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

/// Reads what was written down since the last time.
struct Log<'a> {
    app: &'a App,
    last: Option<EventId>,
    seen: Vec<Event>,
}

impl<'a> Log<'a> {
    fn of(app: &'a App) -> Self {
        let mut log = Self { app, last: None, seen: Vec::new() };
        log.read();
        log.seen.clear();
        log
    }

    /// What is new, the earliest first.
    fn read(&mut self) -> Vec<Event> {
        let query = EventQuery::new().limit(1000);
        let mut events = block_on(self.app.auth.events(&query)).expect("the database answers");
        events.retain(|event| self.last.is_none_or(|last| event.id > last));
        events.reverse();
        self.last = events.last().map(|event| event.id).or(self.last);
        self.seen.extend(events.iter().cloned());
        events
    }

    /// Asserts which events are new, with what their detail says.
    #[track_caller]
    fn expect(&mut self, expected: &[&str]) {
        let events: Vec<_> = self
            .read()
            .iter()
            .map(|event| {
                let mut said = event.detail.iter().filter(|(name, _)| *name != "request_id");
                let detail = said.find_map(|(_, value)| value.as_str());
                format!("{} {}", event.kind, detail.unwrap_or_default())
            })
            .collect();
        assert_eq!(events, expected);
    }

    /// How many of what was seen so far are of nobody; the others are of that user.
    #[track_caller]
    fn all_are_of(&self, id: auth_core::UserId) -> usize {
        let of: Vec<_> = self.seen.iter().filter_map(|event| event.user_id).collect();
        assert!(of.iter().all(|user| *user == id), "{of:?}");
        self.seen.len() - of.len()
    }
}
