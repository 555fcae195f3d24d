//! Access tokens, as far as one without the signing key can go.

use std::time::Duration;

use auth_core::Clock;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::assertions::assert_problem;
use crate::{App, Request};

pub(super) fn a_token_is_what_it_says(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    let Parts { header, claims, message, signature } = parts(&tokens.access);
    let jwk = only_key(app);
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": jwk["kid"] }));
    let x = jwk["x"].as_str().unwrap_or_default();
    // RFC 7638 §3: the required members in lexicographic order.
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    assert_eq!(jwk["kid"], URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)));
    let signature = Signature::from_slice(&signature).expect("64 bytes");
    verifying_key(&jwk)
        .verify_strict(message.as_bytes(), &signature)
        .expect("the key set verifies");

    let now = app.clock.now().secs();
    assert_eq!(
        claims,
        json!({
            "iss": "http://127.0.0.1:8000", "aud": "http://127.0.0.1:8000",
            "sub": tokens.body["user"]["id"], "sid": claims["sid"], "jti": claims["jti"],
            "iat": now, "nbf": now, "exp": now + 600, "auth_time": now, "amr": ["pwd"],
        }),
        "no address, and nothing that is not listed here"
    );
    let sessions = app.get("/sessions", Some(&tokens.access)).json();
    assert_eq!(sessions["sessions"][0]["id"], claims["sid"], "{sessions}");
}

pub(super) fn forged_tokens_are_refused(app: &App) {
    let token = app.sign_in(&app.user()).access;
    let Parts { header, claims, signature, .. } = parts(&token);
    let jwk = only_key(app);
    let genuine = URL_SAFE_NO_PAD.encode(&signature);
    let mut forged: Vec<(String, String)> = Vec::new();

    for alg in ["none", "None", "NONE", "nOnE", "none "] {
        let mut header = header.clone();
        header["alg"] = json!(alg);
        forged.push((format!("{alg}, unsigned"), assemble(&header, &claims, "")));
        forged.push((format!("{alg}, signed"), assemble(&header, &claims, &genuine)));
    }
    let mut unnamed = header.clone();
    unnamed.as_object_mut().expect("it is an object").remove("alg");
    forged.push(("no alg".to_owned(), assemble(&unnamed, &claims, &genuine)));
    for alg in ["HS256", "hs256", "EdDSA"] {
        for (name, key) in spellings_of(&jwk) {
            let mut header = header.clone();
            header["alg"] = json!(alg);
            let message = assemble(&header, &claims, "");
            let message = message.trim_end_matches('.');
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
            mac.update(message.as_bytes());
            let mac = mac.finalize().into_bytes();
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac));
            forged.push((format!("{alg} with the public key as {name}"), token));
        }
    }
    forged.extend(signed_by_another(&header, &claims));
    // What was signed, with something else put under the signature.
    for name in ["sub", "sid", "exp", "iss", "aud", "jti", "auth_time", "amr"] {
        let mut claims = claims.clone();
        claims[name] = json!("00000000-0000-7000-8000-000000000000");
        forged.push((format!("another {name}"), assemble(&header, &claims, &genuine)));
    }
    for typ in [json!("JWT"), json!("at+JWT2"), json!(null), json!(["at+jwt"])] {
        let mut header = header.clone();
        header["typ"] = typ;
        forged.push((format!("typ {}", header["typ"]), assemble(&header, &claims, &genuine)));
    }
    assert_refused(app, &token, &forged);
}

