//! How often a client network may ask, and how often a password may be guessed.

use std::time::Duration;

use auth_core::{Auth, Builder, Config, EventKind, EventQuery, Limit};
use serde_json::{Value, json};

use super::counting::{assert_only, assert_tally, tally};
use super::documentation::rows;
use crate::adapters::block_on;
use crate::{App, Person, Reply, Request};

pub(super) fn a_network_has_so_many_requests_a_minute(apps: &[App]) {
    let config = behind_a_proxy(App::config());
    let config = config.sign_ins(3_u32).sign_ups(3_u32).mail_requests(3_u32);
    limited_requests(&apps[0].beside(config, |builder| builder));
}

pub(super) fn each_kind_of_request_has_a_limit_of_its_own(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    for _ in 0..4 {
        from(&app, HERE, "/sign-up", &json!({}));
    }
    assert_eq!(from(&app, HERE, "/sign-up", &json!({})).status, 429);
    assert_eq!(from(&app, HERE, "/sign-in", &json!({})).status, 422);
}

pub(super) fn what_a_client_says_of_itself_makes_it_nobody_else(apps: &[App]) {
    let config = App::config().sign_ups(3_u32);
    let app = apps[0].beside(config, |builder| builder);
    let statuses = (0..6).map(|number| {
        let forged = format!("198.51.100.{number}");
        from(&app, &forged, "/sign-up", &json!({})).status
    });
    assert_eq!(statuses.collect::<Vec<_>>(), [422, 422, 422, 429, 429, 429]);
}

pub(super) fn an_address_of_ipv6_is_its_subscribers_network(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let statuses = (0..4).map(|number| {
        from(&app, &format!("2001:db8:7:7:{number}::1"), "/sign-up", &json!({})).status
    });
    assert_eq!(statuses.collect::<Vec<_>>(), [422, 422, 422, 429]);
    assert_eq!(from(&app, "2001:db8:7:8::1", "/sign-up", &json!({})).status, 422);
}

pub(super) fn instances_share_every_budget_and_none_admits_more(apps: &[App]) {
    share_budgets(&apps[0], |builder| builder);
}

pub(super) fn guesses_from_one_network_wait_longer_and_longer(apps: &[App]) {
    guess_from_one_network(&limited(&apps[0], |builder| builder));
}

pub(super) fn ones_own_success_clears_no_other_count(apps: &[App]) {
    let config = behind_a_proxy(App::config()).sign_ins(12_u32);
    let app = apps[0].beside(config, |builder| builder);
    let (victim, own) = (app.user(), app.user());
    for _ in 0..5 {
        assert_eq!(guess(&app, &victim, HERE).status, 401);
        assert_eq!(sign_in(&app, &own, HERE).status, 200);
    }
    assert_eq!(guess(&app, &victim, HERE).header("retry-after"), "1");
    assert_eq!(sign_in(&app, &own, HERE).status, 200);
    assert_eq!(sign_in(&app, &own, HERE).header("retry-after"), "60");
}

pub(super) fn a_refusal_is_the_same_for_somebody_and_nobody(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let somebody = app.user();
    let nobody = app.stranger();
    let refused = |person: &Person, address: &str| {
        for _ in 0..5 {
            assert_eq!(guess(&app, person, address).status, 401);
        }
        guess(&app, person, address)
    };
    let refused = [refused(&somebody, HERE), refused(&nobody, THERE)];
    assert_eq!(refused[0].status, 429);
    assert_eq!(refused[0].comparable(), refused[1].comparable());
}

pub(super) fn spellings_of_a_name_share_its_budget(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let person = app.user();
    let local = person.email.split('@').next().expect("it is an address");
    for spelling in [
        person.email.clone(),
        person.email.to_uppercase(),
        format!("{}@example.com", local.to_uppercase()),
        format!("{local}@EXAMPLE.com"),
        format!("{local}@Example.Com"),
    ] {
        assert_eq!(guess(&app, &Person { email: spelling, ..person.clone() }, HERE).status, 401);
    }
    assert_eq!(guess(&app, &person, HERE).status, 429);
}

