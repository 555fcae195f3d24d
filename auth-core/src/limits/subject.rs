use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Limit;
use crate::SessionId;
use crate::crypto::seal::Sealer;

/// The network of a client, whose addresses are one to a limit: an IPv4 address, or the /64 of an
/// IPv6 address, which is what one subscriber has (RFC 6177).
///
/// Clients whose address nobody knows are one network together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Network(Option<IpAddr>);

impl Network {
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from_bits(prefix))
            }
        }))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// Names what is counted, by keyed digests: whoever reads the counters learns no address from them.
pub(crate) struct Subjects(Arc<Sealer>);

impl Subjects {
    pub(crate) fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }

    /// The requests of a network.
    pub(crate) fn requests(&self, limit: Limit, network: Network) -> String {
        self.named(limit.as_str(), &[&network.to_string()])
    }

    /// The wrong passwords of a name, from everywhere.
    pub(crate) fn passwords(&self, login: &str) -> String {
        self.named("wrong_passwords", &[login])
    }

    /// The same from one network.
    pub(crate) fn passwords_from(&self, login: &str, network: Network) -> String {
        self.named("wrong_passwords_from", &[login, &network.to_string()])
    }

    /// The wrong passwords of who is signed in, in one session.
    pub(crate) fn passwords_in(&self, session: SessionId) -> String {
        self.named("wrong_passwords_in", &[&session.to_string()])
    }

    /// That a user has proven themselves from a network.
    pub(crate) fn known(&self, user: &str, network: Network) -> String {
        self.named("known_network", &[user, &network.to_string()])
    }

    fn named(&self, kind: &str, parts: &[&str]) -> String {
        let mut input = kind.as_bytes().to_vec();
        for part in parts {
            // No part has a NUL, so what differs is named differently.
            input.push(0);
            input.extend(part.as_bytes());
        }
        format!("{kind}:{}", URL_SAFE_NO_PAD.encode(self.0.subject(&input)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MasterSecret, SeededRandom};

    #[test]
    fn a_subscriber_is_one_network() {
        let network = |text: &str| Network::of(Some(text.parse().unwrap())).to_string();
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            assert_eq!(network(address), expected, "{address}");
        }
        assert_eq!(Network::of(None).to_string(), "unknown");
    }

    #[test]
    fn what_differs_is_named_differently_and_says_nothing() {
        let secret = |seed| MasterSecret::generate(&SeededRandom::new(seed));
        let subjects = Subjects::new(Arc::new(Sealer::new(&secret(1))));
        let [here, there, elsewhere] = ["192.0.2.7", "192.0.2.8", "2.0.2.7"]
            .map(|text| Network::of(Some(text.parse().unwrap())));
        let name = subjects.passwords_from("ada@example.com", here);
        assert!(!name.contains("ada") && !name.contains("192"), "{name}");
        let other = Subjects::new(Arc::new(Sealer::new(&secret(2))));
        for different in [
            subjects.passwords_from("ada@example.com", there),
            subjects.passwords_from("eve@example.com", here),
            subjects.known("ada@example.com", here),
            other.passwords_from("ada@example.com", here),
        ] {
            assert_ne!(different, name);
        }
        assert_eq!(subjects.passwords_from("ada@example.com", here), name);
        // Where one part ends and the next begins is part of the name.
        assert_ne!(
            subjects.passwords_from("ada", here),
            subjects.passwords_from("ada19", elsewhere),
        );
    }
}
