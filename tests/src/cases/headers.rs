//! What every answer says about itself, and what none does.

use super::recording::record;
use crate::App;

pub(super) fn every_answer_has_those_of_safety_and_none_of_vanity(app: &App) {
    for (request, reply) in record(app) {
        let what = format!("{} {}: {}", request.method, request.path, reply.status);
        for name in ["server", "via", "x-powered-by", "x-version"] {
            assert!(reply.all(name).is_empty(), "{what}: {name}");
        }
        if request.of_host {
            continue;
        }
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{what}");
        let cached = request.path == "/jwks.json" && reply.status == 200;
        let expected = if cached { "public, max-age=300" } else { "no-store" };
        assert_eq!(reply.header("cache-control"), expected, "{what}");
    }
}
