// Plays the recorded races in races.js: gives race.js each state at its moment, as the live page gets it.
const PAUSE = 150; // milliseconds between two states, as on the live page
const form = $("#replay");
const choices = form.elements;
const PREDICTION = $("#status").textContent;
let position = 0; // seconds since the race's start
let playing = null;
let lookedAt;

function between(value, later, share) {
  if (typeof value === "number") return value + (later - value) * share;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => between(item, later[index], share));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, between(item, later[name], share)]));
}

function laneAt(frames) {
  const index = Math.max(0, frames.findLastIndex((frame) => frame.at <= position));
  const { at, lane, later } = frames[index];
  const length = (frames[index + 1]?.at ?? at) - at;
  return length ? between(lane, { ...lane, ...later }, (position - at) / length) : lane;
}

const race = () => RACES[choices.race.value];
const end = () => Math.max(...race().lanes.map((frames) => frames.at(-1).at));

function show() {
  const { lanes, together } = race();
  const kills = {};
  for (const frames of lanes) {
    const { kill, lane } = frames.findLast((frame) => frame.at <= position) ?? frames[0];
    if (kill) kills[lane.step] = { words: kill };
  }
  const drawn = lanes.map(laneAt).filter((lane) => !choices.step.value || String(lane.step) === choices.step.value);
  for (const section of document.querySelectorAll(".step-lane")) {
    section.hidden = !drawn.some((lane) => String(lane.step) === section.dataset.step);
  }
  draw({ number: Number(choices.race.value) + 1, together, is_over: position >= end(), lanes: drawn });
  drawKills(kills);
}

function play() {
  if (position >= end()) position = 0;
  lookedAt = performance.now();
  playing = setInterval(advance, PAUSE);
  show();
}

function pause() {
  clearInterval(playing);
  playing = null;
}

function advance() {
  const now = performance.now();
  position = Math.min(end(), position + (choices.speed.value * (now - lookedAt)) / 1000);
  lookedAt = now;
  show();
  if (position >= end()) pause();
  nameButton();
}

function nameButton() {
  setText($("button", form), playing ? "Pause" : position > 0 && position < end() ? "Go on" : "Start");
}

function rewind() {
  pause();
  position = matchMedia("(prefers-reduced-motion: reduce)").matches ? end() : 0;
  show();
  if (!position) setText($("#status"), PREDICTION);
  nameButton();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (playing) pause();
  else play();
  nameButton();
});

choices.race.addEventListener("change", rewind);
choices.step.addEventListener("change", show);
rewind();
