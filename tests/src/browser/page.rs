//! One page of a browser, and what somebody before it does and sees.

use std::fs;
use std::path::Path;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::cookie::Cookie;
use super::process::{Event, PATIENCE, process, text};

/// A page, closed when dropped.
#[must_use]
#[derive(Debug)]
pub struct Page<'a> {
    context: &'a str,
    target: String,
    session: String,
}

impl<'a> Page<'a> {
    pub(super) fn open(context: &'a str) -> Self {
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = text(&process().ask(None, "Target.createTarget", &target)["targetId"]);
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(&process().ask(None, "Target.attachToTarget", &attach)["sessionId"]);
        let page = Self { context, target, session };
        for domain in ["Log", "Network", "Page", "Runtime"] {
            page.ask(&format!("{domain}.enable"), json!({}));
        }
        page.ask("Page.setLifecycleEventsEnabled", json!({ "enabled": true }));
        page.ask("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        page
    }

    /// Goes to `url` as if it was typed into the address bar, and waits until it has loaded.
    ///
    /// # Panics
    ///
    /// If nothing can be loaded from there.
    #[track_caller]
    pub fn goto(&self, url: &str) {
        let answer = self.ask("Page.navigate", json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {}", answer["errorText"]);
        // Another fragment of the same document loads nothing.
        let Some(loader) = answer["loaderId"].as_str() else { return };
        let loaded = process().wait(&self.session, |events| {
            let mut told = events.iter().filter(|event| event.method == "Page.lifecycleEvent");
            told.any(|event| event.params["loaderId"] == loader && event.params["name"] == "load")
                .then_some(())
        });
        loaded.unwrap_or_else(|fault| panic!("{url} does not load: {fault}"));
    }

    /// Returns the value of a JavaScript expression; of a promise, what it resolves to.
    ///
    /// # Panics
    ///
    /// If it throws.
    #[track_caller]
    pub fn eval(&self, expression: &str) -> Value {
        self.evaluate(expression).unwrap_or_else(|fault| panic!("{expression}: {fault}"))
    }

    /// Waits until a JavaScript expression, or the promise that it is, has a true value; the page
    /// may change meanwhile.
    #[track_caller]
    pub fn wait_for(&self, expression: &str) {
        self.poll(&format!("!!(await ({expression}))"), expression);
    }

    /// Clicks with the mouse into the middle of the first such element that can be seen, as soon as
    /// it can be and nothing is before it.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let middle = self.poll(&on_visible(selector, MIDDLE), &format!("a click on {selector}"));
        for kind in ["mousePressed", "mouseReleased"] {
            let (x, y) = (&middle[0], &middle[1]);
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.ask("Input.dispatchMouseEvent", event);
        }
    }

    /// Types `text` into the first such field that can be seen, in place of what is there.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        self.click(selector);
        self.poll(&on_visible(selector, "element.select(), true"), selector);
        self.ask("Input.insertText", json!({ "text": text }));
    }

