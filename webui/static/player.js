// Plays a prompt in the page instead of opening its file. Without this script the link opens the sound.
"use strict";

let playing = null;
let sound = null;

function stop() {
  if (sound) sound.pause();
  if (playing) playing.removeAttribute("data-playing");
  playing = sound = null;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.play");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const again = link === playing;
  stop();
  if (again) return;
  playing = link;
  sound = new Audio(link.href);
  link.dataset.playing = "";
  sound.addEventListener("ended", stop);
  sound.addEventListener("error", stop);
  sound.play().catch(stop);
});
