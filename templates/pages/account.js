// Signs people in, and shows them their account. The session is in cookies that no script can read:
// nothing of it is here, nor in any storage.

const views = ["signed-out", "second-factor-view", "sign-up-view", "signed-up", "account"];

// The sign-in that awaits its second factor, and the invitation that the link had.
let challenge = null;
let invitation = null;

for (const button of main.querySelectorAll("[data-opens]")) {
  button.addEventListener("click", () => show(button.dataset.opens));
}
on("sign-in", signIn);
on("second-factor", secondFactor);
on("sign-up", signUp);
on("sign-out", signOut);
on("sessions", endSessions);
on("enable-2fa", startEnrolment);
on("confirm-2fa", confirmEnrolment);
on("manage-2fa", manageTwoFactor);
on("change-password", changePassword);
on("change-email", changeEmail);
on("change-language", changeLanguage);
on("delete-account", deleteAccount);
element("delete")?.addEventListener("click", () => element("deletion").showModal());
element("cancel-deletion")?.addEventListener("click", () => element("deletion").close());
element("cancel-2fa").addEventListener("click", () => showTwoFactor());
element("keep-codes").addEventListener("click", () => showTwoFactor());
element("copy-codes").addEventListener("click", copyCodes);
addEventListener("hashchange", start);
// What the browser kept of the page may show somebody who has signed out since.
addEventListener("pageshow", (event) => event.persisted && location.reload());
start();

async function start() {
  const found = new URLSearchParams(location.hash.slice(1)).get("invitation");
  if (location.hash || location.search) {
    history.replaceState(null, "", location.pathname);
  }
  invitation = found ?? invitation;
  const answer = await ask("GET", "/me");
  if (answer.ok) {
    await enter(answer.body);
  } else {
    leave();
    if (invitation && element("sign-up")) {
      element("invited").hidden = false;
      show("sign-up-view");
    }
    if (answer.status !== 401) {
      refuse(null, answer);
    }
  }
}

// Signed out.

async function signIn({ email, password, remember }, form) {
  const isName = "orUsername" in input(form, "email").dataset && !email.includes("@");
  const who = isName ? { username: email } : { email };
  const body = { ...who, password, remember: remember === "true", delivery: "cookie" };
  const answer = await send("POST", "/sign-in", body);
  element("not-activated").hidden = answer.body.code !== "account_not_activated";
  if (answer.body.status === "mfa_required") {
    challenge = answer.body.mfa_token;
    reset(form);
    show("second-factor-view");
  } else {
    await admit(form, answer);
  }
}

async function secondFactor({ code }, form) {
  const body = { mfa_token: challenge, code, delivery: "cookie" };
  const answer = await send("POST", "/sign-in-mfa", body);
  if (answer.body.code === "invalid_challenge") {
    leave(words.invalidChallenge);
  } else {
    await admit(form, answer);
  }
}

async function admit(form, answer) {
  if (answer.ok) {
    await enter(answer.body.user);
  } else {
    refuse(form, answer);
  }
}

async function signUp({ email, username, password }, form) {
  const body = { email, password };
  if (username) {
    body.username = username;
  }
  if (invitation) {
    body.invitation = invitation;
  }
  const answer = await send("POST", "/sign-up", body);
  if (answer.ok) {
    invitation = null;
    reset(form);
    show("signed-up");
  } else {
    refuse(form, answer);
  }
}

// Signed in.

async function enter(found) {
  user = found;
  challenge = null;
  main.querySelectorAll("form").forEach(reset);
  element("who").textContent = user.username ? `${user.username} (${user.email})` : user.email;
  for (const field of main.querySelectorAll("[data-who]")) {
    field.value = user.email;
  }
  showTwoFactor();
  await listSessions();
  if (user) {
    show("account");
  }
}

// Forgets everybody, and says why.
function leave(text = "") {
  user = challenge = null;
  main.querySelectorAll("form").forEach(reset);
  element("who").textContent = "";
  element("session-list")?.replaceChildren();
  showTwoFactor();
  main.querySelectorAll("dialog").forEach((open) => open.close());
  show("signed-out");
  say(text);
  if (text) {
    element("status").focus();
  }
}

async function signOut(_, form) {
  const answer = await ask("POST", "/sign-out");
  if (answer.ok || answer.status === 401) {
    leave();
  } else {
    refuse(form, answer);
  }
}

async function listSessions() {
  const form = element("sessions");
  if (!form) {
    return;
  }
  const answer = await ask("GET", "/sessions");
  // Who has signed out meanwhile has nothing to be shown or told.
  if (!user) {
    return;
  }
  if (!answer.ok) {
    return dismiss(form, answer);
  }
  const rows = answer.body.sessions.map((session) => row(form, session));
  element("session-list").replaceChildren(...rows);
  if (element("end-others")) {
    element("end-others").hidden = rows.length < 2;
  }
}

function row(form, session) {
  const item = form.querySelector("template").content.cloneNode(true).firstElementChild;
  const part = (name) => item.querySelector(`[data-part="${name}"]`);
  const name = device(session);
  const time = new Intl.DateTimeFormat(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "short",
  }).format(new Date(session.last_used_at));
  part("device").textContent = name;
  part("device").title = session.user_agent ?? "";
  part("current").hidden = !session.current;
  part("about").textContent = [session.ip, words.lastUsed.replace("{time}", time)].filter(Boolean).join(" · ");
  const button = item.querySelector("button");
  if (session.current) {
    button?.remove();
  } else if (button) {
    button.value = session.id;
    button.setAttribute("aria-label", words.sessionEnd.replace("{name}", name));
  }
  return item;
}

