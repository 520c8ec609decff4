// Shows what is new without a reload; while somebody listens or writes it only says that there is something.
"use strict";

const LOOK_MS = 3000;
const news = document.getElementById("new");

function busy() {
  const writes = document.activeElement && document.activeElement.closest("#items form");
  const listens = [...document.querySelectorAll("#items audio")].some((sound) => !sound.paused);
  return writes || listens || document.querySelector("#items details[open]");
}

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/inbox/newest");
    if (answer.status === 401) location.reload(); // signed out: the page says so
    if (!answer.ok) return;
    const newest = await answer.text();
    if (newest === news.dataset.newest) return;
    if (busy()) {
      news.hidden = false;
      return;
    }
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
    for (const id of ["counts", "items"]) {
      const fresh = page.getElementById(id);
      if (fresh) document.getElementById(id).replaceWith(fresh);
    }
    news.dataset.newest = newest;
    news.hidden = true;
  } catch { /* no box; the next look may find it */ }
}

setInterval(look, LOOK_MS);
