"use strict";

// Drives a page that is opened from a mailed link: `#act` spends the link's token, `#request`, if
// there is one, asks for a new link. All texts, paths and fields are in the page: `#words` has what to say to which code.

const main = document.querySelector("main");
const words = document.getElementById("words").dataset;
const status = document.getElementById("status");
const act = document.getElementById("act");
const request = document.getElementById("request");
const panels = [...main.querySelectorAll("form, section")];

let token = null;

// A link that is pasted over the address of an open page changes the fragment and loads nothing.
addEventListener("hashchange", start);
act.addEventListener("submit", (event) => submit(event, () => ({ token })));
request?.addEventListener("submit", (event) => submit(event, () => ({})));
for (const toggle of main.querySelectorAll("[data-shows]")) {
  toggle.addEventListener("change", () => mask(toggle));
}
start();

function start() {
  const found =
    new URLSearchParams(location.hash.slice(1)).get("token") ||
    new URLSearchParams(location.search).get("token");
  if (found === null && token !== null) {
    return;
  }
  token = found;
  // The token must not stay in the address bar, the history, a bookmark or a screenshot.
  history.replaceState(null, "", location.pathname);
  say("");
  if (token) {
    show(act);
  } else {
    show(document.getElementById("missing"), request);
  }
}

async function submit(event, given) {
  event.preventDefault();
  const form = event.target;
  if (form.getAttribute("aria-busy") === "true") {
    return;
  }
  const body = { ...given(), ...Object.fromEntries(new FormData(form)) };
  clear(form);
  say(words.working);
  form.setAttribute("aria-busy", "true");
  try {
    settle(form, await post(form.dataset.path, body));
  } catch {
    fail(words.unreachable);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

async function post(path, body) {
  // No `mode`: `same-origin` would send `Origin: null` under the page's referrer policy.
  const response = await fetch(main.dataset.mount + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    redirect: "error",
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.json().catch(() => ({}));
  return { ok: response.ok, code: response.status, problem: answer };
}

function settle(form, { ok, code, problem }) {
  say("");
  if (ok) {
    token = null;
    form.reset();
    form.querySelectorAll("[data-shows]").forEach(mask);
    show(document.getElementById(form.dataset.done));
  } else if (problem.code === "invalid_token") {
    token = null;
    show(document.getElementById("invalid"), request);
  } else if (code === 422 && Array.isArray(problem.errors)) {
    refuse(form, problem.errors);
  } else if (code === 429 && problem.retry_after > 0) {
    fail(words.tooManyRequests.replace("{time}", duration(problem.retry_after)));
  } else {
    fail(code < 500 ? said(problem.code, problem.detail) : words.unavailable);
  }
}

// Shows each error at its field, which `pointer` names, and all others above the form.
function refuse(form, errors) {
  const rest = [];
  let first = null;
  for (const { pointer, code, detail } of errors) {
    const name = String(pointer).slice(2);
    const field = form.querySelector(`input[name="${CSS.escape(name)}"]`);
    if (!field) {
      rest.push(said(`${name}_${code}`, detail));
      continue;
    }
    first ??= field;
    const group = field.closest("fieldset[hidden]");
    if (group) {
      group.hidden = group.disabled = false;
      // The group itself says why it is asked for now.
      if (code === "required") {
        continue;
      }
    }
    const message = document.getElementById(`${field.id}-error`);
    message.textContent = [message.textContent, said(`${name}_${code}`, detail)].filter(Boolean).join(" ");
    message.hidden = false;
    field.setAttribute("aria-invalid", "true");
  }
  if (rest.length > 0 || !first) {
    fail(rest.join(" ") || words.unavailable);
  } else {
    first.focus();
  }
}

// What the page has to say to a code, or else what the server says.
function said(code, detail) {
  const key = String(code).replace(/_+(.)/g, (_, letter) => letter.toUpperCase());
  return words[key] || detail || words.unavailable;
}

function clear(form) {
  for (const message of form.querySelectorAll(".error")) {
    message.textContent = "";
    message.hidden = true;
  }
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
  }
}

function mask(toggle) {
  document.getElementById(toggle.dataset.shows).type = toggle.checked ? "text" : "password";
}

function show(...shown) {
  for (const panel of panels) {
    panel.hidden = !shown.includes(panel);
  }
  shown[0].focus();
}

function say(text) {
  status.classList.remove("error");
  status.textContent = text;
}

function fail(text) {
  say(text);
  status.classList.add("error");
  status.focus();
}

function duration(seconds) {
  const [amount, unit] = seconds > 90 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
  const style = { style: "unit", unit, unitDisplay: "long" };
  return new Intl.NumberFormat(document.documentElement.lang, style).format(amount);
}
