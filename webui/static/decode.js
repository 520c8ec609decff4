// Whatever sound file the browser can play is decoded here, made mono at the telephone's rate, and sent as PCM in
// a WAV file, which is all that the box reads. Without this script a WAV file has to be chosen.
"use strict";

const RATES = [8000, 16000, 48000]; // some browsers refuse the low ones
const LOUDEST = 0.7; // -3 dBFS
const form = document.getElementById("upload");
const input = document.getElementById("file");
const wrong = document.getElementById("undecoded");

async function decoded(content) {
  for (const rate of RATES) {
    let context;
    try {
      context = new OfflineAudioContext(1, 1, rate);
    } catch {
      continue;
    }
    return await context.decodeAudioData(content.slice(0)); // brings it to the context's rate
  }
  throw new Error("no audio");
}

function mono(sound) {
  const mixed = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel++) {
    sound.getChannelData(channel).forEach((value, at) => { mixed[at] += value / sound.numberOfChannels; });
  }
  return mixed;
}

// Without the silence at both ends but for a tenth of a second, and as loud as it can be: nothing is lost in 16 bits.
function evened(samples, rate) {
  const loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (!loudest) return samples;
  const heard = (value) => Math.abs(value) > loudest / 100;
  const first = Math.max(0, samples.findIndex(heard) - rate / 10);
  const last = samples.findLastIndex(heard) + rate / 10;
  return samples.slice(first, last).map((value) => (value * LOUDEST) / loudest);
}

function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, word) => [...word].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, at) => view.setInt16(44 + 2 * at, Math.round(value * 32767), true));
  return view.buffer;
}

if (form && window.OfflineAudioContext) {
  input.accept = "audio/*,video/*";
  document.getElementById("file-help").textContent = form.dataset.help;
  document.querySelector("label[for=file]").textContent = form.dataset.label;
  input.addEventListener("change", () => { wrong.hidden = true; });
  form.addEventListener("submit", async (event) => {
    const file = input.files[0];
    if (!file || form.dataset.decoded) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const sound = await decoded(await file.arrayBuffer());
      const made = new DataTransfer();
      const samples = evened(mono(sound), sound.sampleRate);
      made.items.add(new File([wav(samples, sound.sampleRate)], "recording.wav", { type: "audio/wav" }));
      input.files = made.files;
      form.dataset.decoded = "yes";
      form.submit();
    } catch {
      wrong.hidden = false;
      button.disabled = false;
    }
  });
  window.addEventListener("pageshow", () => { // back to this page: another file may be chosen
    delete form.dataset.decoded;
    form.querySelector("button").disabled = false;
  });
}
