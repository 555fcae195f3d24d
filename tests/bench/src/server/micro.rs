//! Single calls of the core, without HTTP and without a second thread.

use std::hint::black_box;
use std::time::{Duration, Instant};

use auth_bench::{Backend, Hasher, MOUNT, PASSWORD, Result, SECRET, email};
use auth_core::{
    AccessToken, Auth, Client, Config, MasterSecret, Request, SignIn, SignedIn, Store, Tokens,
};
use axum::http::{HeaderMap, HeaderValue, Method, header};

/// Prints the median time of each, a line each: a name, a tab, nanoseconds.
///
/// The database is one that [`import`](crate::chores::import) has filled.
pub(crate) async fn measure(url: &str) -> Result<()> {
    let store = Store::sqlite(url).await?;
    let config = Config::new("http://127.0.0.1")?.sign_ins(u32::MAX);
    let auth = Auth::builder(config, store, MasterSecret::parse(SECRET)?).build().await?;
    let background = auth.start();
    let client = Client::default();

    for backend in Backend::ALL {
        let mut hasher = Hasher::new(backend);
        let mut times = Times::new(&format!("Argon2id, memory reused, {}", backend.name()));
        while times.go_on() {
            times.add(|| hasher.hash(PASSWORD.as_bytes()));
        }
    }

    let mut times = Times::new("sign in");
    let mut tokens = sign_in(&auth, &client, 1).await?;
    for person in 2.. {
        if !times.go_on() {
            break;
        }
        let begun = Instant::now();
        tokens = sign_in(&auth, &client, person).await?;
        times.took(begun.elapsed());
    }

    let mut times = Times::new("refresh");
    let mut once = Vec::new();
    while times.go_on() {
        let begun = Instant::now();
        tokens = auth.refresh(&tokens.refresh_token, &client).await?;
        times.took(begun.elapsed());
        once.push(headers(&tokens.access_token)?);
    }

    let mut times = Times::new("identify: a token seen for the first time");
    for headers in &once {
        let begun = Instant::now();
        black_box(auth.identify(&Method::GET, headers).await?);
        times.took(begun.elapsed());
    }
    drop(times);

    let headers = headers(&tokens.access_token)?;
    let mut times = Times::new("identify: the same token again");
    while times.go_on() {
        let begun = Instant::now();
        black_box(auth.identify(&Method::GET, &headers).await?);
        times.took(begun.elapsed());
    }

    let mut times = Times::new("authenticate: one read");
    while times.go_on() {
        let begun = Instant::now();
        black_box(auth.authenticate(&Method::GET, &headers).await?);
        times.took(begun.elapsed());
    }

    for path in ["/me", "/health/live"] {
        let mut times = Times::new(&format!("respond: GET {path}"));
        while times.go_on() {
            let mut request = Request::default();
            *request.uri_mut() = format!("{MOUNT}{path}").parse()?;
            request.headers_mut().clone_from(&headers);
            let begun = Instant::now();
            let response = auth.respond(path, Ok(request)).await;
            times.took(begun.elapsed());
            if response.status() != 200 {
                return Err(format!("{path} was answered {}", response.status()).into());
            }
        }
    }
    background.stop().await;
    Ok(())
}

async fn sign_in(auth: &Auth, client: &Client, person: u64) -> Result<Tokens> {
    match auth.sign_in(SignIn::new(&email(person), PASSWORD), client).await? {
        SignedIn::Session(tokens) => Ok(tokens),
        _ => Err("nobody has a second factor".into()),
    }
}

fn headers(token: &AccessToken) -> Result<HeaderMap> {
    let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))?;
    Ok(HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]))
}

/// Of one call; prints the median when it is dropped.
struct Times {
    name: String,
    end: Instant,
    all: Vec<Duration>,
}

impl Times {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), end: Instant::now() + LONG_ENOUGH, all: Vec::new() }
    }

    fn go_on(&self) -> bool {
        Instant::now() < self.end && self.all.len() < ENOUGH
    }

    fn add<T>(&mut self, call: impl FnOnce() -> T) {
        let begun = Instant::now();
        black_box(call());
        self.took(begun.elapsed());
    }

    fn took(&mut self, time: Duration) {
        self.all.push(time);
    }
}

impl Drop for Times {
    fn drop(&mut self) {
        self.all.sort_unstable();
        let median = self.all.get(self.all.len() / 2).copied().unwrap_or_default();
        println!("{}\t{}", self.name, median.as_nanos());
    }
}

const LONG_ENOUGH: Duration = Duration::from_secs(2);
const ENOUGH: usize = 20_000;
