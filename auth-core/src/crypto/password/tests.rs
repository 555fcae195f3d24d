use super::*;
use crate::SeededRandom;

const CHEAP: HashParams = HashParams { memory_kib: 64, passes: 1, lanes: 1 };

fn memory() -> HashMemory {
    HashMemory::new(CHEAP, HashBackend::default())
}

fn hasher() -> PasswordHasher {
    peppered(Pepper::none())
}

fn peppered(pepper: Pepper) -> PasswordHasher {
    PasswordHasher::new(CHEAP, pepper, &SeededRandom::new(0), &mut memory())
}

fn pepper(first: u8) -> Pepper {
    Pepper::new((first..first + 32).collect()).unwrap()
}

fn verify(stored: &str, password: &str) -> Verdict {
    hasher().verify(Some(stored), &password.into(), &mut memory())
}

fn hashed(password: &str) -> PasswordHash {
    hasher().hash(&password.into(), &SeededRandom::new(1), &mut memory())
}

const MATCH: Verdict = Verdict::Match { outdated: false };
const OUTDATED: Verdict = Verdict::Match { outdated: true };

#[test]
fn a_hash_is_of_the_default_kind_and_has_its_own_salt() {
    let random = SeededRandom::new(1);
    let hasher = PasswordHasher::new(HashParams::default(), Pepper::none(), &random, &mut memory());
    let [one, two] = [(); 2].map(|()| hasher.hash(&"same".into(), &random, &mut memory()));
    assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_str());
    assert_ne!(one.as_str(), two.as_str());
    assert_eq!(hasher.verify(Some(one.as_str()), &"same".into(), &mut memory()), MATCH);
    assert_eq!(format!("{one:?}"), "PasswordHash([redacted])");
}

#[test]
fn the_whole_password_counts_and_only_nfc_is_applied() {
    let long = "a".repeat(1_000);
    for (set, given, verdict) in [
        ("caf\u{e9}", "cafe\u{301}", MATCH),
        ("cafe\u{301}", "caf\u{e9}", MATCH),
        ("secret", "secret ", Verdict::Mismatch),
        ("secret", "Secret", Verdict::Mismatch),
        ("\u{fb01}re", "fire", Verdict::Mismatch),
        (&format!("{long}x"), &format!("{long}y"), Verdict::Mismatch),
        ("nul\0one", "nul\0two", Verdict::Mismatch),
    ] {
        assert_eq!(verify(hashed(set).as_str(), given), verdict, "{set:?} {given:?}");
    }
    // The text that grows the most, of which no copy may be left behind.
    let text = "\u{1d160}".repeat(8);
    let normal = normalize(&text.as_str().into());
    assert_eq!((normal.len(), normal.capacity()), (96, 96));
}

