use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;
use crate::SeededRandom;

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://auth.example.org";
const AUDIENCE: &str = "https://api.example.org";

fn key() -> SigningKey {
    SigningKey::generate(&SeededRandom::new(1))
}

fn example() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: Uuid::from_u128(1),
        sid: Uuid::from_u128(2),
        jti: Uuid::from_u128(3),
        iat: NOW,
        nbf: NOW,
        exp: NOW + 300,
        auth_time: NOW - 60,
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
        extra: Map::from_iter([("plan".to_owned(), json!({ "seats": 3 }))]),
    }
}

fn verify_at(token: &str, now: i64) -> Result<Claims, AccessTokenError> {
    let expected = Expected { issuer: ISSUER, audience: AUDIENCE, leeway_secs: 5 };
    let key = key().verifying_key();
    verify(token, &expected, Timestamp::from_secs(now), |kid| {
        (kid == key.kid()).then_some(key.clone())
    })
}

fn refusal(token: &str) -> Option<AccessTokenError> {
    verify_at(token, NOW).err()
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key().kid() })
}

/// Signs any header and payload with the real key.
fn forge(header: &str, payload: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(key().sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// The example with one header member replaced, or left out if `value` is null.
fn with_header(name: &str, value: Value) -> String {
    forge(&replaced(header(), name, value), &payload(&example()).to_string())
}

/// The example with one claim replaced, or left out if `value` is `None`.
fn with_claim(name: &str, value: Option<Value>) -> String {
    let mut claims = payload(&example());
    let members = claims.as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    forge(&header().to_string(), &claims.to_string())
}

fn replaced(mut object: Value, name: &str, value: Value) -> String {
    let members = object.as_object_mut().unwrap();
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    object.to_string()
}

#[test]
fn a_token_carries_its_claims_back() {
    let token = sign(&example(), &key());
    assert_eq!(verify_at(token.expose(), NOW), Ok(example()));

    let (first, _) = token.expose().split_once('.').unwrap();
    let first: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first).unwrap()).unwrap();
    assert_eq!(first, header());
    // What the tables below alter is accepted when it is not altered.
    assert_eq!(refusal(&with_claim("aud", Some(json!([AUDIENCE])))), None);
}

#[test]
fn a_claim_of_the_host_never_replaces_ours() {
    let mut claims = example();
    claims.extra = RESERVED.map(|name| (name.to_owned(), json!("forged"))).into_iter().collect();
    let verified = verify_at(sign(&claims, &key()).expose(), NOW).unwrap();
    assert_eq!(verified, Claims { extra: Map::new(), ..example() });
}

#[test]
fn the_algorithm_and_type_are_fixed() {
    for alg in ["none", "None", "NONE", "nOnE", " none", "", "HS256", "ES256", "eddsa", "Ed25519"] {
        assert_eq!(
            refusal(&with_header("alg", json!(alg))),
            Some(AccessTokenError::Header),
            "{alg}"
        );
    }
    for typ in ["JWT", "application/at+jwt", "at+JWT", "jwt", "application/jwt", "", "at+jwt "] {
        assert_eq!(
            refusal(&with_header("typ", json!(typ))),
            Some(AccessTokenError::Header),
            "{typ}"
        );
    }
    for name in ["alg", "typ", "kid"] {
        for value in [Value::Null, json!(1), json!(["EdDSA"])] {
            assert_eq!(
                refusal(&with_header(name, value)),
                Some(AccessTokenError::Header),
                "{name}"
            );
        }
    }
}

#[test]
fn an_unsigned_token_is_refused() {
    let signed = sign(&example(), &key());
    let (message, _) = signed.expose().rsplit_once('.').unwrap();
    assert_eq!(refusal(message), Some(AccessTokenError::Shape));
    assert_eq!(refusal(&format!("{message}.")), Some(AccessTokenError::Shape));
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    assert_eq!(refusal(&format!("{message}.{zeros}")), Some(AccessTokenError::Signature));
}