    /// Returns the text of the first such element that can be seen, as it is seen, as soon as there
    /// is one that has any.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        text(&self.poll(&on_visible(selector, "element.innerText.trim()"), selector))
    }

    /// Returns whether such an element can be seen now.
    #[track_caller]
    pub fn shows(&self, selector: &str) -> bool {
        self.eval(&format!("!!({})", on_visible(selector, "true"))) == true
    }

    /// Returns every cookie of the browser.
    pub fn cookies(&self) -> Vec<Cookie> {
        Cookie::all(self.context)
    }

    /// Deletes a cookie of the server that the page is from.
    #[track_caller]
    pub fn forget(&self, cookie: &str) {
        let paths = self.cookies().into_iter().filter(|kept| kept.name == cookie);
        for path in paths.map(|kept| kept.path) {
            let url = text(&self.eval("location.origin"));
            let params = json!({ "name": cookie, "url": url, "path": path });
            self.ask("Network.deleteCookies", params);
        }
    }

    /// Returns the address of every entry of the history, oldest first.
    #[track_caller]
    pub fn history(&self) -> Vec<String> {
        let history = self.ask("Page.getNavigationHistory", json!({}));
        let entries = history["entries"].as_array().expect("a history is a list");
        entries.iter().map(|entry| text(&entry["url"])).collect()
    }

    /// Returns what the console shows as an error: exceptions, what is written there, and what a
    /// policy forbade. An answer of 400 or above is none: a page may expect it.
    #[track_caller]
    pub fn console_errors(&self) -> Vec<String> {
        self.events().iter().filter_map(error).collect()
    }

    /// Returns every address that the page asked for, whether or not it was answered, in order and
    /// without fragments; what it has as `data:` it asks nobody for.
    #[track_caller]
    pub fn requests(&self) -> Vec<String> {
        let events = self.events();
        let sent = events.iter().filter(|event| event.method == "Network.requestWillBeSent");
        let urls = sent.map(|event| text(&event.params["request"]["url"]));
        urls.filter(|url| !url.starts_with("data:")).collect()
    }

    /// Returns the body of everything that the page sent, in order.
    #[track_caller]
    pub fn bodies(&self) -> Vec<String> {
        let events = self.events();
        let sent = events.iter().filter(|event| event.method == "Network.requestWillBeSent");
        let bodies = sent.filter_map(|event| event.params["request"]["postData"].as_str());
        bodies.map(str::to_owned).collect()
    }

    /// Makes the browser of somebody who reads `languages`, such as `de-AT,en;q=0.5`.
    #[track_caller]
    pub fn languages(&self, languages: &str) {
        let headers = json!({ "Accept-Language": languages });
        self.ask("Network.setExtraHTTPHeaders", json!({ "headers": headers }));
    }

    /// Takes the network away, or gives it back.
    #[track_caller]
    pub fn offline(&self, offline: bool) {
        let conditions = json!({
            "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        self.ask("Network.emulateNetworkConditions", conditions);
    }

    /// Writes a picture of what can be seen to a PNG file, for whoever looks for a fault.
    #[track_caller]
    pub fn screenshot(&self, path: impl AsRef<Path>) {
        let picture = self.ask("Page.captureScreenshot", json!({}));
        let picture = STANDARD.decode(text(&picture["data"])).expect("a picture is base64");
        fs::write(path, picture).expect("the picture can be written");
    }

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "calls read better without the borrow")]
    fn ask(&self, method: &str, params: Value) -> Value {
        process().ask(Some(&self.session), method, &params)
    }

    /// Everything that was told about the page; an answer of the page itself comes after it.
    #[track_caller]
    fn events(&self) -> Vec<Event> {
        self.eval("0");
        process().events(&self.session)
    }

    fn evaluate(&self, expression: &str) -> Result<Value, String> {
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = process().call(Some(&self.session), "Runtime.evaluate", &params)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(exception(details)),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Evaluates an expression, which may `await`, until its value is true in JavaScript's eyes,
    /// and returns that.
    #[track_caller]
    fn poll(&self, expression: &str, what: &str) -> Value {
        let poll = POLL.replace("EXPRESSION", expression);
        let start = Instant::now();
        loop {
            // A page that leaves takes the question with it.
            let fault = match self.evaluate(&poll) {
                Ok(answer) if answer["fault"].is_null() => return answer["value"].clone(),
                Ok(answer) => text(&answer["fault"]),
                Err(fault) => fault,
            };
            assert!(
                start.elapsed() < PATIENCE,
                "waited {PATIENCE:?} for {what} ({fault}); the page: {:#}",
                self.evaluate(SHOWN).unwrap_or_else(Value::from)
            );
        }
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        let close = json!({ "targetId": self.target });
        // A case that failed has said so already.
        let _ = process().call(None, "Target.closeTarget", &close);
    }
}

/// The error of the console that an event is, if it is one.
fn error(event: &Event) -> Option<String> {
    let params = &event.params;
    match &*event.method {
        "Runtime.exceptionThrown" => Some(exception(&params["exceptionDetails"])),
        "Runtime.consoleAPICalled" if params["type"] == "error" => Some(params["args"].to_string()),
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let counts = entry["level"] == "error" && entry["source"] != "network";
            counts.then(|| text(&entry["text"]))
        }
        _ => None,
    }
}

fn exception(details: &Value) -> String {
    let description = details["exception"]["description"].as_str();
    description.or_else(|| details["text"].as_str()).unwrap_or_default().to_owned()
}

/// An expression: what `then` is for the first visible `element`, or nothing.
fn on_visible(selector: &str, then: &str) -> String {
    let selector = Value::from(selector);
    format!(
        "((element) => element && ({then}))([...document.querySelectorAll({selector})].find(
           (element) => element.checkVisibility({{ visibilityProperty: true }}) && !element.disabled))"
    )
}

const MIDDLE: &str = "(() => {
  element.scrollIntoView({ block: 'center', behavior: 'instant' });
  // A link that goes on in the next line has a box in each.
  const { x, y, width, height } = element.getClientRects()[0];
  const middle = [x + width / 2, y + height / 2];
  return element.contains(document.elementFromPoint(...middle)) && middle;
})()";

/// Asks for a second, in which a page may leave, and answers at once when there is something.
const POLL: &str = "new Promise((resolve) => {
  const end = performance.now() + 1000;
  let fault = 'it is not there';
  (async function look() {
    try {
      const value = EXPRESSION;
      if (value) return resolve({ value });
    } catch (error) {
      fault = String(error);
    }
    performance.now() < end ? setTimeout(look, 10) : resolve({ fault });
  })();
})";

const SHOWN: &str = "({ url: location.href, text: document.body.innerText.slice(0, 1000) })";