/// Made with libargon2, libxcrypt and Python's hashlib; those of `lètmein` are in the tests of
/// Django.
const VECTORS: [(&str, &str); 19] = [
    (PHRASE, "$argon2d$v=16$m=64,t=2,p=2$c29tZXNhbHQ$rT8pw5EwEMHDBpFUeZwRHstWBYr8b9FCvgnoKSdHez0"),
    (PHRASE, "$argon2d$v=19$m=64,t=2,p=2$c29tZXNhbHQ$pGbN+DGPSELThn8SRxsGrBnjaOvFFDamA7zdFu8oqbM"),
    (PHRASE, "$argon2i$v=16$m=64,t=2,p=2$c29tZXNhbHQ$+NRkfz46+tyRrmyA3L+b49UZIwH8mtQPS0g1m5r9x7k"),
    (PHRASE, "$argon2i$m=64,t=2,p=2$c29tZXNhbHQ$+NRkfz46+tyRrmyA3L+b49UZIwH8mtQPS0g1m5r9x7k"),
    (PHRASE, "$argon2i$v=19$m=64,t=2,p=2$c29tZXNhbHQ$Qa+9KwT9lMGjI1xJfY7fudSJTfoMq/ihkJJjQPx18Us"),
    (PHRASE, "$argon2id$v=16$m=64,t=2,p=2$c29tZXNhbHQ$vTH5XjPlvnH4ZA6taxIA+u6F3RAqURG/eB4JlYdbAYU"),
    (PHRASE, "$argon2id$v=19$m=64,t=2,p=2$c29tZXNhbHQ$Z0LKhsMsH3d76tsmyyTcALP98L16+Pjsdn+nidS0JcM"),
    (
        PHRASE,
        "argon2$argon2id$v=19$m=64,t=2,p=2$c29tZXNhbHQ$Z0LKhsMsH3d76tsmyyTcALP98L16+Pjsdn+nidS0JcM",
    ),
    (PHRASE, "$2a$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS"),
    (PHRASE, "$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS"),
    (PHRASE, "$2y$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS"),
    (PHRASE, "bcrypt$$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS"),
    ("caf\u{e9}", "$2a$05$abcdefghijklmnopqrstuuwHEBwfBlpMyMqr2sl9Cm4E5Zt4e9XUe"),
    (
        PHRASE,
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$mp90zEQd5XGhjEv4WArVH4Z0XRSzkGWtJK2S/AXJlRU",
    ),
    (
        PHRASE,
        "scrypt$1024$seasalt$8$5$l8suLvyBQg6EEaxiU94A5MqNFA+ifkB9O0nlDrfbkLvhHOHm+Q68fclEV3UJ0Uvj5DZtTFgZbT70Vnq/eAnq0g==",
    ),
    (PHRASE, "pbkdf2_sha256$1000$seasalt$3xmXbyk2QpiyNcnoBbzRPwEBsYPTbDlRdtmLyBvQltA="),
    (
        PHRASE,
        "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$ppsXnjrdPB4KryJ6DrOqKqhkWrhv7PbKAMF1Eml8cZ4",
    ),
    (
        PHRASE,
        "$pbkdf2-sha256$1000$.//7//v/.//7//v/.//7/w$/qCuLlN0/fhR3P3HoQCPYK3wieuizgV6d3Ki9jr0j1s",
    ),
    ("l\u{e8}tmein", "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c="),
];
const PHRASE: &str = "correct horse battery staple";

/// One memory serves all kinds, one after the other; a comparison that failed changes nothing
/// for the next.
#[test]
fn memory_goes_from_one_kind_of_hash_to_the_next() {
    let (hasher, mut memory) = (hasher(), memory());
    for (password, stored) in VECTORS {
        for (given, verdict) in [("wrong", Verdict::Mismatch), (password, OUTDATED)] {
            assert_eq!(
                hasher.verify(Some(stored), &given.into(), &mut memory),
                verdict,
                "{stored}"
            );
        }
        assert_eq!(hasher.verify(None, &password.into(), &mut memory), Verdict::Mismatch);
        let new = hasher.hash(&password.into(), &SeededRandom::new(1), &mut memory);
        assert_eq!(new.as_str(), hashed(password).as_str());
    }
}

#[test]
fn hashes_of_other_systems_match_and_are_outdated() {
    for (password, stored) in VECTORS {
        assert_eq!(verify(stored, password), OUTDATED, "{stored}");
        let other = password.to_uppercase();
        assert_eq!(verify(stored, &other), Verdict::Mismatch, "{stored}");
        assert_eq!(verify(stored, ""), Verdict::Mismatch, "{stored}");
    }
}

#[test]
fn other_systems_hashed_what_was_typed() {
    let composed = "pbkdf2_sha256$1000$seasalt$YmHjLPk97D05jH1HTdnipqUCkw7I+R12S+4SmPgr6Mw=";
    let decomposed = "pbkdf2_sha256$1000$seasalt$U9vql0UGovZ4kxk176T3aUkhnmD005c5nqbwcJZtXpc=";
    assert_eq!(verify(composed, "caf\u{e9}"), OUTDATED);
    assert_eq!(verify(composed, "cafe\u{301}"), OUTDATED);
    assert_eq!(verify(decomposed, "cafe\u{301}"), OUTDATED);
    assert_eq!(verify(decomposed, "caf\u{e9}"), Verdict::Mismatch);
    for stored in [composed, decomposed] {
        assert_eq!(verify(stored, "wrong cafe\u{301}"), Verdict::Mismatch, "{stored}");
    }
}

