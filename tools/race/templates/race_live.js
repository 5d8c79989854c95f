// Asks the demo for the state of the race, again and again, and draws it.
const RUNNING_PAUSE = Number(document.body.dataset.pause); // milliseconds between two looks at a race that runs
const IDLE_PAUSE = 1000;
let shown = ""; // the race as it was drawn last
let wasRunning = false;

async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  try {
    const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await response.json();
    setText($("#message"), answer.error ?? "");
  } catch {
    setText($("#message"), "The demo does not answer. Is it still running?");
  }
  await look();
}

// The switches

function drawSwitches(settings) {
  for (const [name, value] of Object.entries(settings)) {
    const control = $("#switches").elements[name];
    // A number that is being typed is left alone.
    if (control !== document.activeElement || control.tagName === "SELECT") control.value = value ?? "";
    control.closest("fieldset").classList.toggle("broken", Boolean(settings[`${name.slice(0, 4)}_failure`]));
  }
}

function setting(name, text) {
  return name.endsWith("_delay") ? Number(text) : text || null;
}

// Start

async function look() {
  try {
    const state = await (await fetch("race.json")).json();
    drawSwitches(state.standins);
    drawKills(state.kills);
    const json = JSON.stringify(state.race);
    if (state.race && json !== shown) {
      draw(state.race);
      if (wasRunning && state.race.is_over) setText($("#message"), ""); // it was that a race is running
      wasRunning = !state.race.is_over;
      $("#login").hidden = false;
      setText($("#username"), state.race.lanes[0].username);
    }
    shown = json;
    const isKilling = Object.values(state.kills).some((kill) => !kill.is_over);
    return isKilling || Boolean(state.race && !state.race.is_over);
  } catch {
    setText($("#status"), "The demo does not answer. Is it still running?");
    shown = "";
    return false;
  }
}

async function watch() {
  const isRunning = !document.hidden && await look();
  setTimeout(watch, isRunning ? RUNNING_PAUSE : IDLE_PAUSE);
}

$("#start").addEventListener("submit", (event) => {
  event.preventDefault();
  const together = $("[name=when]:checked").value === "together";
  post("race", { name: $("#name").value, together });
  // On a phone or a low screen, the lanes are below the forms.
  if (matchMedia("(max-width: 60rem), (max-height: 44rem)").matches) $("#status").scrollIntoView();
});

$("#race").addEventListener("click", ({ target }) => {
  if (target.matches(".kill")) post("kill", { step: Number(target.closest("section").dataset.step) });
});

$("#switches").addEventListener("submit", (event) => event.preventDefault());

$("#switches").addEventListener("change", ({ target }) => {
  if (target.reportValidity()) post("control", { [target.name]: setting(target.name, target.value) });
});

$("#in-order").addEventListener("click", ({ target }) => {
  const settings = Object.entries(target.dataset);
  post("control", Object.fromEntries(settings.map(([name, text]) => [name, setting(name, text)])));
});

watch();