async function endSessions({ id }, form) {
  const answer = await recently("POST", "/sessions/revoke", id ? { id } : { others: true });
  if (!answer || answer.ok || answer.status === 404) {
    await listSessions();
    say("", form);
  } else {
    dismiss(form, answer);
  }
}

async function startEnrolment(_, form) {
  const answer = await recently("POST", "/enable-2fa");
  say("", form);
  if (answer?.ok) {
    const { qr_code, secret, otpauth_url } = answer.body;
    showTwoFactor("pending");
    element("qr-code").src = qr_code;
    element("secret").textContent = secret.replace(/.{4}(?=.)/g, "$& ");
    element("otpauth").href = otpauth_url;
    element("confirm-2fa").focus();
  } else if (answer) {
    dismiss(form, answer);
  }
}

async function confirmEnrolment({ code }, form) {
  const answer = await ask("POST", "/confirm-2fa", { code: code.replace(/\s/g, "") });
  if (answer.ok) {
    user.two_factor_enabled = true;
    showCodes(answer.body.recovery_codes);
    await listSessions();
  } else if (answer.body.code === "no_pending_enrolment") {
    showTwoFactor();
    fail(words.noPendingEnrolment, element("enable-2fa"));
  } else {
    dismiss(form, answer);
  }
}

async function manageTwoFactor({ code, path }, form) {
  const answer = await ask("POST", path, { code });
  if (wantsProof(answer)) {
    // The code that proves it is you is good for nothing else.
    const proved = await confirmed();
    reset(form);
    say(proved ? words.nextCode : "", form);
    input(form, "code").focus();
  } else if (!answer.ok) {
    dismiss(form, answer);
  } else if (path === "/disable-2fa") {
    user.two_factor_enabled = false;
    showTwoFactor();
    await listSessions();
  } else {
    showCodes(answer.body.recovery_codes);
  }
}

async function changePassword(fields, form) {
  const answer = await recently("POST", "/change-password", fields, fields.current_password);
  say("", form);
  if (answer?.ok) {
    reset(form);
    await listSessions();
    say(words.passwordChanged, form);
  } else if (answer) {
    dismiss(form, answer);
  }
}

async function changeEmail(fields, form) {
  const answer = await recently("POST", "/change-email", fields);
  say("", form);
  if (answer?.ok) {
    reset(form);
    say(words.emailChangeSent, form);
  } else if (answer) {
    dismiss(form, answer);
  }
}

async function changeLanguage(fields, form) {
  const answer = await ask("POST", "/change-language", fields);
  if (answer.ok) {
    say(words.languageChanged, form);
  } else {
    dismiss(form, answer);
  }
}

async function deleteAccount(_, form) {
  const answer = await recently("DELETE", "/me");
  say("", form);
  if (answer?.ok) {
    leave(words.accountDeleted);
  } else if (answer) {
    dismiss(form, answer);
  }
}

function showCodes(codes) {
  showTwoFactor("codes");
  element("copy-codes").hidden = !navigator.clipboard;
  element("codes").replaceChildren(
    ...codes.map((code) => {
      const item = document.createElement("li");
      item.append(Object.assign(document.createElement("code"), { textContent: code }));
      return item;
    }),
  );
  element("recovery-codes").focus();
}

async function copyCodes(event) {
  const codes = [...element("codes").children].map((item) => item.textContent);
  const { currentTarget: button } = event;
  const before = button.textContent;
  await navigator.clipboard.writeText(`${codes.join("\n")}\n`);
  button.textContent = words.copied;
  setTimeout(() => (button.textContent = before), 2_000);
}

// Shows one part of that section, and forgets the secrets of all others.
function showTwoFactor(part = user?.two_factor_enabled ? "on" : "off") {
  element("qr-code").removeAttribute("src");
  element("secret").textContent = "";
  element("otpauth").removeAttribute("href");
  element("codes").replaceChildren();
  for (const panel of main.querySelectorAll("[data-two-factor]")) {
    panel.hidden = panel.dataset.twoFactor !== part;
    panel.querySelectorAll("form").forEach(reset);
  }
  reset(element("confirm-2fa"));
}

// The page.

// Shows why a form was refused; whose session has ended is signed out.
function dismiss(form, answer) {
  if (answer.body.code === "unauthenticated") {
    leave(words.sessionEnded);
  } else {
    refuse(form, answer);
  }
}

function show(name) {
  for (const view of views) {
    if (element(view)) {
      element(view).hidden = view !== name;
    }
  }
  say("");
  element(name).focus();
}

function on(id, handle) {
  if (element(id)) {
    onSubmit(element(id), handle);
  }
}

// What people know their device by: "Firefox on Linux", in their language.
function device(session) {
  const [browser, system] = session.device?.split(" on ") ?? [];
  const text = system ? words.onSystem.replace("{browser}", browser).replace("{system}", system) : browser;
  return text || session.user_agent || words.unknownDevice;
}
