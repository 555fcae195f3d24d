// Drives a page that is opened from a mailed link: `#act` spends the link's token, `#request`, where
// there is one, asks for a new link. All paths and fields are in the page. Who comes for a link, and
// has none, comes with the fragment `#request`, and sees `#wanted`, where there is one.

const act = element("act");
const request = element("request");
const panels = [...main.querySelectorAll("form, section")];

let token = null;

// A link that is pasted over the address of an open page changes the fragment and loads nothing.
addEventListener("hashchange", start);
onSubmit(act, (fields) => settle(act, { token, ...fields }));
if (request) {
  onSubmit(request, (fields) => settle(request, fields));
}
start();

function start() {
  const found =
    new URLSearchParams(location.hash.slice(1)).get("token") ||
    new URLSearchParams(location.search).get("token");
  const wanted = location.hash === "#request" && element("wanted");
  if (found === null && token !== null && !wanted) {
    return;
  }
  token = found;
  // The token must not stay in the address bar, the history, a bookmark or a screenshot.
  if (!wanted) {
    history.replaceState(null, "", location.pathname);
  }
  say("");
  if (token) {
    show(act);
  } else {
    show(wanted || element("missing"), request);
  }
}

async function settle(form, body) {
  const answer = await send("POST", form.dataset.path, body);
  say("");
  if (answer.ok) {
    token = null;
    reset(form);
    show(element(form.dataset.done));
  } else if (answer.body.code === "invalid_token") {
    token = null;
    show(element("invalid"), request);
  } else {
    refuse(form, answer);
  }
}

function show(...shown) {
  for (const panel of panels) {
    panel.hidden = !shown.includes(panel);
  }
  shown[0].focus();
}
