//! Pages of other origins, which read answers only where they are listed.

use super::assertions::assert_problem;
use crate::{App, Reply, Request};

pub(super) fn by_default_nothing_is_shared(app: &App) {
    for origin in ["https://evil.example", "http://127.0.0.1:8000", "null"] {
        let reply = app.send(&Request::get("/jwks.json").header("origin", origin));
        assert_eq!((reply.status, shared(&reply)), (200, Vec::new()), "{origin}");
        let reply = app.send(&preflight("/sign-in", origin));
        assert_problem(&reply, 405, "method_not_allowed");
        assert_eq!((reply.header("allow"), shared(&reply)), ("POST", Vec::new()), "{origin}");
    }
}

pub(super) fn a_listed_origin_reads_and_is_told_what_it_may_send(app: &App) {
    let config = App::config().allowed_origins(["https://admin.example.com"]);
    let app = app.beside(config.expect("it is an origin"), |builder| builder);
    let origin = "https://admin.example.com";
    let readable = [
        "access-control-allow-credentials: true",
        "access-control-allow-origin: https://admin.example.com",
        "access-control-expose-headers: x-request-id",
        "vary: origin",
    ];
    for path in ["/jwks.json", "/me", "/nowhere"] {
        let reply = app.send(&Request::get(path).header("origin", origin));
        assert_eq!(shared(&reply), readable, "{path}");
    }
    let reply = app.send(&preflight("/activate-account", origin));
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_eq!(
        shared(&reply),
        [
            readable[0],
            "access-control-allow-headers: authorization, content-type",
            "access-control-allow-methods: GET, HEAD, POST",
            readable[1],
            readable[2],
            "access-control-max-age: 600",
            readable[3],
        ]
    );
    let no_preflight = Request::new("OPTIONS", "/sign-in").header("origin", origin);
    assert_problem(&app.send(&no_preflight), 405, "method_not_allowed");
    assert_problem(&app.send(&preflight("/nowhere", origin)), 404, "not_found");

    for other in ["https://evil.example", "null", "https://admin.example.com.evil.example"] {
        let reply = app.send(&Request::get("/jwks.json").header("origin", other));
        assert_eq!(shared(&reply), ["vary: origin"], "{other}");
        let reply = app.send(&preflight("/sign-in", other));
        assert_problem(&reply, 405, "method_not_allowed");
        assert_eq!(shared(&reply), ["vary: origin"], "{other}");
    }
    let mailbox = Request::get("/dev/mailbox.json").of_host().header("origin", origin);
    let reply = app.send(&mailbox);
    assert_eq!((reply.status, shared(&reply)), (200, vec!["vary: origin".to_owned()]));
}

fn preflight(path: &str, origin: &str) -> Request {
    let request = Request::new("OPTIONS", path).header("origin", origin);
    request.header("access-control-request-method", "POST")
}

/// The headers that say who may read an answer.
fn shared(reply: &Reply) -> Vec<String> {
    let lines = reply.comparable();
    let lines = lines.lines().take_while(|line| !line.is_empty());
    let named = |line: &&str| line.starts_with("access-control-") || line.starts_with("vary");
    lines.filter(named).map(str::to_owned).collect()
}
