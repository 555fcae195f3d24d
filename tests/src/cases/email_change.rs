use std::thread;
use std::time::Duration;

use auth_core::{AccessToken, MessageKind};
use serde_json::json;

use super::assertions::assert_problem;
use super::counting::{assert_only, assert_tally, rows, tally};
use super::probes::{
    OTHER_PASSWORD, assert_alike, assert_live, assert_refused, reset_token, try_sign_in,
};
use crate::adapters::block_on;
use crate::{App, Person, Reply, Request, StoreKind, Tokens};

pub(super) fn the_link_gives_the_account_its_new_address(app: &App) {
    let person = app.user();
    let (tokens, other) = (app.sign_in(&person), app.sign_in(&person));
    let new = moved(app, &person);
    let asked = ask(app, &tokens, &new.email);
    assert_eq!((asked.status, asked.json()), (202, json!({ "status": "accepted" })));
    let mut mails = app.mails();
    mails.sort_by_key(|mail| mail.kind.as_str());
    let [link, notice] = &mails[..] else { panic!("two mails come, not {}", mails.len()) };
    assert_eq!((link.kind, &link.to), (MessageKind::EmailChange, &new.email));
    let expected = (MessageKind::EmailChangeRequested, &person.email);
    assert_eq!((notice.kind, &notice.to), expected);
    assert!(!notice.text.contains(&new.email), "whoever reads the old mailbox learns no other");
    // Nothing has changed yet.
    assert_eq!(app.get("/me", Some(&tokens.access)).json()["email"], person.email);
    app.sign_in(&person);

    let token = App::token_of(link);
    let reply = confirm(app, &token);
    assert_eq!((reply.status, reply.json()), (200, json!({ "status": "email_changed" })));
    assert_problem(&confirm(app, &token), 400, "invalid_token");
    let told = app.mails();
    let told: Vec<_> = told.iter().map(|mail| (mail.kind, &*mail.to)).collect();
    assert_eq!(told, [(MessageKind::EmailChanged, &*person.email)]);
    app.sign_in(&new);
    assert_problem(&try_sign_in(app, &person.email, &person.password), 401, "invalid_credentials");
    // Who was signed in still is.
    assert_live(app, &other);
    assert_eq!(app.get("/me", Some(&tokens.access)).json()["email"], new.email);
}

pub(super) fn a_failure_of_the_database_costs_no_link(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let new = moved(app, &person);
    let token = link(app, &tokens, &new);
    app.whenever("UPDATE OF email ON auth_users", "TRUE", "INSERT INTO app_nowhere VALUES (1)");
    assert_problem(&confirm(app, &token), 500, "internal");
    app.no_longer();
    assert_eq!(confirm(app, &token).status, 200);
    app.sign_in(&new);
}

/// Result, mails to oneself, and what becomes of an older link: nothing tells.
pub(super) fn nobody_learns_whether_an_address_is_taken(app: &App) {
    let (person, owner) = (app.user(), app.user());
    let tokens = app.sign_in(&person);
    let free = app.stranger();
    let mut replies = Vec::new();
    for target in [&free, &owner] {
        let older = link(app, &tokens, &app.stranger());
        replies.push(ask(app, &tokens, &target.email));
        let mails = app.mails();
        let told: Vec<_> = mails.iter().filter(|mail| mail.to == person.email).collect();
        assert_eq!(told.len(), 1, "{}", target.email);
        assert_problem(&confirm(app, &older), 400, "invalid_token");
        let mailed = mails.iter().find(|mail| mail.to == target.email).expect("a mail came");
        match mailed.kind {
            MessageKind::EmailChange => assert_eq!(target, &free),
            kind => assert_eq!((kind, target), (MessageKind::AlreadyRegistered, &owner)),
        }
    }
    assert_alike(&replies);
}

