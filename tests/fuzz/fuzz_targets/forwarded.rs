//! Forwarded headers: nobody chooses the address that they are limited by.

#![no_main]

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use auth_core::fuzzing::client_address;
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;
use libfuzzer_sys::{Corpus, fuzz_target};

// The peer, and then lines of `X-Forwarded-For`.
fuzz_target!(|input: &[u8]| -> Corpus {
    let mut lines = input.split(|byte| *byte == b'\n');
    let peer = lines.next().and_then(|line| str::from_utf8(line).ok()?.parse::<IpAddr>().ok());
    let lines: Option<Vec<_>> = lines.map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let (Some(peer), Some(lines)) = (peer, lines) else { return Corpus::Reject };

    let found = client(peer, &lines);
    let hops: Vec<_> = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|hop| address(str::from_utf8(hop).unwrap_or("junk").trim_matches([' ', '\t'])))
        .collect();
    if !is_trusted(peer.to_canonical()) {
        assert_eq!(found, peer.to_canonical(), "a stranger's headers are not read");
    } else if found != peer.to_canonical() {
        let mut places = (0..hops.len()).filter(|at| hops[*at] == Some(found));
        let is_nearest = places.any(|at| {
            let nearer = &hops[at + 1..];
            nearer.iter().all(|hop| hop.is_some_and(is_trusted)) && (at == 0 || !is_trusted(found))
        });
        assert!(is_nearest, "{found} is not the nearest that is not trusted");
    }

    if !is_trusted(found) {
        for claim in ["6.6.6.6", "10.6.6.6", "junk", ""] {
            let mut lines = lines.clone();
            lines.insert(0, HeaderValue::from_static(claim));
            assert_eq!(client(peer, &lines), found, "the client has written {claim:?}");
        }
    }
    Corpus::Keep
});

fn client(peer: IpAddr, lines: &[HeaderValue]) -> IpAddr {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("x-forwarded-for", line.clone());
    }
    client_address(peer, &headers, &*TRUSTED).expect("there is a peer")
}

fn is_trusted(address: IpAddr) -> bool {
    TRUSTED.iter().any(|network| network.contains(&address))
}

fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let bare = bare.filter(|hop| hop.contains(':')).unwrap_or(hop).parse::<IpAddr>();
    let socket = hop.parse().map(|socket: SocketAddr| socket.ip());
    bare.or(socket).ok().map(|address| address.to_canonical())
}

static TRUSTED: LazyLock<[IpNet; 2]> = LazyLock::new(|| {
    ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("it is a network"))
});