pub(super) fn guesses_from_everywhere_slow_down_strangers_alone(apps: &[App]) {
    guess_from_everywhere(&limited(&apps[0], |builder| builder));
}

pub(super) fn right_passwords_that_come_at_once_are_all_let_in(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let person = app.user();
    let body = json!({ "email": person.email, "password": person.password });
    let mut signed_in = 0;
    // What does not fit into the queue for hashing is turned away, and comes again.
    while signed_in < 24 {
        let replies = app.race(24 - signed_in, |_| Request::post("/sign-in", &body));
        assert_only(&replies, &["200", "503 unavailable"]);
        signed_in += replies.iter().filter(|reply| reply.status == 200).count();
    }
}

pub(super) fn wrong_passwords_that_come_at_once_are_no_more_than_those_in_turn(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let person = app.user();
    let body = json!({ "email": person.email, "password": "certainly not hers" });
    let request = Request::post("/sign-in", &body);
    let replies = app.race(32, |_| request.clone().header("X-Forwarded-For", HERE));
    assert_tally(&replies, &[("401 invalid_credentials", 5), ("429 too_many_requests", 27)]);
}

pub(super) fn who_is_signed_in_guesses_no_longer_than_others(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let person = app.user();
    let tokens = app.sign_in(&person);
    let own = |password: &str| {
        app.post_as(&tokens.access, "/reauthenticate", json!({ "password": password }))
    };
    for _ in 0..5 {
        assert_eq!(own("certainly not hers").status, 401);
    }
    assert_eq!(own(&person.password).status, 429);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(own(&person.password).status, 200);
    for _ in 0..8 {
        assert_eq!(own(&person.password).status, 200);
    }
}

pub(super) fn a_session_that_moves_between_networks_takes_its_count_along(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let person = app.user();
    let [stolen, own] = [(); 2].map(|()| app.sign_in(&person).access);
    let ask = |access: &str, number: u32, password: &str| {
        let body = json!({ "password": password });
        let request = Request::post("/reauthenticate", &body).bearer(access);
        app.send(&request.header("X-Forwarded-For", &format!("198.51.100.{number}")))
    };
    for number in 0..5 {
        assert_eq!(ask(&stolen, number, "certainly not hers").status, 401);
    }
    assert_eq!(ask(&stolen, 5, &person.password).header("retry-after"), "1");
    assert_eq!(ask(&own, 6, &person.password).status, 200);
    assert_eq!(ask(&stolen, 7, &person.password).status, 429);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&stolen, 8, &person.password).status, 200);
    for number in 9..14 {
        assert_eq!(ask(&stolen, number, "certainly not hers").status, 401);
    }
}

pub(super) fn a_limit_that_is_reached_is_recorded_once(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let person = app.user();
    for _ in 0..9 {
        guess(&app, &person, HERE);
    }
    for _ in 0..6 {
        from(&app, HERE, "/sign-up", &json!({}));
    }
    let query = EventQuery::new().kind(EventKind::ExcessRateLimitExceeded);
    let events = block_on(app.auth.events(&query)).expect("events are read");
    let mut limits: Vec<_> = events.iter().map(|event| event.detail["limit"].clone()).collect();
    limits.sort_by_key(ToString::to_string);
    assert_eq!(limits, ["sign_ups", "wrong_passwords"]);
    for event in events {
        assert_eq!(event.ip.as_deref(), Some(HERE));
        let subject = event.detail["subject"].as_str().expect("it says under what it is counted");
        assert!(!subject.contains(HERE) && !subject.contains(&person.email), "{subject}");
    }
}

