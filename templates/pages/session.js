// Asks in the name of the session, whose tokens are in cookies that no script can read: it renews
// them, and has people prove again who they are.

const dialog = element("reauthentication");

// Who is signed in.
let user = null;
let renewing = null;

onSubmit(element("reauthenticate"), reauthenticate);
element("cancel-reauthentication").addEventListener("click", () => dialog.close());

// Asks an endpoint in the name of the session, which is renewed if it has to be.
async function ask(method, path, body) {
  const answer = await send(method, path, body);
  const renewed = answer.body.code === "unauthenticated" && (await renew());
  return renewed ? send(method, path, body) : answer;
}

// Renews the session once for all tabs: whoever waited finds it done.
function renew() {
  const once = async () => (await send("GET", "/me")).ok || (await send("POST", "/access")).ok;
  if (navigator.locks) {
    return navigator.locks.request(`${main.dataset.mount}/access`, once);
  }
  renewing ??= once().finally(() => (renewing = null));
  return renewing;
}

// Asks for what takes a recent sign-in: if it was not, for the password first, which may be `known`.
// Nothing, if the person before the page would rather not.
async function recently(method, path, body, known) {
  const answer = await ask(method, path, body);
  if (!wantsProof(answer)) {
    return answer;
  }
  return (await confirmed(known)) ? ask(method, path, body) : null;
}

function wantsProof(answer) {
  return answer.body.code === "reauthentication_required";
}

// Asks for the password, and for a code if there is a second factor; whether they were right.
function confirmed(known = "") {
  const form = element("reauthenticate");
  const group = element("own-code-group");
  hush();
  reset(form);
  input(form, "password").value = known;
  group.hidden = group.disabled = !user.two_factor_enabled;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const close = () => {
      reset(form);
      resolve(dialog.returnValue === "confirmed");
    };
    dialog.addEventListener("close", close, { once: true });
  });
}

async function reauthenticate(fields, form) {
  const answer = await ask("POST", "/reauthenticate", fields);
  if (answer.ok) {
    user = answer.body.user;
    dialog.close("confirmed");
  } else {
    dismiss(form, answer);
  }
}