#[test]
fn the_public_key_is_no_shared_secret() {
    let public = key().verifying_key();
    let x = URL_SAFE_NO_PAD.encode(public.public());
    // The fixed prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4).
    let der =
        [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", public.public().as_slice()].concat();
    let pem = base64::engine::general_purpose::STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{pem}\n-----END PUBLIC KEY-----\n");
    let jwk = public.jwk().to_string();
    let secrets =
        [public.public().as_slice(), &der, pem.as_bytes(), x.as_bytes(), jwk.as_bytes(), b""];
    for alg in ["HS256", "EdDSA"] {
        for secret in secrets {
            let message = with_header("alg", json!(alg));
            let (message, _) = message.rsplit_once('.').unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(message.as_bytes());
            let mac = mac.finalize().into_bytes();
            for signature in [mac.to_vec(), mac.repeat(2)] {
                let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
                assert!(refusal(&token).is_some(), "{token}");
            }
        }
    }
}

#[test]
fn a_header_with_any_other_member_is_refused() {
    let own = json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" });
    for (name, value) in [
        ("jwk", own),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("ALG", json!("none")),
    ] {
        assert_eq!(refusal(&with_header(name, value)), Some(AccessTokenError::Header), "{name}");
    }
}

#[test]
fn a_key_id_is_data() {
    for kid in ["", "../../etc/passwd", "a' OR '1'='1", "a\0", "ключ", &"k".repeat(65)] {
        assert_eq!(
            refusal(&with_header("kid", json!(kid))),
            Some(AccessTokenError::Header),
            "{kid}"
        );
    }
    let huge = with_header("kid", json!("k".repeat(64 * 1024)));
    assert_eq!(refusal(&huge), Some(AccessTokenError::Shape));
    assert_eq!(refusal(&with_header("kid", json!("k"))), Some(AccessTokenError::UnknownKey));
}

#[test]
fn another_key_under_our_key_id_is_refused() {
    let other = SigningKey::generate(&SeededRandom::new(2));
    let message = forge(&header().to_string(), &payload(&example()).to_string());
    let (message, _) = message.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.encode(other.sign(message.as_bytes()));
    assert_eq!(refusal(&format!("{message}.{signature}")), Some(AccessTokenError::Signature));
}

#[test]
fn there_is_one_spelling_of_a_token() {
    let token = sign(&example(), &key());
    let token = token.expose();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (rest, last) = signature.split_at(signature.len() - 1);
    // 64 bytes leave four bits of the last character unused: zero, or it is another spelling.
    let sibling = char::from(last.as_bytes()[0] + 1);
    for altered in [
        format!("{message}.{rest}{sibling}"),
        format!("{token}="),
        format!("{token}=="),
        format!("{token}\r\n"),
        format!(" {token}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.AAAA"),
        token.replacen('.', "..", 1),
        format!("{message}.{signature}AAAA"),
        message.to_owned(),
        format!("{}{signature}", &token[token.find('.').unwrap()..=message.len()]),
        "..".to_owned(),
        "....".to_owned(),
        String::new(),
        token.replace('.', " "),
        format!("{message}.+{}", &signature[1..]),
        r#"{"payload":"e30","signatures":[]}"#.to_owned(),
    ] {
        assert_eq!(refusal(&altered), Some(AccessTokenError::Shape), "{altered}");
    }
}

#[test]
fn a_token_of_more_than_4_kib_is_refused() {
    let mut claims = example();
    claims.extra.insert("pad".to_owned(), json!("x".repeat(2_000)));
    assert_eq!(refusal(sign(&claims, &key()).expose()), None);
    claims.extra.insert("pad".to_owned(), json!("x".repeat(4_000)));
    assert_eq!(refusal(sign(&claims, &key()).expose()), Some(AccessTokenError::Shape));

    let lengths = (2_500..3_000).map(|length| {
        claims.extra.insert("pad".to_owned(), json!("x".repeat(length)));
        let token = sign(&claims, &key());
        (token.expose().len(), refusal(token.expose()))
    });
    let lengths: Vec<_> = lengths.collect();
    assert!(lengths.contains(&(4_096, None)), "{lengths:?}");
    assert!(lengths.iter().all(|(length, refusal)| refusal.is_none() == (*length <= 4_096)));
}

#[test]
fn equal_members_are_refused_though_signed() {
    let claims = payload(&example()).to_string();
    let twice = claims.replacen('{', r#"{"sub":"00000000-0000-0000-0000-000000000009","#, 1);
    assert_eq!(refusal(&forge(&header().to_string(), &twice)), Some(AccessTokenError::Claims));
    let twice = header().to_string().replacen('{', r#"{"alg":"none","#, 1);
    assert_eq!(refusal(&forge(&twice, &claims)), Some(AccessTokenError::Header));
    assert_eq!(
        refusal(&forge(r#"["EdDSA","at+jwt","k"]"#, &claims)),
        Some(AccessTokenError::Header)
    );
    assert_eq!(refusal(&forge(&header().to_string(), "[]")), Some(AccessTokenError::Claims));
}

#[test]
fn issuer_and_audience_are_exact() {
    for value in [
        None,
        Some(Value::Null),
        Some(json!("")),
        Some(json!("https://auth.example.org/")),
        Some(json!("https://api.example.org/")),
        Some(json!("HTTPS://AUTH.EXAMPLE.ORG")),
        Some(json!("https://API.example.org")),
        Some(json!("https://a")),
        Some(json!([])),
        Some(json!([AUDIENCE, "https://other.example.org"])),
        Some(json!([[AUDIENCE]])),
        Some(json!({ "aud": AUDIENCE })),
    ] {
        let aud = refusal(&with_claim("aud", value.clone()));
        assert_eq!(aud, Some(AccessTokenError::Audience), "{value:?}");
        let iss = refusal(&with_claim("iss", value.clone()));
        assert_eq!(iss, Some(AccessTokenError::Issuer), "{value:?}");
    }
    assert_eq!(refusal(&with_claim("iss", Some(json!([ISSUER])))), Some(AccessTokenError::Issuer));
}

#[test]
fn every_claim_is_required_and_of_its_type() {
    for name in ["iat", "nbf", "exp", "auth_time"] {
        for value in [
            None,
            Some(Value::Null),
            Some(json!(NOW.to_string())),
            Some(json!(1.7e9)),
            Some(json!(1_700_000_000.5)),
            Some(json!(-1)),
            Some(json!((1_i64 << 53) + 1)),
            Some(json!(u64::MAX)),
            Some(json!(1e300)),
            Some(json!(true)),
            Some(json!([NOW])),
        ] {
            let error = refusal(&with_claim(name, value.clone()));
            assert_eq!(error, Some(AccessTokenError::Claims), "{name} {value:?}");
        }
    }
    for name in ["sub", "sid", "jti", "amr"] {
        for value in [None, Some(json!("ada@example.org")), Some(json!(1)), Some(json!([1]))] {
            let error = refusal(&with_claim(name, value.clone()));
            assert_eq!(error, Some(AccessTokenError::Claims), "{name} {value:?}");
        }
    }
}

#[test]
fn a_token_lives_from_its_nbf_to_its_exp_give_or_take_the_leeway() {
    let token = sign(&example(), &key());
    let at = |now| verify_at(token.expose(), now).err();
    assert_eq!(at(NOW - 6), Some(AccessTokenError::NotYetValid));
    assert_eq!(at(NOW - 5), None);
    assert_eq!(at(NOW + 304), None);
    assert_eq!(at(NOW + 305), Some(AccessTokenError::Expired));
    let issued_later = with_claim("iat", Some(json!(NOW + 6)));
    assert_eq!(refusal(&issued_later), Some(AccessTokenError::NotYetValid));

    let expected = Expected { issuer: ISSUER, audience: AUDIENCE, leeway_secs: i64::MAX };
    let later = Timestamp::from_secs(NOW + 330);
    let verified = verify(token.expose(), &expected, later, |_| Some(key().verifying_key()));
    assert_eq!(verified, Err(AccessTokenError::Expired));
}