pub(super) fn what_is_no_other_address_is_refused(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    for (new, code) in [("", "required"), ("nobody", "invalid"), (&*person.email, "unchanged")] {
        assert_refused(&ask(app, &tokens, new), "#/new_email", code);
    }
    assert_refused(&confirm(app, ""), "#/token", "required");
    assert_eq!(app.mails().len(), 0);
    // Another spelling of the same mailbox is a change like any other.
    let spelt = Person { email: person.email.replacen('p', "P", 1), ..person.clone() };
    let token = link(app, &tokens, &spelt);
    assert_eq!(confirm(app, &token).status, 200);
    assert_eq!(app.get("/me", Some(&tokens.access)).json()["email"], spelt.email);
    app.sign_in(&person);
}

pub(super) fn it_takes_a_recent_sign_in_and_so_many_an_hour(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    for _ in 0..5 {
        assert_eq!(ask(app, &tokens, &app.stranger().email).status, 202);
    }
    let refused = ask(app, &tokens, &app.stranger().email);
    assert_eq!(assert_problem(&refused, 429, "too_many_requests")["retry_after"], 3600);
    assert_eq!(app.mails().len(), 10);
    app.clock.advance(Duration::from_secs(5 * 60 + 1));
    let late = ask(app, &tokens, &app.stranger().email);
    assert_problem(&late, 403, "reauthentication_required");
    let nobody = app.post("/change-email", json!({ "new_email": app.stranger().email }));
    assert_problem(&nobody, 401, "unauthenticated");
}

pub(super) fn a_link_dies_with_what_it_was_issued_for(app: &App) {
    for end in ["password", "time", "disabled", "deleted"] {
        let person = app.user();
        let tokens = app.sign_in(&person);
        let new = app.stranger();
        let token = link(app, &tokens, &new);
        match end {
            "password" => {
                let new = OTHER_PASSWORD;
                let body = json!({ "current_password": person.password, "new_password": new });
                assert_eq!(app.post_as(&tokens.access, "/change-password", body).status, 200);
            }
            "time" => app.clock.advance(Duration::from_secs(60 * 60)),
            "disabled" => {
                let whose = format!("WHERE email = '{}'", person.email);
                app.execute(&format!("UPDATE auth_users SET disabled_at = created_at {whose}"));
            }
            _ => {
                let delete = Request::new("DELETE", "/me").bearer(&tokens.access);
                assert_eq!(app.send(&delete).status, 204);
            }
        }
        assert_problem(&confirm(app, &token), 400, "invalid_token");
        assert_eq!(rows(app, &format!("auth_users WHERE email = '{}'", new.email)), 0, "{end}");
        app.mails();
    }
}

pub(super) fn an_address_that_is_taken_meanwhile_stays_whose_it_is(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let rival = app.stranger();
    let token = link(app, &tokens, &rival);
    app.sign_up(&rival);
    let activation = app.mailed_token(&rival.email);
    assert_eq!(app.post("/activate-account", json!({ "token": activation })).status, 200);
    assert_problem(&confirm(app, &token), 400, "invalid_token");
    app.sign_in(&rival);
    app.sign_in(&person);
}

/// Who signed up with an address and never proved it keeps nobody from it who does.
pub(super) fn an_unproven_claim_gives_way_to_a_proof(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let squatter = app.stranger();
    app.sign_up(&squatter);
    let activation = app.mailed_token(&squatter.email);
    let token = link(app, &tokens, &squatter);
    assert_eq!(confirm(app, &token).status, 200);
    let reply = app.post("/activate-account", json!({ "token": activation }));
    assert_problem(&reply, 400, "invalid_token");
    app.sign_in(&Person { email: squatter.email.clone(), ..person });
    assert_eq!(rows(app, &format!("auth_users WHERE email = '{}'", squatter.email)), 1);
}