pub(super) fn a_token_has_one_spelling(app: &App) {
    let token = app.sign_in(&app.user()).access;
    let [header, payload, signature]: [&str; 3] =
        token.split('.').collect::<Vec<_>>().try_into().expect("it has three parts");
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).expect("it is base64url");
    flipped[0] ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(flipped);
    // 64 bytes leave four bits of the last letter unused, which have to be zero.
    let last = signature.chars().last().expect("it is not empty");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(last).expect("it is of the alphabet");
    let lax = format!("{}{}", &signature[..signature.len() - 1], &alphabet[index + 1..index + 2]);
    let spellings = [
        ("a flipped bit", format!("{header}.{payload}.{flipped}")),
        ("loose last bits", format!("{header}.{payload}.{lax}")),
        ("padding", format!("{token}==")),
        ("a dot after", format!("{token}.")),
        ("a dot before", format!(".{token}")),
        ("no signature", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("five parts", format!("{token}.{payload}.{signature}")),
        ("dots", "....".to_owned()),
        ("the standard alphabet", token.replace('-', "+").replace('_', "/") + "+"),
        ("quotes", format!("\"{token}\"")),
        ("a comma after", format!("{token},")),
        ("a space within", format!("{header}. {payload}.{signature}")),
        ("JSON", json!({ "payload": payload, "signature": signature }).to_string()),
        ("twice", format!("{token} {token}")),
        ("upper case", token.to_uppercase()),
        ("long", format!("{header}.{}.{signature}", "A".repeat(5_000))),
    ];
    let spellings: Vec<_> =
        spellings.into_iter().map(|(name, token)| (name.to_owned(), token)).collect();
    assert_refused(app, &token, &spellings);
}

pub(super) fn nothing_else_is_an_access_token(app: &App) {
    let person = app.user();
    let tokens = app.sign_in(&person);
    app.post("/request-password-reset", json!({ "email": person.email }));
    let reset = app.mailed_token(&person.email);
    app.enable_two_factor(&tokens);
    let body = json!({ "email": person.email, "password": person.password });
    let challenge = app.post("/sign-in", body).json();
    let others = [
        ("a refresh token", tokens.refresh.clone()),
        ("a mailed token", reset),
        ("a challenge", challenge["mfa_token"].as_str().unwrap_or_default().to_owned()),
        ("an id", tokens.body["user"]["id"].as_str().unwrap_or_default().to_owned()),
        ("nothing", String::new()),
    ];
    let others: Vec<_> = others.into_iter().map(|(name, token)| (name.to_owned(), token)).collect();
    assert_refused(app, &tokens.access, &others);
}

pub(super) fn a_token_travels_in_the_authorization_header_only(app: &App) {
    let token = &app.sign_in(&app.user()).access;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let reply = app.raw("GET", "/me", &[("authorization", &format!("{scheme} {token}"))], b"");
        assert_eq!(reply.status, 200, "{scheme}: {}", reply.text());
    }
    for (name, value) in [
        ("authorization", token.clone()),
        ("authorization", format!("Basic {token}")),
        ("authorization", format!("DPoP {token}")),
        ("authorization", format!("Bearer{token}")),
        ("authorization", "Bearer".to_owned()),
        ("proxy-authorization", format!("Bearer {token}")),
        ("x-authorization", format!("Bearer {token}")),
        ("cookie", format!("access_token={token}; Authorization=Bearer {token}")),
    ] {
        let reply = app.raw("GET", "/me", &[(name, &value)], b"");
        assert_problem(&reply, 401, "unauthenticated");
    }
    let query = app.get(&format!("/me?access_token={token}"), None);
    assert_problem(&query, 401, "unauthenticated");
    let body = app.send(&Request::get("/me").json(&json!({ "access_token": token })));
    assert_problem(&body, 401, "unauthenticated");
    for other in ["Bearer x", "Basic eDp5", ""] {
        let both = Request::get("/me").header("authorization", other).bearer(token);
        assert_problem(&app.send(&both), 400, "malformed_request");
    }
}

pub(super) fn a_token_dies_with_its_session_and_its_user(app: &App) {
    let person = app.user();
    let revoked = app.sign_in(&person);
    // By another instance, or by hand: what this one was not told is looked up.
    app.execute("UPDATE auth_sessions SET revoked_at = created_at");
    assert_dead(app, &revoked.access, &["/private", "/identity", "/recent"]);

    let signed_out = app.sign_in(&person);
    let reply = app.post_as(&signed_out.access, "/sign-out", json!({}));
    assert_eq!(reply.status, 204, "{}", reply.text());
    assert_dead(app, &signed_out.access, &["/private", "/identity", "/recent"]);

    let disabled = app.sign_in(&person);
    app.execute("UPDATE auth_users SET disabled_at = created_at");
    assert_dead(app, &disabled.access, &["/private", "/identity", "/recent"]);
    let refresh = app.post("/access", json!({ "refresh_token": disabled.refresh }));
    assert_problem(&refresh, 401, "invalid_refresh_token");

    app.execute("UPDATE auth_users SET disabled_at = NULL");
    let deleted = app.sign_in(&person);
    app.execute("DELETE FROM auth_users");
    assert_dead(app, &deleted.access, &["/private", "/identity", "/recent"]);
    let refresh = app.post("/access", json!({ "refresh_token": deleted.refresh }));
    assert_problem(&refresh, 401, "invalid_refresh_token");
}

