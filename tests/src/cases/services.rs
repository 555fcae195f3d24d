use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A Redis that is missing has to fail the run, whether or not anything asks it yet.
pub(super) fn redis() {
    let url = env::var("REDIS_URL").expect("REDIS_URL is set: run the tests with tests/run");
    let rest = url.strip_prefix("redis://").expect("REDIS_URL starts with redis://");
    let authority = rest.split('/').next().unwrap_or_default();
    let (credentials, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:6379") };
    let sign_in = match credentials.split_once(':') {
        Some(("", password)) => format!("AUTH {password}\r\n"),
        Some((user, password)) => format!("AUTH {user} {password}\r\n"),
        None => String::new(),
    };

    let mut stream = TcpStream::connect(&host).expect("the Redis of REDIS_URL listens");
    write!(stream, "{sign_in}PING\r\nQUIT\r\n").expect("Redis reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("Redis answers");
    assert!(answer.ends_with("+PONG\r\n+OK\r\n"), "{answer}");
}
