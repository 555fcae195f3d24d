//! A route of the host that asks for a role.

use super::assertions::assert_problem;
use crate::{App, Person};

pub(super) fn who_has_it_who_lacks_it_and_who_is_nobody_are_told_apart(app: &App) {
    let (editor, other) = (app.user(), app.user());
    give(app, &editor, r#"["author", "editor"]"#);
    // Nothing but the very name will do.
    give(app, &other, r#"["Editor", "editors", "edit", ""]"#);
    let (editor_token, other_token) = (app.sign_in(&editor).access, app.sign_in(&other).access);
    for (token, status, code) in [
        (None, 401, "unauthenticated"),
        (Some("nonsense"), 401, "unauthenticated"),
        (Some(&*other_token), 403, "forbidden"),
    ] {
        assert_problem(&app.host("/editors", token), status, code);
        assert_eq!(app.host("/editors/maybe", token).text(), "nobody");
    }
    for route in ["/editors", "/editors/maybe"] {
        let reply = app.host(route, Some(&editor_token));
        assert_eq!((reply.status, reply.text()), (200, &*editor.email), "{route}");
    }
}

pub(super) fn one_that_is_taken_away_counts_no_more(app: &App) {
    let person = app.user();
    let token = app.sign_in(&person).access;
    assert_problem(&app.host("/editors", Some(&token)), 403, "forbidden");
    give(app, &person, r#"["editor"]"#);
    assert_eq!(app.host("/editors", Some(&token)).status, 200);
    give(app, &person, "[]");
    assert_problem(&app.host("/editors", Some(&token)), 403, "forbidden");
}

fn give(app: &App, person: &Person, roles: &str) {
    let sql = format!("UPDATE auth_users SET roles = '{roles}' WHERE email = '{}'", person.email);
    assert_eq!(app.execute(&sql), 1);
}