pub(super) fn no_older_link_survives_and_changing_back_revives_none(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let of_reset = reset_token(app, &person);
    let new = moved(app, &person);
    let there = link(app, &tokens, &new);
    assert_eq!(confirm(app, &there).status, 200);
    let reset =
        || app.post("/reset-password", json!({ "token": of_reset, "password": OTHER_PASSWORD }));
    assert_problem(&reset(), 400, "invalid_token");
    let back = link(app, &tokens, &person);
    assert_eq!(confirm(app, &back).status, 200);
    assert_problem(&reset(), 400, "invalid_token");
    app.sign_in(&person);
}

/// The address and the token that proves it are written together (CVE-2026-32700).
pub(super) fn of_many_requests_each_link_proves_its_own_address(app: &App) {
    let config = App::config().mails_per_hour(100_u32).mails_per_day(100_u32);
    let app = &app.beside(config, |builder| builder);
    let person = app.user();
    let tokens = app.sign_in(&person);
    for _ in 0..3 {
        let targets: Vec<Person> = (0..12).map(|_| moved(app, &person)).collect();
        let replies = app.race(12, |number| {
            let body = json!({ "new_email": targets[number].email });
            Request::post("/change-email", &body).bearer(&tokens.access)
        });
        assert_tally(&replies, &[("202", 12)]);
        let mails = app.mails();
        let links: Vec<_> = mails.iter().filter(|mail| mail.link.is_some()).collect();
        assert_eq!(links.len(), 12);
        let good: Vec<_> = links
            .iter()
            .filter(|mail| confirm(app, &App::token_of(mail)).status == 200)
            .map(|mail| &mail.to)
            .collect();
        let [address] = good[..] else { panic!("{} links were good", good.len()) };
        assert_eq!(&app.get("/me", Some(&tokens.access)).json()["email"], address);
        app.mails();
    }
}

/// A sign-up, two accounts and a double click want the same address: one gets it.
pub(super) fn of_many_who_want_an_address_one_gets_it(app: &App) {
    for _ in 0..3 {
        let (first, second, wanted) = (app.user(), app.user(), app.stranger());
        let tokens = [app.sign_in(&first), app.sign_in(&second)];
        let links = [0, 1].map(|number| link(app, &tokens[number], &wanted));
        let sign_up = json!({ "email": wanted.email, "password": wanted.password });
        let replies = app.race(12, |number| match number % 6 {
            5 => Request::post("/sign-up", &sign_up),
            number => {
                let body = json!({ "token": links[number % 2] });
                Request::post("/confirm-email-change", &body)
            }
        });
        assert_only(&replies, &["200", "202", "400 invalid_token"]);
        assert_eq!(tally(&replies).get("200"), Some(&1), "{:?}", tally(&replies));
        assert_eq!(rows(app, &format!("auth_users WHERE email = '{}'", wanted.email)), 1);
        let users = tokens.map(|tokens| app.get("/me", Some(&tokens.access)).json());
        let holders = users.iter().filter(|user| user["email"] == *wanted.email).count();
        assert_eq!(holders, 1, "{users:?}");
        app.mails();
    }
}

/// Whoever reads the old mailbox asks for a link while the user moves out.
pub(super) fn no_reset_link_reaches_the_mailbox_that_is_left(app: &App) {
    for _ in 0..4 {
        let person = app.user();
        let new = moved(app, &person);
        let token = link(app, &app.sign_in(&person), &new);
        let replies = app.race(6, |number| match number {
            2 => Request::post("/confirm-email-change", &json!({ "token": token })),
            _ => Request::post("/request-password-reset", &json!({ "email": person.email })),
        });
        assert_tally(&replies, &[("200", 1), ("202", 5)]);
        let mails = app.mails();
        for mail in mails.iter().filter(|mail| mail.kind == MessageKind::PasswordReset) {
            assert_eq!(mail.to, person.email);
            let reset = json!({ "token": App::token_of(mail), "password": OTHER_PASSWORD });
            assert_problem(&app.post("/reset-password", reset), 400, "invalid_token");
        }
        app.sign_in(&new);
    }
}

