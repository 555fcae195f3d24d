//! The password policy: total, bounded in time, and of one mind about one text.

#![no_main]

use auth_core::{Password, PasswordPolicy, PasswordRejection};
use libfuzzer_sys::fuzz_target;

// A password, then lines of what its owner is called.
fuzz_target!(|input: &str| {
    let (text, context) = input.split_once('\n').unwrap_or((input, ""));
    let context: Vec<_> = context.split('\n').take(4).collect();
    let password = Password::from(text);
    let lenient = PasswordPolicy::default().min_score(0).expect("it is within its bounds");
    let strict = PasswordPolicy::nist();

    let verdict = PasswordPolicy::default().check(&password, &context);
    let characters = text.chars().count();
    match verdict {
        Ok(()) => {
            assert!((2..=1024).contains(&characters) && text.len() <= 4096);
            assert_eq!(lenient.check(&password, &context), Ok(()), "a lower score is easier");
            assert_eq!(lenient.check(&password, &[]), Ok(()), "a stranger's name is no reason");
        }
        // A composed character can take three to be written apart.
        Err(PasswordRejection::TooLong) => assert!(3 * characters > 256),
        Err(_) => assert!(strict.check(&password, &context).is_err(), "more is harder"),
    }
    if text.is_ascii() && verdict.is_ok() {
        assert!((8..=256).contains(&characters));
    }
});
