use unicode_normalization::is_nfc;

use super::*;

#[test]
fn lengths_are_in_code_points_after_nfc() {
    let policy = PasswordPolicy::default().min_score(0).unwrap();
    let filler = "xq7#";
    for (password, code) in [
        (String::new(), Err("too_short")),
        ("xq7#vK2".to_owned(), Err("too_short")),
        ("xq7#vK2m".to_owned(), Ok(())),
        ("e\u{301}q7#vK2".to_owned(), Err("too_short")),
        ("e\u{301}q7#vK2m".to_owned(), Ok(())),
        (filler.repeat(16), Ok(())),
        (filler.repeat(64), Ok(())),
        (filler.repeat(64) + "x", Err("too_long")),
        ("🦀".repeat(256), Ok(())),
        ("\u{1112}\u{1161}\u{11ab}".repeat(256), Ok(())),
        ("\u{1d160}".repeat(86), Err("too_long")), // three code points each
        (filler.repeat(2_500_000), Err("too_long")),
    ] {
        assert_eq!(check(&policy, &password, &[]), code, "{} bytes", password.len());
    }
}

#[test]
fn the_list_is_sorted_folded_and_long_enough() {
    let lines: Vec<&str> = COMMON_PASSWORDS.lines().collect();
    assert!(lines.len() >= 20_000, "{}", lines.len());
    assert!(lines.is_sorted_by(|a, b| a < b));
    assert!(COMMON_PASSWORDS.ends_with('\n') && !COMMON_PASSWORDS.contains('\r'));
    for line in &lines {
        assert!(line.chars().count() >= 8, "{line}");
        assert!(is_nfc(line) && line.to_lowercase() == **line, "{line}");
        assert!(is_common(line), "{line}");
    }
    assert!(lines.iter().filter(|line| line.chars().count() >= 15).count() >= 20);
}

#[test]
fn a_password_of_just_the_score_is_good_enough() {
    for password in ["qwjkx4zv", "seven plum", "seven plum tractors hum", "漢字漢字漢字漢字"]
    {
        let reached = score(password, &BTreeSet::new());
        let check = |min_score| {
            let policy = PasswordPolicy::default().min_score(min_score).unwrap();
            check(&policy, password, &[])
        };
        assert_eq!(check(reached), Ok(()), "{password}: {reached}");
        if reached < 4 {
            assert_eq!(check(reached + 1), Err("too_weak"), "{password}: {reached}");
        }
    }
}

#[test]
fn a_word_has_three_letters() {
    let policy = PasswordPolicy::default().min_score(0).unwrap();
    assert_eq!(check(&policy, "bobbobbob", &["bob"]), Err("contextual"));
    assert_eq!(check(&policy, "7:bob:2291", &["bob"]), Err("contextual"));
    assert_eq!(check(&policy, "bobobobo", &["bo"]), Ok(()));
}

#[test]
fn common_passwords_are_refused_in_any_case() {
    let policy = PasswordPolicy::default().min_score(0).unwrap();
    for password in ["password", "PassWord123", "Iloveyou", "passwordpassword", "1q2w3e4r"] {
        assert_eq!(check(&policy, password, &[]), Err("too_common"), "{password}");
    }
    for password in [" password", "password\n", "password\npassword1", "assword123zq", "~~~~~~~~~~"]
    {
        assert_eq!(check(&policy, password, &[]), Ok(()), "{password}");
    }
    assert_eq!(check(&PasswordPolicy::nist(), "passwordpassword", &[]), Err("too_common"));
}

#[test]
fn words_of_the_context_are_refused() {
    let policy = PasswordPolicy::default().min_score(0).unwrap().words(["Acme Cloud", "微信"]);
    let context = ["jane.doe@mail.wondercorp.example", "Rabbit77", "20260101"];
    for (password, code) in [
        ("acmeacmeacmeacme", Err("contextual")),
        ("Acme-2026!", Err("contextual")),
        ("AcmeCloud1", Err("contextual")),
        ("acme cloud", Err("contextual")),
        ("janedoe99", Err("contextual")),
        ("Jane.Doe@mail.wondercorp.example", Err("contextual")),
        ("wondercorp", Err("contextual")),
        ("1Wondercorp", Err("contextual")),
        ("rabbit77rabbit77", Err("contextual")),
        ("2026010120260101", Err("contextual")),
        ("微信微信微信微信", Err("contextual")),
        ("acme is not my maker", Ok(())),
        ("20260102202601021", Ok(())),
    ] {
        assert_eq!(check(&policy, password, &context), code, "{password}");
    }
}

#[test]
fn guessable_passwords_are_refused() {
    let policy = PasswordPolicy::default();
    for (password, code) in [
        ("aaaaaaaaaaaaaaaa", Err("too_weak")),
        ("abcdefghijklmnop", Err("too_weak")),
        ("P@ssw0rd1!x", Err("too_weak")),
        ("Mirvolan!Q7", Err("too_weak")),
        ("Dalrimun!Q7", Ok(())),
        ("пароль12", Err("too_weak")),
        ("가가가가가가가가", Err("too_weak")),
        ("비밀번호비밀번호", Err("too_weak")),
        ("一丁丂七丄丅丆万", Err("too_weak")),
        ("correct horse battery staple", Ok(())),
        ("onlylowercaselettersbutlong", Ok(())),
        ("   🦀  🐙   🦑  🐡  ", Ok(())),
        ("жщпвкёнруэбадхыц", Ok(())),
        ("蘋魚鑰飛雪橋燈舟夢竹鐘岸藍貓徑霧", Ok(())),
        ("뷁숲핥쟁돌밤굴픽놀젤먹튼쇠힌캄옷", Ok(())),
        ("뷁숲핥쟁돌밤굴픽", Ok(())),
    ] {
        let context = ["jane@mirvolan.example"];
        assert_eq!(check(&policy, password, &context), code, "{password}");
    }
    let strictest = PasswordPolicy::default().min_score(4).unwrap();
    assert_eq!(check(&strictest, &"xq7#".repeat(25), &[]), Err("too_weak"));
}

#[test]
fn settings_are_bounded() {
    for (length, fits) in [(7, false), (8, true), (64, true), (65, false)] {
        assert_eq!(PasswordPolicy::default().min_length(length).is_ok(), fits, "{length}");
    }
    for (score, fits) in [(0, true), (4, true), (5, false)] {
        assert_eq!(PasswordPolicy::default().min_score(score).is_ok(), fits, "{score}");
    }
    assert_eq!(check(&PasswordPolicy::nist(), "xq7#vK2mQz!9pw", &[]), Err("too_short"));
    assert_eq!(check(&PasswordPolicy::nist(), "xq7#vK2mQz!9pwB", &[]), Ok(()));
}

fn check(policy: &PasswordPolicy, password: &str, context: &[&str]) -> Result<(), &'static str> {
    policy.check(&Password::from(password), context).map_err(|rejection| rejection.code())
}
