//! The one Chromium of the whole run, and the DevTools protocol over its pipes.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Ends the browser, if any case has started it.
pub fn close_browser() {
    if let Some(process) = PROCESS.get() {
        process.close();
    }
}

/// Returns the running browser, which the first who asks starts.
pub(super) fn process() -> &'static Process {
    PROCESS.get_or_init(Process::start)
}

/// Returns a text of the protocol.
pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("the protocol has a text here").to_owned()
}

/// What the browser tells about a page, unasked.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) method: String,
    pub(super) params: Value,
}

pub(super) struct Process {
    child: Mutex<Child>,
    /// Closed, it ends the browser: so does the end of this process, however it comes.
    pipe: Mutex<Option<ChildStdin>>,
    heard: Arc<Heard>,
    last_call: AtomicU64,
}

/// What the browser has said and nobody has taken yet.
#[derive(Default)]
struct Heard {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    answers: BTreeMap<u64, Result<Value, String>>,
    /// By the session of the page that they are about.
    events: BTreeMap<String, Vec<Event>>,
    /// Once it says nothing more: what it complained about.
    ended: Option<String>,
}

impl Process {
    fn start() -> Self {
        let browser = env::var("AUTH_TEST_BROWSER")
            .expect("AUTH_TEST_BROWSER is set: run the tests with tests/run");
        let mut child = Command::new("bash")
            .args(["-c", START, "bash", &browser])
            .args(OPTIONS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let pipe = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let complaints = child.stderr.take().expect("it is piped");
        let heard = Arc::new(Heard::default());
        let ear = Arc::clone(&heard);
        thread::spawn(move || ear.listen(answers, complaints));
        Self {
            child: Mutex::new(child),
            pipe: Mutex::new(pipe),
            heard,
            last_call: AtomicU64::new(0),
        }
    }

    /// Calls a method, of a page or of the browser itself, and returns its result.
    ///
    /// # Panics
    ///
    /// If the browser refuses.
    #[track_caller]
    pub(super) fn ask(&self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.call(session, method, params).unwrap_or_else(|fault| panic!("{method}: {fault}"))
    }

    /// As [`Self::ask`], but a refusal is a value.
    pub(super) fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<Value, String> {
        let id = self.last_call.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let message = format!("{message}\0");
        if let Some(pipe) = &mut *self.pipe.lock().expect("no panic while held") {
            // A browser that has ended does not answer either, which says more.
            let _ = pipe.write_all(message.as_bytes());
        }
        self.heard.wait(|said| said.answers.remove(&id))?
    }

    /// Waits until `look` finds something in what the browser told about a page.
    pub(super) fn wait<T>(
        &self,
        session: &str,
        mut look: impl FnMut(&[Event]) -> Option<T>,
    ) -> Result<T, String> {
        self.heard.wait(|said| look(said.events.get(session).map_or(&[], Vec::as_slice)))
    }

    /// Returns everything that the browser has told about a page.
    pub(super) fn events(&self, session: &str) -> Vec<Event> {
        self.heard.said().events.get(session).cloned().unwrap_or_default()
    }

    fn close(&self) {
        drop(self.pipe.lock().expect("no panic while held").take());
        let mut child = self.child.lock().expect("no panic while held");
        if self.heard.wait(|said| said.ended.as_ref().map(drop)).is_err() {
            eprintln!("the browser does not end: {:?}", child.kill());
        }
        child.wait().expect("it is a child of this process");
    }
}

impl Heard {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().expect("no panic while held")
    }

    /// Takes down what the browser says, one JSON document up to each zero byte, until it ends.
    fn listen(&self, mut answers: impl BufRead, mut complaints: impl Read + Send + 'static) {
        let complaints = thread::spawn(move || {
            let mut bytes = Vec::new();
            let end = complaints.read_to_end(&mut bytes);
            format!("{end:?}: {}", String::from_utf8_lossy(&bytes))
        });
        let mut bytes = Vec::new();
        while matches!(answers.read_until(0, &mut bytes), Ok(1..)) {
            let message = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
            self.said().take_down(serde_json::from_slice(message).expect("it speaks JSON"));
            bytes.clear();
            self.more.notify_all();
        }
        self.said().ended = Some(complaints.join().expect("it only reads"));
        self.more.notify_all();
    }

    fn wait<T>(&self, mut look: impl FnMut(&mut Said) -> Option<T>) -> Result<T, String> {
        let start = Instant::now();
        let mut said = self.said();
        loop {
            if let Some(found) = look(&mut said) {
                return Ok(found);
            }
            if let Some(complaints) = &said.ended {
                return Err(format!("the browser has ended: {complaints}"));
            }
            let Some(rest) = PATIENCE.checked_sub(start.elapsed()) else {
                return Err(format!("nothing came in {PATIENCE:?}"));
            };
            said = self.more.wait_timeout(said, rest).expect("no panic while held").0;
        }
    }
}

impl Said {
    fn take_down(&mut self, mut message: Value) {
        if let Some(id) = message["id"].as_u64() {
            let answer = match message.get("error") {
                Some(error) => Err(error["message"].to_string()),
                None => Ok(message["result"].take()),
            };
            self.answers.insert(id, answer);
        } else if let (Some(method), Some(session)) =
            (message["method"].as_str(), message["sessionId"].as_str())
        {
            let (method, session) = (method.to_owned(), session.to_owned());
            let event = Event { method, params: message["params"].take() };
            self.events.entry(session).or_default().push(event);
        }
    }
}

static PROCESS: OnceLock<Process> = OnceLock::new();

/// Longer than anything a healthy page needs on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Chromium reads from 3 and writes to 4. The shell outlives it, to remove its profile: an
/// interruption of the run reaches both, and the closed pipe then ends the browser. Its sandbox
/// refuses to work for root.
const START: &str = r#"
trap '' HUP INT TERM
profile=$(mktemp -d "${TMPDIR:-/tmp}/auth-browser.XXXXXX") || exit
[ "$EUID" -ne 0 ] || set -- "$@" --no-sandbox
"$@" --user-data-dir="$profile" 3<&0 4>&1 </dev/null >&2
rm -rf -- "$profile"
"#;

const OPTIONS: [&str; 15] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--lang=en-US",
    "--password-store=basic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];