#[test]
fn bcrypt_knows_72_bytes_and_no_nul() {
    let salt = "$2b$05$abcdefghijklmnopqrstuu";
    let of_73 = format!("{salt}GUnCqbfgs3htOkLrFduUjAyLBw1Rq/u");
    assert_eq!(verify(&of_73, &"a".repeat(72)), OUTDATED);
    assert_eq!(verify(&of_73, &format!("{}b", "a".repeat(72))), OUTDATED);
    assert_eq!(verify(&of_73, &"a".repeat(71)), Verdict::Mismatch);
    let of_71 = format!("{salt}ldF68XqW1jV1pTkp5QRjAP2izYsMp1u");
    assert_eq!(verify(&of_71, &"a".repeat(71)), OUTDATED);
    assert_eq!(verify(&of_71, &"a".repeat(72)), Verdict::Mismatch);
    let of_nothing = format!("{salt}0oImNDIy4flhldV9YqunRgBAePKmw7m");
    assert_eq!(verify(&of_nothing, ""), OUTDATED);
    assert_eq!(verify(&of_nothing, "\0"), Verdict::Mismatch);
    let of_a = format!("{salt}8.veTXNDPV2eEsdpKNczMw2otgh5LnK");
    assert_eq!(verify(&of_a, "a"), OUTDATED);
    assert_eq!(verify(&of_a, "a\0a"), Verdict::Mismatch, "which bcrypt itself does not tell apart");
    // A salt with bits behind its last byte.
    assert_eq!(verify(&of_a.replace("uu8.", "uv8."), "a"), OUTDATED);
}

#[test]
fn a_hostile_hash_is_unusable_and_costs_nothing() {
    use Unusable::{Malformed, TooExpensive, TooWeak, UnknownKind, UnknownPepper};

    let rest = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    for (head, reason) in [
        ("$argon2id$v=19$m=4294967295,t=1,p=1", TooExpensive),
        ("$argon2id$v=19$m=262145,t=1,p=1", TooExpensive),
        ("$argon2id$v=19$m=64,t=4294967295,p=1", TooExpensive),
        ("$argon2id$v=19$m=64,t=17,p=1", TooExpensive),
        ("$argon2id$v=19$m=262144,t=1,p=17", TooExpensive),
        ("$argon2id$v=19$m=4294967296,t=1,p=1", Malformed),
        ("$argon2id$v=19$m=64,t=0,p=1", Malformed),
        ("$argon2id$v=19$m=64,t=1,p=0", Malformed),
        ("$argon2id$v=19$m=8,t=1,p=16", Malformed),
        ("$argon2id$v=19$m=0,t=1,p=1", Malformed),
        ("$argon2id$v=19$m=64,t=1", Malformed),
        ("$argon2id$v=19$m=64,t=1,p=1,data=AAAA", Malformed),
        ("$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA", UnknownPepper),
        ("$argon2id$v=19$keyid=AAAA,m=64,t=1,p=1", Malformed),
        ("$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA,keyid=AAAA", Malformed),
        ("$argon2id$v=19$m=64,m=64,t=1,p=1", Malformed),
        ("$argon2id$v=19$m=-1,t=1,p=1", Malformed),
        ("$argon2id$v=18$m=64,t=1,p=1", UnknownKind),
        ("$argon2$v=19$m=64,t=1,p=1", UnknownKind),
        ("$scrypt$v=19$ln=10,r=8,p=1", UnknownKind),
        ("$scrypt$ln=10,r=8", Malformed),
        ("$scrypt$ln=0,r=8,p=1", Malformed),
        ("$scrypt$ln=10,r=0,p=1", Malformed),
        ("$scrypt$ln=10,r=8,p=0", Malformed),
        ("$scrypt$ln=10,r=4294967295,p=4294967295", TooExpensive),
        ("$scrypt$ln=1,r=1048577,p=1", TooExpensive),
        ("$scrypt$ln=1,r=1,p=4294967295", TooExpensive),
        ("$scrypt$ln=19,r=8,p=1", TooExpensive),
        ("$scrypt$ln=14,r=8,p=33", TooExpensive),
        ("$scrypt$ln=63,r=1,p=1", TooExpensive),
        ("$scrypt$ln=10,r=8,p=1,x=1", Malformed),
        ("$scrypt$ln=4294967295,r=1,p=1", TooExpensive),
        ("$pbkdf2-sha256$i=5000001,l=32", TooExpensive),
        ("$pbkdf2-sha256$i=999,l=32", TooWeak),
        ("$pbkdf2-sha256$i=1000,l=31", Malformed),
        ("$pbkdf2-sha256$l=32,i=1000", Malformed),
        ("$pbkdf2-sha256$i=1000,l=32,x=1", Malformed),
        ("$pbkdf2-sha256$", Malformed),
        ("$pbkdf2-sha512$i=1000,l=32", UnknownKind),
        ("scrypt$1000$seasalt$8$1", Malformed),
        ("scrypt$1073741824$seasalt$8$1", Malformed),
    ] {
        let stored = format!("{head}${rest}");
        assert_eq!(verify(&stored, "password"), Verdict::Unusable(reason), "{stored}");
    }
    let output = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc=";
    let huge = format!("$argon2id${}", "9".repeat(1 << 20));
    let long = "A".repeat(88);
    for (stored, reason) in [
        ("", UnknownKind),
        ("$", UnknownKind),
        ("password", UnknownKind),
        ("!", UnknownKind),
        ("md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", UnknownKind),
        ("$argon2id$v=19$m=64,t=1,p=1", Malformed),
        ("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", Malformed),
        (
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            Malformed,
        ),
        ("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMa", TooWeak),
        ("argon2$", UnknownKind),
        ("bcrypt$", UnknownKind),
        ("$2b$16$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", TooExpensive),
        ("$2b$4294967295$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", TooExpensive),
        ("$2b$03$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", Malformed),
        ("$2b$xx$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", Malformed),
        ("$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuSS", Malformed),
        ("$2b$05$abcdefghijklmnopqrstu", Malformed),
        // The `é` would be cut in two between salt and output, by whoever counts bytes.
        ("$2b$05$abcdefghijklmnopqrstu\u{e9}FiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", Malformed),
        ("$2x$05$abcdefghijklmnopqrstuuDX9/DOnZCKDgwDnMgqi9TwUyAWvS4u.", UnknownKind),
        ("$2$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS", UnknownKind),
        (&format!("scrypt$1000$seasalt$8$1${output}"), Malformed),
        (&format!("scrypt$0$seasalt$8$1${output}"), Malformed),
        (&format!("scrypt$1$seasalt$8$1${output}"), Malformed),
        (&format!("scrypt$1073741824$seasalt$8$1${output}"), TooExpensive),
        (&format!("scrypt$1024$seasalt$8$1${}{output}", &long[..84]), Malformed),
        ("scrypt$1024$seasalt$8$1$AAAA", TooWeak),
        ("scrypt$1024$seasalt$8$1$", TooWeak),
        (&format!("pbkdf2_sha256$4294967295$seasalt${output}"), TooExpensive),
        (&format!("pbkdf2_sha256$many$seasalt${output}"), Malformed),
        (&format!("pbkdf2_sha256$1000$seasalt${long}"), Malformed),
        (&format!("pbkdf2_sha256$1$seasalt${long}"), Malformed),
        (&format!("pbkdf2_sha256$1000${}${output}", "s".repeat(961)), Malformed),
        ("pbkdf2_sha256$1000$seasalt$AAAA", TooWeak),
        (&huge, Malformed),
    ] {
        assert_eq!(verify(stored, "password"), Verdict::Unusable(reason), "{stored:.99}");
    }
}

