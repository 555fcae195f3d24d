use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Returns the address of the client: of the nearest hop that is not a trusted proxy.
///
/// `peer` is the other end of the connection. If it is trusted, `X-Forwarded-For` is read from its
/// end, where the nearest proxy has added the hop before it. If every hop is trusted, the farthest is
/// the client.
///
/// # Security
///
/// What stands before the first untrusted hop was written by that hop and is not read: nobody chooses
/// the address that they are limited by. A hop that is no address, and a chain of more than 32 trusted
/// hops, leave the peer as the client.
pub(crate) fn client_address(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> Option<IpAddr> {
    let peer = peer?.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !is_trusted(peer) {
        return Some(peer);
    }
    let hops = headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .flat_map(|value| value.as_bytes().rsplit(|&byte| byte == b','));
    let mut client = peer;
    for (index, hop) in hops.enumerate() {
        match address(hop) {
            Some(address) if index < MAX_HOPS => client = address,
            _ => return Some(peer),
        }
        if !is_trusted(client) {
            break;
        }
    }
    Some(client)
}

/// Parses an address with or without a port, an IPv6 address with or without brackets.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = str::from_utf8(hop).ok()?.trim_matches([' ', '\t']);
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    hop.parse()
        .ok()
        .or_else(|| hop.parse().ok().map(|socket: SocketAddr| socket.ip()))
        .or_else(|| bracketed().map(IpAddr::V6))
        .map(|address| address.to_canonical())
}

const MAX_HOPS: usize = 32;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn headers_of_untrusted_peers_are_ignored() {
        for (peer, client) in [
            (None, None),
            (Some("8.8.8.8"), Some("8.8.8.8")),
            (Some("::ffff:8.8.8.8"), Some("8.8.8.8")),
            (Some("2001:db8::1"), Some("2001:db8::1")),
        ] {
            assert_eq!(client_behind(peer, &[b"1.1.1.1"]), client.map(parse), "{peer:?}");
        }
    }

    #[test]
    fn the_first_untrusted_hop_is_the_client() {
        let nothing: [&[u8]; 0] = [];
        for peer in ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"] {
            assert_eq!(client_behind(Some(peer), &nothing), Some(parse(peer).to_canonical()));
        }
        let cases: [(&[&[u8]], &str); 17] = [
            (&[b"1.1.1.1"], "1.1.1.1"),
            (&[b"2.2.2.2, 1.1.1.1"], "1.1.1.1"),
            (&[b"2.2.2.2", b"1.1.1.1"], "1.1.1.1"),
            (&[b"2.2.2.2,1.1.1.1,10.0.0.7"], "1.1.1.1"),
            (&[b"2.2.2.2, 1.1.1.1", b"10.0.0.8, fd00::2"], "1.1.1.1"),
            (&[b"junk, 1.1.1.1"], "1.1.1.1"),
            (&[b"10.0.0.8, 10.0.0.7"], "10.0.0.8"),
            (&[b"1.1.1.1:8080"], "1.1.1.1"),
            (&[b"2001:db8::1"], "2001:db8::1"),
            (&[b"[2001:db8::1]"], "2001:db8::1"),
            (&[b"[2001:db8::1]:443"], "2001:db8::1"),
            (&[b"::ffff:1.1.1.1"], "1.1.1.1"),
            (&[b"1.1.1.1, ::ffff:10.0.0.7"], "1.1.1.1"),
            (&[b"1.1.1.1, junk"], "10.0.0.1"),
            (&[b"1.1.1.1, unknown, 10.0.0.7"], "10.0.0.1"),
            (&[b"1.1.1.1,"], "10.0.0.1"),
            (&[b"1.1.1.1", b"\xff"], "10.0.0.1"),
        ];
        for (values, client) in cases {
            assert_eq!(client_behind(Some("10.0.0.1"), values), Some(parse(client)), "{values:?}");
        }
    }

    #[test]
    fn long_chains_are_not_followed() {
        for (hops, client) in [(31, "1.1.1.1"), (32, "10.0.0.1")] {
            let value = format!("1.1.1.1{}", ",10.0.0.7".repeat(hops));
            let client = Some(parse(client));
            assert_eq!(client_behind(Some("10.0.0.1"), &[value.as_bytes()]), client, "{hops}");
        }
    }

    fn client_behind(peer: Option<&str>, values: &[&[u8]]) -> Option<IpAddr> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
        }
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        client_address(peer.map(parse), &headers, &trusted)
    }

    fn parse(address: &str) -> IpAddr {
        address.parse().unwrap()
    }
}
