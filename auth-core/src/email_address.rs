use std::error::Error;
use std::fmt;
use std::hash::{Hash, Hasher};

use email_address::{EmailAddress as AddrSpec, Options};
use unicode_normalization::is_nfkc;

/// A mailbox: one `addr-spec` of RFC 5321, in the spelling that was entered and in the one that is compared.
///
/// Two addresses are equal if their canonical forms are, byte for byte. `Debug` masks the local
/// part, as in `j***@example.com`, so that an address can stand in a log.
///
/// # Security
///
/// Uniqueness, lookups and limiter keys use [`canonical`](Self::canonical), mail goes to
/// [`original`](Self::original), and both come from this one place. Folding the case of the local
/// part unites mailboxes that only a server with case-sensitive ones would keep apart.
#[derive(Clone)]
pub struct EmailAddress {
    canonical: String,
    original: String,
}

impl EmailAddress {
    /// Parses one address, as a user would type it.
    ///
    /// Nothing is trimmed or repaired. The local part is an ASCII dot-atom of at most 64
    /// characters. The domain may be internationalised (UTS 46, strict and non-transitional), has
    /// at least two labels, and is no IP address. The whole has at most 254 characters, counted
    /// with the domain as A-labels.
    ///
    /// # Errors
    ///
    /// If `text` is anything else: a list, a display name, a comment, a quoted local part, a domain
    /// literal, white space, a control character, or a character that NFKC would replace by another.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        // Normalisation and Punycode cost more than linear time: bound them first.
        if text.len() > MAX_INPUT || !is_nfkc(text) {
            return Err(EmailAddressError(()));
        }
        let (local, domain) = text.split_once('@').ok_or(EmailAddressError(()))?;
        let a_labels =
            idna::domain_to_ascii_strict(domain).map_err(|_invalid| EmailAddressError(()))?;
        let address = format!("{local}@{a_labels}");
        if !is_plain(local)
            || !ends_in_a_name(&a_labels)
            || address.len() > MAX_LENGTH
            || AddrSpec::parse_with_options(&address, syntax()).is_err()
        {
            return Err(EmailAddressError(()));
        }
        Ok(Self {
            canonical: address.to_ascii_lowercase(),
            original: if domain.is_ascii() { text.to_owned() } else { address },
        })
    }

    /// Returns the form to compare and to look up: all in lower case, the domain as A-labels.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the form to send mail to: as entered, but with an internationalised domain as A-labels.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.original
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) =
            self.canonical.split_once('@').expect("a parsed address has an at sign");
        write!(f, "{}***@{domain}", &local[..1])
    }
}

impl Eq for EmailAddress {}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

/// The text is not an [`EmailAddress`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EmailAddressError(());

impl fmt::Display for EmailAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid e-mail address")
    }
}

impl Error for EmailAddressError {}

/// Whether the local part is unquoted ASCII, without comments.
fn is_plain(local: &str) -> bool {
    !local.is_empty()
        && local.len() <= MAX_LOCAL_LENGTH
        && local.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>@[\\]".contains(&byte))
}

/// Whether the last of several labels is a name, which the last part of an IP address is not.
fn ends_in_a_name(domain: &str) -> bool {
    domain
        .rsplit_once('.')
        .is_some_and(|(_, top)| top.starts_with(|c: char| c.is_ascii_lowercase()))
}

fn syntax() -> Options {
    Options::default().with_required_tld().without_display_text().without_domain_literal()
}

/// In bytes, of RFC 5321 §4.5.3.1.3 without the angle brackets.
const MAX_LENGTH: usize = 254;

/// In bytes, of RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_LENGTH: usize = 64;

/// In bytes: four for each character that an address can have.
const MAX_INPUT: usize = 4 * MAX_LENGTH;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_canonical_form() {
        for (text, canonical, original) in [
            ("bob@example.org", "bob@example.org", "bob@example.org"),
            ("Bob@EXAMPLE.org", "bob@example.org", "Bob@EXAMPLE.org"),
            ("Bob.o'Neil+a@b.example", "bob.o'neil+a@b.example", "Bob.o'Neil+a@b.example"),
            ("Bob@BÜCHER.example", "bob@xn--bcher-kva.example", "Bob@xn--bcher-kva.example"),
            ("b@XN--BCHER-KVA.example", "b@xn--bcher-kva.example", "b@XN--BCHER-KVA.example"),
            ("b@faß.example", "b@xn--fa-hia.example", "b@xn--fa-hia.example"),
        ] {
            let address = EmailAddress::parse(text).unwrap();
            assert_eq!(address.canonical(), canonical, "{text}");
            assert_eq!(address.original(), original, "{text}");
            assert_eq!(EmailAddress::parse(canonical), Ok(address.clone()), "{text}");
            assert_eq!(EmailAddress::parse(original), Ok(address.clone()), "{text}");
            assert_ne!(EmailAddress::parse("other@b.example"), Ok(address), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "@",
            "a",
            "a@",
            "@x.example",
            "a@x",
            "a@localhost",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@x.example.",
            "a@.example",
            "a@x..example",
            "a@-x.example",
            "a@x_y.example",
            "a@x.example,b@y.example",
            "a@x,b@y",
            "a@b@x.example",
            "A <a@x.example>",
            "<a@x.example>",
            "mailto:a@x.example",
            "a(comment)@x.example",
            "a@x.example(comment)",
            "\"a\"@x.example",
            "\"e@evil.example\"@x.example",
            ".a@x.example",
            "a.@x.example",
            "a..b@x.example",
            " a@x.example",
            "a@x.example ",
            "a b@x.example",
            "a@x.example\n",
            "a@x.example\r\nBcc: b@y.example",
            "a\r\n@x.example",
            "a\0@x.example",
            "a\u{7f}@x.example",
            "bøb@x.example",
            "\u{131}@x.example",
            "\u{17f}@x.example",
            "\u{212a}@x.example",
            "a@\u{212a}.example",
            "a@\u{17f}.example",
            "a\u{ff20}x.example",
            "a\u{ff20}y@x.example",
            "a@x\u{ff0e}example",
            "a\u{200b}@x.example",
            "a@u\u{308}x.example",
            "a@xn--a.example",
        ] {
            assert_eq!(EmailAddress::parse(text), Err(EmailAddressError(())), "{text:?}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let domain = |length: usize| {
            let labels = format!("{0}.{0}.{0}", "x".repeat(60));
            format!("{labels}.{}", "y".repeat(length - labels.len() - 1))
        };
        for (local, length, fits) in [(64, 189, true), (65, 188, false), (64, 190, false)] {
            let text = format!("{}@{}", "a".repeat(local), domain(length));
            assert_eq!(EmailAddress::parse(&text).is_ok(), fits, "{local} @ {length}");
        }
        assert!(EmailAddress::parse(&format!("a@{}.example", "ü".repeat(1_000_000))).is_err());
    }

    #[test]
    fn an_address_is_masked_in_logs() {
        let address = EmailAddress::parse("Jane@example.com").unwrap();
        assert_eq!(format!("{address:?}"), "j***@example.com");
    }
}