/// Each is known at the network that they are at.
pub(super) fn what_is_news_is_recorded_whoever_hears_of_it_first(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    let recorded = || {
        let query = EventQuery::new().kind(EventKind::ExcessRateLimitExceeded);
        block_on(app.auth.events(&query)).expect("events are read").len()
    };
    let (clumsy, guessed) = (app.user(), app.user());
    for person in [&clumsy, &guessed] {
        assert_eq!(sign_in(&app, person, HERE).status, 200);
    }
    for _ in 0..9 {
        guess(&app, &clumsy, HERE);
    }
    assert_eq!(recorded(), 1);
    for number in 0..50 {
        guess(&app, &guessed, &format!("198.51.100.{}", number / 5));
    }
    assert_eq!(guess(&app, &guessed, HERE).status, 401);
    assert_eq!(recorded(), 2);
}

pub(super) fn a_right_password_is_no_guess_before_a_second_factor_either(apps: &[App]) {
    pass_the_first_factor(&limited(&apps[0], |builder| builder));
}

pub(super) fn what_is_forgotten_is_deleted(apps: &[App]) {
    let app = limited(&apps[0], |builder| builder);
    from(&app, HERE, "/sign-up", &json!({}));
    guess(&app, &app.stranger(), HERE);
    assert_eq!(block_on(app.auth.purge()).expect("the database answers").limits, 0);
    app.clock.advance(Duration::from_secs(25 * 60 * 60));
    assert!(block_on(app.auth.purge()).expect("the database answers").limits >= 3);
}

pub(super) fn the_manual_lists_what_is_limited() {
    let rows = rows(
        "../auth-core/src/manual/defaults.md",
        "limits",
        &["endpoint", "what is limited about it"],
    );
    let listed: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let actual: Vec<_> = Auth::endpoints()
        .filter(|endpoint| endpoint.limits != [Limit::Unlimited])
        .map(|endpoint| {
            let limits: Vec<_> = endpoint.limits.iter().map(|limit| format!("`{limit}`")).collect();
            (format!("`{} {}`", endpoint.method, endpoint.path), limits.join(", "))
        })
        .collect();
    assert_eq!(listed, actual);
}

// What holds with Redis, too.

/// Of every endpoint whose requests are counted, three a minute pass from one network.
pub(super) fn limited_requests(app: &App) {
    let mut asked = 0;
    for (number, endpoint) in Auth::endpoints().enumerate() {
        let counts =
            |limit: &Limit| matches!(limit, Limit::MailRequests | Limit::SignIns | Limit::SignUps);
        if !endpoint.limits.iter().any(counts) {
            continue;
        }
        asked += 1;
        let address = format!("198.51.100.{number}");
        let ask = |address: &str| from(app, address, endpoint.path, &json!({}));
        for _ in 0..3 {
            assert_ne!(ask(&address).status, 429, "{endpoint:?}");
        }
        app.clock.advance(Duration::from_secs(20));
        let refused = ask(&address);
        assert_eq!(refused.status, 429, "{endpoint:?}");
        assert_eq!(refused.header("retry-after"), "40");
        assert_ne!(ask("203.0.113.9").status, 429, "{endpoint:?}");
        app.clock.advance(Duration::from_secs(39));
        assert_eq!(ask(&address).status, 429, "{endpoint:?}");
        app.clock.advance(Duration::from_secs(60));
        assert_ne!(ask(&address).status, 429, "{endpoint:?}");
    }
    assert_eq!(asked, 5);
}

pub(super) fn share_budgets(app: &App, parts: impl Fn(Builder) -> Builder) {
    let config = || App::config().sign_ups(10_u32);
    let one = app.beside(config(), &parts);
    let other = app.beside(config(), &parts);
    let request = Request::post("/sign-up", &json!({}));
    let mut replies = one.race(16, |_| request.clone());
    replies.extend(other.race(16, |_| request.clone()));
    let tally = tally(&replies);
    assert_eq!(tally["429 too_many_requests"], 22, "{tally:?}");
    // One that starts later knows of it, too.
    drop((one, other));
    assert_eq!(app.beside(config(), &parts).send(&request).status, 429);
}