pub(super) fn a_token_is_of_its_own_session_only(app: &App) {
    let (one, other) = (app.user(), app.user());
    let (first, second) = (app.sign_in(&one), app.sign_in(&other));
    let owner = |email: &str| format!("(SELECT id FROM auth_users WHERE email = '{email}')");
    app.execute(&format!("DELETE FROM auth_sessions WHERE user_id = {}", owner(&other.email)));
    app.execute(&format!("UPDATE auth_sessions SET user_id = {}", owner(&other.email)));
    for token in [&first.access, &second.access] {
        assert_dead(app, token, &["/private", "/recent"]);
    }
}

pub(super) fn keys_rotate_and_overlap(app: &App) {
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let app = &app.beside(App::config().signing_key_lifetime(hours(24)), |builder| builder);
    let person = app.user();
    let kids = || -> Vec<String> {
        let keys = app.get("/jwks.json", None).json();
        let keys = keys["keys"].as_array().expect("it is a key set");
        keys.iter().map(|key| key["kid"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let kid = |token: &str| parts(token).header["kid"].as_str().unwrap_or_default().to_owned();
    let first = kids();
    assert_eq!(first.len(), 1);

    app.clock.advance(hours(23) - Duration::from_secs(60));
    assert_eq!(kid(&app.sign_in(&person).access), first[0]);
    assert_eq!(kids(), first);
    // Published an hour before it signs, so that whoever keeps a copy has it in time.
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(kid(&app.sign_in(&person).access), first[0]);
    let both = kids();
    assert_eq!(both.len(), 2, "{both:?}");

    app.clock.advance(hours(1) - Duration::from_secs(1));
    let old = app.sign_in(&person).access;
    assert_eq!(kid(&old), first[0]);
    app.clock.advance(Duration::from_secs(1));
    let new = app.sign_in(&person).access;
    assert_eq!(kid(&new), both[1]);
    app.clock.advance(Duration::from_secs(590));
    for token in [&old, &new] {
        assert_eq!(app.get("/me", Some(token)).status, 200, "a rotation ends no session");
    }
    // Nothing that the first key signed is still good.
    app.clock.advance(Duration::from_secs(71));
    assert_eq!(kids(), both[1..]);
}

pub(super) fn instances_share_keys_and_revocations(app: &App) {
    let other = app.beside(App::config(), |builder| builder);
    let keys = [app, &other].map(|app| app.get("/jwks.json", None).json());
    assert_eq!(keys[0], keys[1]);

    let person = app.user();
    let tokens = app.sign_in(&person);
    assert_eq!(other.get("/me", Some(&tokens.access)).status, 200);
    assert_eq!(other.host("/identity", Some(&tokens.access)).status, 200);
    let reply = other.post("/sign-out", json!({ "refresh_token": tokens.refresh }));
    assert_eq!(reply.status, 204);
    for app in [app, &other] {
        assert_dead(app, &tokens.access, &["/private", "/identity", "/recent"]);
    }

    // A key that the other instance made, and this one has not heard of.
    app.clock.advance(Duration::from_secs(30 * 86_400 - 3_600));
    other.sign_in(&person);
    app.clock.advance(Duration::from_secs(3_600));
    let tokens = other.sign_in(&person);
    assert_ne!(parts(&tokens.access).header["kid"], keys[0]["keys"][0]["kid"]);
    assert_eq!(app.get("/me", Some(&tokens.access)).status, 200);
    assert_eq!(parts(&app.sign_in(&person).access).header, parts(&tokens.access).header);
}

/// Tokens that are perfect but for the key: it is the forger's own.
fn signed_by_another(header: &Value, claims: &Value) -> Vec<(String, String)> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    let own_kid = URL_SAFE_NO_PAD.encode(Sha256::digest(canonical));
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": own_kid });
    let url = "http://127.0.0.1:9/keys.json";
    let kids = ["", "../../dev/null", "' OR 1=1 --", "\u{0}", &"A".repeat(3_000), &own_kid];
    let mut changes: Vec<(&str, Value)> = kids.map(|kid| ("kid", json!(kid))).to_vec();
    changes.extend([
        ("alg", json!("EdDSA")),
        ("kid", json!(null)),
        ("kid", json!(7)),
        ("jwk", jwk),
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("x5c", json!([STANDARD.encode(key.verifying_key().as_bytes())])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("enc", json!("A256GCM")),
    ]);
    changes
        .into_iter()
        .map(|(member, value)| {
            let mut header = header.clone();
            let name: String = format!("{member} {value}").chars().take(60).collect();
            header[member] = value;
            let message = assemble(&header, claims, "");
            let signature = key.sign(message.trim_end_matches('.').as_bytes());
            let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
            (format!("another key, {name}"), assemble(&header, claims, &signature))
        })
        .collect()
}

/// What a confused verifier may take for a shared secret.
fn spellings_of(jwk: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let raw = verifying_key(jwk).as_bytes().to_vec();
    // RFC 8410 §4: SubjectPublicKeyInfo of id-Ed25519.
    let der = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &raw].concat();
    let pem = |end: &str| {
        let text = STANDARD.encode(&der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----{end}").into_bytes()
    };
    let x = jwk["x"].as_str().unwrap_or_default();
    vec![
        ("nothing", Vec::new()),
        ("PEM", pem("\n")),
        ("PEM without its last line break", pem("")),
        ("DER", der.clone()),
        ("DER in base64", STANDARD.encode(&der).into_bytes()),
        ("a JWK", jwk.to_string().into_bytes()),
        ("a key set", json!({ "keys": [jwk] }).to_string().into_bytes()),
        ("its x", x.as_bytes().to_vec()),
        ("its bytes", raw),
    ]
}

/// Asserts that the core and the extractors refuse all of them in the same words, and `good` never.
#[track_caller]
fn assert_refused(app: &App, good: &str, tokens: &[(String, String)]) {
    assert_eq!(app.get("/me", Some(good)).status, 200);
    assert_eq!(app.host("/identity", Some(good)).status, 200);
    let expected = app.get("/me", None).comparable();
    for (name, token) in tokens {
        for reply in [app.get("/me", Some(token)), app.host("/identity", Some(token))] {
            assert_eq!(reply.comparable(), expected, "{name}");
        }
    }
    assert_eq!(app.get("/me", Some(good)).status, 200);
}

#[track_caller]
fn assert_dead(app: &App, token: &str, routes: &[&str]) {
    assert_problem(&app.get("/me", Some(token)), 401, "unauthenticated");
    for route in routes {
        assert_problem(&app.host(route, Some(token)), 401, "unauthenticated");
    }
    assert_eq!(app.host("/maybe", Some(token)).text(), "nobody");
}

#[track_caller]
fn only_key(app: &App) -> Value {
    let keys = app.get("/jwks.json", None).json();
    let [key] = keys["keys"].as_array().expect("it is a key set").as_slice() else {
        panic!("not one key: {keys}");
    };
    key.clone()
}

fn verifying_key(jwk: &Value) -> VerifyingKey {
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap_or_default());
    let x = x.ok().and_then(|x| x.try_into().ok()).expect("x is 32 bytes");
    VerifyingKey::from_bytes(&x).expect("x is a point")
}

struct Parts {
    header: Value,
    claims: Value,
    message: String,
    signature: Vec<u8>,
}

#[track_caller]
fn parts(token: &str) -> Parts {
    let (message, signature) = token.rsplit_once('.').expect("it has three parts");
    let (header, payload) = message.split_once('.').expect("it has three parts");
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("it is base64url");
    let json = |text: &str| serde_json::from_slice(&decode(text)).expect("it is JSON");
    let (header, claims) = (json(header), json(payload));
    Parts { header, claims, message: message.to_owned(), signature: decode(signature) }
}

fn assemble(header: &Value, claims: &Value, signature: &str) -> String {
    let [header, payload] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{payload}.{signature}")
}
