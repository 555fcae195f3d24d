//! Instances are asked to end, as a deployment of the next version asks them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::drill::Drill;
use super::environment::Plan;
use super::instance::Instance;
use super::process::{PATIENCE, until};
use super::world::Setup;
use crate::app::MOUNT;
use crate::{Request, client};

/// Each says first that it is to get no more requests, answers those that it has, and ends by itself.
pub(super) fn is_asked_to_end(plan: &Plan) {
    Drill {
        setup: Setup { settings: &[("AUTH_DRAIN", "1s")], ..Setup::default() },
        run: &|world| {
            for server in &mut world.servers {
                replace(server);
            }
            for worker in &mut world.workers {
                worker.process().signal("TERM");
                ends(worker);
                worker.restart();
            }
        },
        ..Drill::of("servers and workers asked to end (SIGTERM) one after the other")
    }
    .run(plan);
}

fn replace(server: &mut Instance) {
    let port = server.port();
    let status = |path: &str| {
        let request = Request::get(path).to_bytes(MOUNT, port);
        client::attempt(port, &request, Duration::from_secs(5)).ok().map(|reply| reply.status)
    };
    let body = json!({ "email": "nobody@example.com" });
    let request = Request::post("/request-password-reset", &body).to_bytes(MOUNT, port);
    let (first, rest) = request.split_at(request.len() - 1);
    let mut under_way = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    under_way.set_read_timeout(Some(PATIENCE)).expect("an open socket takes options");
    under_way.write_all(first).expect("it reads");

    server.process().signal("TERM");
    until(PATIENCE, "a server that drains says so", || status("/health") == Some(503));
    assert_eq!(status("/health/live"), Some(200));
    until(PATIENCE, "it accepts nothing", || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
    });
    let mut answer = String::new();
    under_way.write_all(rest).expect("it still reads");
    under_way.read_to_string(&mut answer).expect("it still answers");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    ends(server);
    server.restart();
    server.wait_until_ready();
}

/// Within the ten seconds that requests under way have, and then some.
fn ends(instance: &mut Instance) {
    let ended = instance.process().wait(Duration::from_secs(20));
    assert!(ended.success(), "{ended}: {}", instance.process().last_words());
}