/// A request that is under way read the user before; its notice goes to the address of now.
pub(super) fn a_notice_reaches_who_has_moved_meanwhile(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let access = AccessToken::from(tokens.access.as_str());
    let session = block_on(app.auth.session(&access)).expect("the session is live");
    let new = moved(app, &person);
    let token = link(app, &tokens, &new);
    assert_eq!(confirm(app, &token).status, 200);
    app.mails();

    let third = app.stranger();
    block_on(app.auth.change_email(&session, &third.email)).expect("it was a recent sign-in");
    block_on(app.auth.delete_user(&session)).expect("there is such a user");
    let mut told: Vec<_> = app.mails().iter().map(|mail| (mail.kind, mail.to.clone())).collect();
    told.retain(|(kind, _)| *kind != MessageKind::EmailChange);
    told.sort_by_key(|(kind, _)| kind.as_str());
    let kinds = [MessageKind::AccountDeleted, MessageKind::EmailChangeRequested];
    assert_eq!(told, kinds.map(|kind| (kind, new.email.clone())));
}

/// Both lock who moves and who claims the new address without a proof, in the order of their ids: a
/// deadlock would be an answer of 503.
pub(super) fn a_change_and_a_sign_up_do_not_stand_in_each_others_way(app: &App) {
    if app.kind == StoreKind::Sqlite {
        return; // It has one writer.
    }
    let squatter = app.stranger();
    let sign_up = |email: &str| {
        let (password, name) = (&squatter.password, "squatter");
        Request::post(
            "/sign-up",
            &json!({ "email": email, "password": password, "username": name }),
        )
    };
    assert_eq!(app.send(&sign_up(&squatter.email)).status, 202);
    // The name is nobody's any more.
    app.clock.advance(Duration::from_secs(25 * 60 * 60));
    let person = app.user();
    let token = link(app, &app.sign_in(&person), &squatter);
    let waiting = "SELECT 1 FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let until_two_wait = format!(
        "DO $$ BEGIN
             PERFORM 1 FROM auth_users WHERE email = '{}' FOR UPDATE;
             FOR i IN 1..10000 LOOP
                 PERFORM pg_stat_clear_snapshot(), pg_sleep(0.001);
                 EXIT WHEN (SELECT COUNT(*) FROM ({waiting}) waiting) >= 2;
             END LOOP;
         END $$",
        squatter.email
    );
    let replies = thread::scope(|scope| {
        scope.spawn(|| app.execute(&until_two_wait));
        let held = "SELECT 'held' FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event = 'PgSleep'";
        while app.texts(held).is_empty() {}
        let first = scope.spawn(|| app.send(&sign_up(&person.email)));
        while app.texts(&waiting.replace('1', "'waits'")).is_empty() {}
        let second = confirm(app, &token);
        [first.join().expect("it is answered"), second]
    });
    assert_tally(&replies, &[("200", 1), ("202", 1)]);
}

fn ask(app: &App, tokens: &Tokens, new_email: &str) -> Reply {
    app.post_as(&tokens.access, "/change-email", json!({ "new_email": new_email }))
}

fn confirm(app: &App, token: &str) -> Reply {
    app.post("/confirm-email-change", json!({ "token": token }))
}

/// Asks for the address of `new`, and returns the token that was mailed there.
#[track_caller]
fn link(app: &App, tokens: &Tokens, new: &Person) -> String {
    let reply = ask(app, tokens, &new.email);
    assert_eq!(reply.status, 202, "{}", reply.text());
    let mails = app.mails();
    let mail = mails.iter().find(|mail| mail.kind == MessageKind::EmailChange);
    let mail = mail.expect("a link came");
    assert_eq!(mail.to, new.email);
    App::token_of(mail)
}

/// The same person with an address that nobody has.
fn moved(app: &App, person: &Person) -> Person {
    Person { email: app.stranger().email, ..person.clone() }
}