#[test]
fn a_hash_at_the_bounds_is_recognized() {
    let hasher = hasher();
    let least = "A".repeat(22);
    let most = format!("{}==", "A".repeat(86));
    for stored in [
        format!("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ${least}"),
        format!("$argon2id$v=19$m=262144,t=16,p=16$c29tZXNhbHQ${least}"),
        "$2b$04$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS".to_owned(),
        "$2b$15$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS".to_owned(),
        format!("$pbkdf2-sha256$i=1000,l=16$c29tZXNhbHQ${least}"),
        format!("$pbkdf2-sha256$i=5000000$c29tZXNhbHQ${least}"),
        format!("pbkdf2_sha256$1000$seasalt${most}"),
        format!("scrypt$1024$seasalt$8$1${most}"),
        format!("$scrypt$ln=10,r=8,p=1$c29tZXNhbHQ${least}"),
        // 257 MiB, and four times the work that OWASP recommends.
        format!("$scrypt$ln=9,r=4096,p=1$c29tZXNhbHQ${least}"),
        format!("$scrypt$ln=21,r=1,p=1$c29tZXNhbHQ${least}"),
        format!("$scrypt$ln=14,r=8,p=32$c29tZXNhbHQ${least}"),
        // A kilobyte in all.
        format!("pbkdf2_sha256$1000${}${least}==", "s".repeat(980)),
    ] {
        assert!(stored.len() <= 1_024);
        assert!(hasher.recognize(&stored).is_ok(), "{stored}");
    }
}

