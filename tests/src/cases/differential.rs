use auth_core::{Auth, SeededRandom};

use super::recording::record;
use crate::App;

/// The whole recording, with the same clock and the same randomness, so that even tokens are equal:
/// status, headers and body, byte for byte.
pub(super) fn the_same_requests_have_the_same_answers(apps: &[App]) {
    let recordings = apps.iter().map(|app| {
        // The instance before made keys of its own.
        app.execute("DELETE FROM auth_signing_keys");
        record(&app.beside(App::config(), |builder| builder.random(SeededRandom::new(42))))
    });
    let recordings: Vec<_> = recordings.collect();
    assert!(recordings[0].len() >= 150 + Auth::paths().len(), "{}", recordings[0].len());

    let mut differences = Vec::new();
    for (app, recording) in apps.iter().zip(&recordings).skip(1) {
        assert_eq!(recording.len(), recordings[0].len());
        for ((request, reply), (expected_request, expected)) in recording.iter().zip(&recordings[0])
        {
            let sent = format!("{request:?}");
            assert_eq!(sent, format!("{expected_request:?}"), "the tokens differ already");
            let (reply, expected) = (reply.comparable(), expected.comparable());
            if reply != expected {
                let names = [apps[0].adapter.name(), app.adapter.name()];
                differences.push(format!(
                    "{} {}\n{}: {expected}\n{}: {reply}\n",
                    request.method, request.path, names[0], names[1]
                ));
            }
        }
    }
    let first: Vec<_> = differences.iter().take(5).collect();
    assert!(differences.is_empty(), "{} answers differ: {first:#?}", differences.len());
}
