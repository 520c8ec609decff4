// Keeps the board live: takes each new picture from the box and changes only what differs, so that focus,
// opened stories and a half-done press stay as they are. Without this script the page works by reload.
"use strict";

const board = document.getElementById("main");
const notice = document.getElementById("notice");
const link = document.getElementById("link");
const language = document.documentElement.lang;

const SILENT_MS = 12000; // the box sends a beat every 5 s
const HOLD_MS = 1000;

let clockAhead = Number(document.documentElement.dataset.clock) - Date.now();
let lastHeard = Date.now();
let failure = "";

// --- the picture -----------------------------------------------------------------------------------------------

function sameKind(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
}

function changeAttributes(from, to) {
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    const opened = from.nodeName === "DETAILS" && name === "open";
    if (!to.hasAttribute(name) && !opened) from.removeAttribute(name);
  }
}

function changeChildren(from, to) {
  let here = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const known = wanted.id ? [...from.children].find((child) => child.id === wanted.id) : null;
    if (known && known !== here) {
      // What stands before it and is no longer wanted goes first: moving an element would lose its focus.
      while (here && here !== known && !(here.id && to.querySelector("#" + CSS.escape(here.id)))) {
        const gone = here;
        here = here.nextSibling;
        gone.remove();
      }
      if (known !== here) from.insertBefore(known, here);
    }
    const match = known || (here && sameKind(here, wanted) ? here : null);
    if (!match) {
      from.insertBefore(wanted, here);
      continue;
    }
    change(match, wanted);
    here = match.nextSibling;
  }
  while (here) {
    const gone = here;
    here = here.nextSibling;
    gone.remove();
  }
}

function change(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  if (from.isEqualNode(to)) return;
  changeAttributes(from, to);
  changeChildren(from, to);
}

function show(html) {
  const focused = document.activeElement && document.activeElement.id;
  const wanted = document.createElement("template");
  wanted.innerHTML = html;
  changeChildren(board, wanted.content);
  const again = focused && document.getElementById(focused);
  if (again && again !== document.activeElement) again.focus({ preventScroll: true });
  tick();
}

function tick() {
  const now = Date.now() + clockAhead;
  for (const place of board.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(place.dataset.since)) / 1000));
    place.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

// --- the link to the box ---------------------------------------------------------------------------------------

function heard(event) {
  lastHeard = Date.now();
  if (event && event.lastEventId) clockAhead = Number(event.lastEventId) - lastHeard;
  tell();
}

function tell() {
  const lost = Date.now() - lastHeard > SILENT_MS;
  const text = lost ? notice.dataset.lost : failure;
  document.body.classList.toggle("lost", lost);
  if (link) link.hidden = lost; // the wall has none
  if (notice.textContent !== text) notice.textContent = text;
  notice.hidden = !text;
}

function listen() {
  const source = new EventSource(board.dataset.live + "?lang=" + language);
  source.addEventListener("board", (event) => { heard(event); show(event.data); });
  source.addEventListener("beat", heard);
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    ask();
    setTimeout(listen, 5000);
  });
}

async function ask() {
  try {
    const answer = await fetch(board.dataset.board + "?lang=" + language);
    if (answer.status === 401 || answer.status === 403) location.reload(); // signed out: the page says so
    if (!answer.ok) return;
    show(await answer.text());
    heard();
  } catch { /* no box: tell() says so when it has been silent long enough */ }
}

// --- buttons ---------------------------------------------------------------------------------------------------

async function send(form, name, value) {
  failure = "";
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams([...new FormData(form), [name, value]]), redirect: "manual",
    });
    if (answer.type !== "opaqueredirect" && !answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      failure = page.getElementById("reason")?.textContent || notice.dataset.failed;
    }
  } catch {
    failure = notice.dataset.failed;
  }
  tell();
}

let held = null;
let holding = 0;

board.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button) return;
  event.preventDefault();
  if (held === button) { held = null; return; } // the long press was sent already
  send(event.target, button.name, button.value);
});

board.addEventListener("pointerdown", (event) => {
  const button = event.target.closest("[data-hold]");
  held = null;
  clearTimeout(holding);
  if (!button || event.button !== 0) return;
  holding = setTimeout(() => {
    held = button;
    send(button.form, button.name, button.dataset.hold);
  }, HOLD_MS);
});
for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
  document.addEventListener(end, () => clearTimeout(holding));
}
board.addEventListener("contextmenu", (event) => {
  if (event.target.closest("[data-hold]")) event.preventDefault(); // a long touch is our own gesture
});

tell();
tick();
setInterval(() => { tick(); tell(); }, 1000);
listen();