#[test]
fn no_broken_hash_panics() {
    let hasher = hasher();
    for (_, stored) in VECTORS {
        for at in 0..stored.len() {
            let (before, after) = stored.split_at(at);
            let _ = hasher.recognize(before);
            for other in ["$", "=", "9", "\u{e9}"] {
                let _ = hasher.recognize(&format!("{before}{other}{after}"));
                let _ = hasher.recognize(&format!("{before}{other}{}", &after[1..]));
            }
        }
    }
}

#[test]
fn a_hash_of_other_parameters_is_outdated() {
    let stored = hashed("secret");
    let default = PasswordHasher::new(
        HashParams::default(),
        Pepper::none(),
        &SeededRandom::new(0),
        &mut memory(),
    );
    assert_eq!(default.verify(Some(stored.as_str()), &"secret".into(), &mut memory()), OUTDATED);
    assert_eq!(verify(stored.as_str(), "secret"), MATCH);
    let short_salt = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$\
                      CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hasher = hasher();
    let short_salt = hasher.recognize(short_salt);
    assert!(short_salt.is_ok_and(|stored| stored.is_outdated(CHEAP, &Pepper::none())));
}

#[test]
fn a_peppered_hash_of_the_reference_implementation_matches() {
    let stored = "$argon2id$v=19$m=64,t=1,p=1,keyid=2nx7q+Ys$c29tZXNhbHQ$\
                  sDb3RbwTAHe+m9MympjsviSUbGzkJ4KAZe6I9yrIP4E";
    let verdict = peppered(pepper(0)).verify(Some(stored), &PHRASE.into(), &mut memory());
    assert_eq!(verdict, OUTDATED, "its salt is short");
    let unpeppered = stored.replace(",keyid=2nx7q+Ys", "");
    let verdict = peppered(pepper(0)).verify(Some(&unpeppered), &PHRASE.into(), &mut memory());
    assert_eq!(verdict, Verdict::Mismatch);
}

#[test]
fn a_pepper_is_introduced_replaced_and_removed() {
    let unknown = Verdict::Unusable(Unusable::UnknownPepper);
    let hashers = [
        hasher(),
        peppered(Pepper::none().with_previous(pepper(0))),
        peppered(pepper(0)),
        peppered(pepper(0).with_previous(pepper(1))),
        peppered(pepper(1).with_previous(pepper(0))),
        peppered(pepper(1)),
    ];
    let of = |at: usize| hashers[at].hash(&"secret".into(), &SeededRandom::new(1), &mut memory());
    for (stored, verdicts) in [
        (of(0), [MATCH, MATCH, OUTDATED, OUTDATED, OUTDATED, OUTDATED]),
        (of(1), [MATCH, MATCH, OUTDATED, OUTDATED, OUTDATED, OUTDATED]),
        (of(2), [unknown, OUTDATED, MATCH, MATCH, OUTDATED, unknown]),
        (of(4), [unknown, unknown, unknown, OUTDATED, MATCH, MATCH]),
    ] {
        let stored = stored.as_str();
        let verify =
            |hasher: &PasswordHasher| hasher.verify(Some(stored), &"secret".into(), &mut memory());
        assert_eq!(hashers.each_ref().map(verify), verdicts, "{stored}");
        let wrong = hashers[3].verify(Some(stored), &"wrong".into(), &mut memory());
        assert_eq!(wrong, Verdict::Mismatch, "{stored}");
    }
}

#[test]
fn a_pepper_brings_along_those_that_it_replaced() {
    let first = peppered(pepper(0)).hash(&"secret".into(), &SeededRandom::new(1), &mut memory());
    let third = peppered(pepper(2).with_previous(pepper(1).with_previous(pepper(0))));
    assert_eq!(third.verify(Some(first.as_str()), &"secret".into(), &mut memory()), OUTDATED);
}

#[test]
fn the_dummy_is_what_would_be_made_now_and_unknown() {
    let hasher = hasher();
    let dummy = hasher.recognize(hasher.dummy.as_str());
    assert!(dummy.is_ok_and(|dummy| !dummy.is_outdated(CHEAP, &Pepper::none())));
    assert_eq!(hasher.verify(None, &"".into(), &mut memory()), Verdict::Mismatch);
    assert!(peppered(pepper(0)).dummy.as_str().contains(",keyid=2nx7q+Ys$"));
}
