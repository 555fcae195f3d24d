//! What clients ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auth_bench::{MOUNT, PASSWORD, PEOPLE, Result, email};

use crate::http::{Answer, Connection, request};
use crate::load::{Script, Scripts};

/// What a sign-in gave.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// Signs in so many people, one after the other, from the one with that number on.
pub(crate) async fn sign_in(port: u16, people: impl Iterator<Item = u64>) -> Result<Vec<Tokens>> {
    let mut connection = Connection::open(port).await?;
    let mut tokens = Vec::new();
    for person in people {
        let answer = connection.ask(&credentials("/sign-in", &email(person))).await?;
        let texts = (answer.text("access_token"), answer.text("refresh_token"));
        let (Some(access), Some(refresh)) = texts else {
            return Err(format!("a sign-in was answered {}", answer.status).into());
        };
        tokens.push(Tokens { access: access.to_owned(), refresh: refresh.to_owned() });
    }
    Ok(tokens)
}

/// Clients who each get `path` again and again, with a token of their own.
pub(crate) fn gets(path: &str, tokens: &[Tokens]) -> Scripts {
    let get = |token: &Tokens| {
        let request = request(&format!("GET {path}"), &format!("Bearer {}", token.access), "");
        Repeated::script(vec![request], 200)
    };
    tokens.iter().map(get).collect()
}

/// Clients who each sign in one person after the other, and no two the same.
pub(crate) fn sign_ins(clients: usize) -> Scripts {
    let sign_in = |person| credentials("/sign-in", &email(person));
    (0..clients)
        .map(|client| Repeated::script(shares(client, clients).map(sign_in).collect(), 200))
        .collect()
}

/// Clients who each ask the least possible server about one row after the other.
pub(crate) fn rows(line: &str, clients: usize) -> Scripts {
    let ask = |row: u64| request(line, &row.to_string(), "");
    (0..clients)
        .map(|client| Repeated::script(shares(client, clients).map(ask).collect(), 200))
        .collect()
}

/// Clients who each sign up one new address after the other.
pub(crate) fn sign_ups(clients: usize, numbers: &Arc<AtomicU64>) -> Scripts {
    let script = |_| -> Box<dyn Script> {
        Box::new(SignUps { numbers: Arc::clone(numbers), request: Vec::new() })
    };
    (0..clients).map(script).collect()
}

/// Clients who each refresh one session after the other, and no two the same.
pub(crate) fn refreshes(clients: usize, tokens: &[Tokens]) -> Scripts {
    let script = |client| -> Box<dyn Script> {
        let own = tokens.iter().skip(client).step_by(clients);
        let tokens = own.map(|it| it.refresh.clone()).collect();
        Box::new(Refreshes { tokens, next: 0, request: Vec::new() })
    };
    (0..clients).map(script).collect()
}

/// The numbers that are this client's.
fn shares(client: usize, clients: usize) -> impl Iterator<Item = u64> {
    (1..=PEOPLE).skip(client).step_by(clients)
}

fn credentials(path: &str, email: &str) -> Vec<u8> {
    let body = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
    request(&format!("POST {MOUNT}{path}"), "", &body)
}

struct Repeated {
    requests: Vec<Vec<u8>>,
    next: usize,
    status: u16,
}

impl Repeated {
    fn script(requests: Vec<Vec<u8>>, status: u16) -> Box<dyn Script> {
        Box::new(Self { requests, next: 0, status })
    }
}

impl Script for Repeated {
    fn next(&mut self) -> &[u8] {
        let request = &self.requests[self.next];
        self.next = (self.next + 1) % self.requests.len();
        request
    }

    fn answered(&mut self, answer: &Answer<'_>) -> bool {
        answer.status == self.status
    }
}

struct SignUps {
    numbers: Arc<AtomicU64>,
    request: Vec<u8>,
}

impl Script for SignUps {
    fn next(&mut self) -> &[u8] {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.request = credentials("/sign-up", &format!("newcomer{number}@example.com"));
        &self.request
    }

    fn answered(&mut self, answer: &Answer<'_>) -> bool {
        answer.status == 202
    }
}

struct Refreshes {
    tokens: Vec<String>,
    next: usize,
    request: Vec<u8>,
}

impl Script for Refreshes {
    fn next(&mut self) -> &[u8] {
        let body = format!(r#"{{"refresh_token":"{}"}}"#, self.tokens[self.next]);
        self.request = request(&format!("POST {MOUNT}/access"), "", &body);
        &self.request
    }

    fn answered(&mut self, answer: &Answer<'_>) -> bool {
        let Some(token) = answer.text("refresh_token") else { return false };
        token.clone_into(&mut self.tokens[self.next]);
        self.next = (self.next + 1) % self.tokens.len();
        answer.status == 200
    }
}