pub(super) fn guess_from_one_network(app: &App) {
    let person = app.user();
    for _ in 0..5 {
        assert_eq!(guess(app, &person, HERE).status, 401);
    }
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        let refused = sign_in(app, &person, HERE);
        assert_eq!((refused.status, refused.header("retry-after")), (429, &*wait.to_string()));
        assert_eq!(refused.json()["retry_after"], wait);
        app.clock.advance(Duration::from_secs(wait) - Duration::from_millis(1));
        assert_eq!(guess(app, &person, HERE).status, 429);
        app.clock.advance(Duration::from_millis(1));
        assert_eq!(guess(app, &person, HERE).status, 401);
    }
    // None of this is her, and she does not notice it.
    assert_eq!(sign_in(app, &person, THERE).status, 200);
    app.clock.advance(Duration::from_secs(900));
    assert_eq!(sign_in(app, &person, HERE).status, 200);
    for _ in 0..5 {
        assert_eq!(guess(app, &person, HERE).status, 401);
    }
}

pub(super) fn guess_from_everywhere(app: &App) {
    let person = app.user();
    let tokens = App::tokens(&sign_in(app, &person, HERE));
    for number in 0..50 {
        assert_eq!(guess(app, &person, &format!("198.51.100.{}", number / 5)).status, 401);
    }
    let refused = sign_in(app, &person, THERE);
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));

    // Where she is known, and who is signed in, is none of the strangers.
    assert_eq!(guess(app, &person, HERE).status, 401);
    assert_eq!(sign_in(app, &person, THERE).status, 429);
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 200);
    let own = json!({ "password": person.password });
    let own = Request::post("/reauthenticate", &own).bearer(&tokens.access);
    assert_eq!(app.send(&own.header("X-Forwarded-For", THERE)).status, 200);
    assert_eq!(sign_in(app, &person, HERE).status, 200);

    // Nor is who has proven the mailbox, wherever that was.
    for number in 0..50 {
        guess(app, &person, &format!("203.0.113.{}", number / 5));
    }
    assert_eq!(sign_in(app, &person, THERE).status, 429);
    from(app, THERE, "/request-password-reset", &json!({ "email": person.email }));
    let token = app.mailed_token(&person.email);
    let new = Person { password: "eleven green kettles sing".to_owned(), ..person };
    let reset = json!({ "token": token, "password": new.password });
    assert_eq!(from(app, THERE, "/reset-password", &reset).status, 200);
    for number in 50..100 {
        guess(app, &new, &format!("203.0.113.{}", number / 5));
    }
    assert_eq!(sign_in(app, &new, "192.0.2.77").status, 429);
    assert_eq!(sign_in(app, &new, THERE).status, 200);
}

pub(super) fn pass_the_first_factor(app: &App) {
    let person = app.user();
    app.enable_two_factor(&App::tokens(&sign_in(app, &person, HERE)));
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(guess(app, &person, HERE).status, 401);
        }
        assert_eq!(sign_in(app, &person, HERE).json()["status"], "mfa_required");
    }
}

/// An instance beside `app` whose clients are whoever a proxy says they are.
pub(super) fn limited(app: &App, parts: impl FnOnce(Builder) -> Builder) -> App {
    let config = behind_a_proxy(App::config());
    app.beside(config.sign_ups(3_u32).mail_requests(3_u32), parts)
}

pub(super) fn behind_a_proxy(config: Config) -> Config {
    let loopback = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network"));
    config.trusted_proxies(loopback)
}

pub(super) fn from(app: &App, address: &str, path: &str, body: &Value) -> Reply {
    app.send(&Request::post(path, body).header("X-Forwarded-For", address))
}

pub(super) fn sign_in(app: &App, person: &Person, address: &str) -> Reply {
    let body = json!({ "email": person.email, "password": person.password });
    from(app, address, "/sign-in", &body)
}

pub(super) fn guess(app: &App, person: &Person, address: &str) -> Reply {
    let password = "certainly not hers".to_owned();
    sign_in(app, &Person { email: person.email.clone(), password }, address)
}

pub(super) const HERE: &str = "192.0.2.1";
pub(super) const THERE: &str = "192.0.2.2";
