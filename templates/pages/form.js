"use strict";

// What the forms of all pages do: they post themselves as JSON, and show at their fields what was
// refused. All texts are in the page: `.words` has what to say to which code.

const main = document.querySelector("main");
const words = Object.assign({}, ...[...document.querySelectorAll(".words")].map(({ dataset }) => dataset));

for (const toggle of main.querySelectorAll("[data-shows]")) {
  toggle.addEventListener("change", () => mask(toggle));
}

// Has `handle` settle each submission of `form`, one at a time.
function onSubmit(form, handle) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") {
      return;
    }
    const fields = Object.fromEntries(new FormData(form, event.submitter));
    clear(form);
    hush();
    say(words.working, form);
    form.setAttribute("aria-busy", "true");
    try {
      await handle(fields, form);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}

// Asks an endpoint; without an answer, `status` is 0.
async function send(method, path, body) {
  try {
    // No `mode`: `same-origin` would send `Origin: null` under the page's referrer policy.
    const response = await fetch(main.dataset.mount + path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(30_000),
    });
    const { ok, status } = response;
    return { ok, status, body: await response.json().catch(() => ({})) };
  } catch {
    return { ok: false, status: 0, body: {} };
  }
}

// Shows why `form` was refused: at a field, if the answer is about one, or else above the form.
function refuse(form, { status, body }) {
  say("", form);
  const field = (OF_FIELD[body.code] ?? []).find((name) => input(form, name));
  if (field) {
    mark(form, [{ field, text: said(form, body.code, body.detail) }]);
  } else if (status === 422 && Array.isArray(body.errors)) {
    mark(form, body.errors.map((error) => explained(form, error)));
  } else {
    fail(complaint(form, status, body), form);
  }
}

function complaint(form, status, { code, detail, retry_after }) {
  if (status === 429 && retry_after > 0) {
    return words.tooManyRequests.replace("{time}", duration(retry_after));
  }
  if (status === 0) {
    return words.unreachable;
  }
  return status < 500 ? said(form, code, detail) : words.unavailable;
}

// Which field the error of a validation is about, which `pointer` names, and what to say to it.
function explained(form, { pointer, code, detail }) {
  const field = String(pointer).slice(2);
  // A group that is hidden says itself why it is asked for.
  const wanted = code === "required" && input(form, field)?.closest("fieldset[hidden]");
  const name = input(form, field)?.dataset.words ?? field;
  return { field, text: wanted ? "" : said(form, `${name}_${code}`, detail) };
}

// Shows each text at its field, and all others above the form.
function mark(form, refusals) {
  const rest = [];
  let first = null;
  for (const { field, text } of refusals) {
    const refused = input(form, field);
    if (!refused) {
      rest.push(text);
      continue;
    }
    first ??= refused;
    const group = refused.closest("fieldset[hidden]");
    if (group) {
      group.hidden = group.disabled = false;
    }
    if (!text) {
      continue;
    }
    const message = element(`${refused.id}-error`);
    message.textContent = [message.textContent, text].filter(Boolean).join(" ");
    message.hidden = false;
    refused.setAttribute("aria-invalid", "true");
  }
  if (rest.length > 0 || !first) {
    fail(rest.join(" ") || words.unavailable, form);
  } else {
    first.focus();
  }
}

function input(form, name) {
  return form.querySelector(`input[name="${CSS.escape(name)}"]`);
}

// What the form or the page has to say to a code, or else what the server says.
function said(form, code, detail) {
  const key = String(code).replace(/_+(.)/g, (_, letter) => letter.toUpperCase());
  return form.dataset[key] || words[key] || detail || words.unavailable;
}

// Empties a form, and hides again what was typed.
function reset(form) {
  form.reset();
  form.querySelectorAll("[data-shows]").forEach(mask);
  clear(form);
  if (form.contains(statusOf(form))) {
    say("", form);
  }
}

function clear(form) {
  for (const message of form.querySelectorAll(".field > .error")) {
    message.textContent = "";
    message.hidden = true;
  }
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
  }
}

function mask(toggle) {
  element(toggle.dataset.shows).type = toggle.checked ? "text" : "password";
}

function element(id) {
  return document.getElementById(id);
}

function say(text, form) {
  const status = statusOf(form);
  status.classList.remove("error");
  status.textContent = text;
}

// Takes back what was said, anywhere on the page: it was about something else.
function hush() {
  for (const status of main.querySelectorAll("[role=status]")) {
    status.classList.remove("error");
    status.textContent = "";
  }
}

function fail(text, form) {
  say(text, form);
  statusOf(form).classList.add("error");
  statusOf(form).focus();
}

// Where a form has its own place for messages, they are there, and else where the page has it.
function statusOf(form) {
  return form?.querySelector("[role=status]") ?? element("status");
}

function duration(seconds) {
  const [amount, unit] = seconds > 90 ? [Math.ceil(seconds / 60), "minute"] : [seconds, "second"];
  const style = { style: "unit", unit, unitDisplay: "long" };
  return new Intl.NumberFormat(document.documentElement.lang, style).format(amount);
}

// Problems that are about one field without saying so.
const OF_FIELD = {
  invalid_code: ["code"],
  invalid_credentials: ["current_password", "password"],
  username_taken: ["username"],
};
