//! What a session remembers of the client that began it.

use serde_json::{Value, json};

use crate::{App, Person, Request};

pub(super) fn without_a_trusted_proxy_the_peer_is_the_client(app: &App) {
    let person = app.user();
    assert_eq!(session(app, &person, &[])["ip"], "127.0.0.1");
    for header in ["x-forwarded-for", "x-real-ip", "client-ip", "true-client-ip"] {
        assert_eq!(session(app, &person, &[(header, "1.1.1.1")])["ip"], "127.0.0.1", "{header}");
    }
    let forwarded = session(app, &person, &[("forwarded", "for=1.1.1.1")]);
    assert_eq!(forwarded["ip"], "127.0.0.1");
}

pub(super) fn behind_trusted_proxies_it_is_the_hop_before_them(app: &App) {
    let networks = ["127.0.0.0/8", "10.0.0.0/8"];
    let networks = networks.map(|network| network.parse().expect("it is a network"));
    let config = App::config().trusted_proxies(networks.to_vec());
    let behind = app.beside(config, |builder| builder);
    let person = app.user();
    for (hops, ip) in [
        ("1.1.1.1", "1.1.1.1"),
        ("9.9.9.9, 1.1.1.1", "1.1.1.1"),
        ("9.9.9.9, 1.1.1.1, 10.1.2.3", "1.1.1.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:1.1.1.1", "1.1.1.1"),
        ("1.1.1.1, nonsense", "127.0.0.1"),
    ] {
        let session = session(&behind, &person, &[("x-forwarded-for", hops)]);
        assert_eq!(session["ip"], ip, "{hops}");
    }
    let twice = [("x-forwarded-for", "9.9.9.9"), ("X-Forwarded-For", "1.1.1.1")];
    assert_eq!(session(&behind, &person, &twice)["ip"], "1.1.1.1");
    assert_eq!(session(&behind, &person, &[])["ip"], "127.0.0.1");
}

pub(super) fn its_name_is_kept_within_bounds(app: &App) {
    let person = app.user();
    let long = "a".repeat(300);
    for (sent, kept) in [
        ("Mozilla/5.0 (X11)", json!("Mozilla/5.0 (X11)")),
        ("<script>alert(1)</script>", json!("<script>alert(1)</script>")),
        ("a\tb", json!("ab")),
        (&*long, json!("a".repeat(256))),
    ] {
        assert_eq!(session(app, &person, &[("user-agent", sent)])["user_agent"], kept, "{sent}");
    }
    // What is neither ASCII nor there is no name.
    let unreadable = session(app, &person, &[("user-agent", "Bj\u{f6}rn/1.0")]);
    assert_eq!(unreadable["user_agent"], Value::Null);
    assert_eq!(session(app, &person, &[])["user_agent"], Value::Null);
    let named = session(app, &person, &[("user-agent", "curl/8.14.1")]);
    assert_eq!((&named["device"], &unreadable["device"]), (&json!("curl"), &Value::Null));
}

/// Signs in with these headers, and returns the session as the list shows it.
#[track_caller]
fn session(app: &App, person: &Person, headers: &[(&str, &str)]) -> Value {
    let body = json!({ "email": person.email, "password": person.password });
    let request =
        headers.iter().fold(Request::post("/sign-in", &body), |request, (name, value)| {
            request.header(name, value)
        });
    let tokens = App::tokens(&app.send(&request));
    let sessions = app.get("/sessions", Some(&tokens.access)).json();
    let current = sessions["sessions"]
        .as_array()
        .and_then(|sessions| sessions.iter().find(|session| session["current"] == true).cloned());
    current.unwrap_or_else(|| panic!("the session is listed: {sessions}"))
}
