//! Access tokens: nothing is accepted that was not signed, and what is accepted has one meaning.

#![no_main]

use std::sync::LazyLock;

use auth_core::Timestamp;
use auth_core::fuzzing::AccessTokens;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

// The first line is a token, or a header if a payload follows in the second; `$kid` is the key's id.
fuzz_target!(|input: &str| -> Corpus {
    let (header, payload) = input.split_once('\n').unwrap_or((input, ""));
    assert!(renew(header).is_none(), "nobody else has the key");

    let message = format!("{}.{}", encode(&header.replace("$kid", OURS.kid())), encode(payload));
    let token = OURS.sign(message.clone());
    let stolen = THEIRS.sign(message);
    assert!(renew(stolen.expose()).is_none(), "another key signed it");
    let Some(renewed) = renew(token.expose()) else { return Corpus::Keep };

    assert!(token.expose().len() <= 4096);
    let claims: Value = serde_json::from_str(payload).expect("the claims are JSON");
    assert_eq!(claims["iss"], ISSUER);
    assert!(claims["aud"] == ISSUER || claims["aud"] == serde_json::json!([ISSUER]));
    for instant in ["iat", "nbf", "exp", "auth_time"] {
        assert!(claims[instant].is_u64(), "{instant} is {}", claims[instant]);
    }
    assert!(claims["exp"].as_i64() > Some(NOW - 5), "it has expired");
    assert!(claims["nbf"].as_i64() <= Some(NOW + 5), "it is not valid yet");
    for id in ["sub", "sid", "jti"] {
        assert!(claims[id].is_string());
    }

    // Renewed once, it is written as this service writes it. That may be longer than it was.
    if renewed.expose().len() <= 4096 {
        let again = renew(renewed.expose()).expect("what is accepted can be made again");
        assert_eq!(again.expose(), renewed.expose());
    }
    for at in [0, token.expose().len() / 2, token.expose().len() - 1] {
        let mut altered = token.expose().as_bytes().to_vec();
        altered[at] ^= 1;
        assert!(String::from_utf8(altered).is_ok_and(|altered| renew(&altered).is_none()));
    }
    Corpus::Keep
});

static OURS: LazyLock<AccessTokens> = LazyLock::new(|| AccessTokens::new(1));
static THEIRS: LazyLock<AccessTokens> = LazyLock::new(|| AccessTokens::new(2));

fn renew(token: &str) -> Option<auth_core::AccessToken> {
    OURS.renew(token, ISSUER, Timestamp::from_secs(NOW))
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

const ISSUER: &str = "https://a.example";
const NOW: i64 = 1_700_000_000;
