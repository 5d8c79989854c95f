// Draws the state of a race, which race_live.js asks the demo for, and replay.js takes from a record.
const SCALES = [2, 4, 6, 8, 10, 16, 20, 30, 40, 60, 80]; // seconds that the lanes are wide

const $ = (selector, parent = document) => parent.querySelector(selector);
const seconds = (number, digits = 2) => `${number.toFixed(digits)} s`;
const slug = (event) => event.replaceAll(" ", "-");

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text; // or a screen reader says it again
}

function draw(race) {
  const whole = Math.max(...race.lanes.map((lane) => lane.whole ?? 0));
  const scale = SCALES.find((size) => whole <= size) ?? Math.ceil(whole);
  drawAxis(scale);
  for (const lane of race.lanes) drawLane(lane, scale);
  drawLegend(race.lanes);
  drawTable(race.lanes);
  setText($("#status"), sentence(race));
}

function drawAxis(scale) {
  const axis = $(".axis");
  if (axis.dataset.scale === String(scale)) return;
  axis.dataset.scale = scale;
  const tick = [0.5, 1, 2, 5, 10].find((size) => scale / size <= 8) ?? 20;
  $("#race").style.setProperty("--tick", `${(100 * tick) / scale}%`);
  axis.replaceChildren();
  for (let at = 0; at <= scale; at += tick) {
    const label = element("span", "", `${at} s`);
    label.style.left = `${(100 * at) / scale}%`;
    axis.append(label);
  }
}

function drawLane(lane, scale) {
  const section = $(`[data-step="${lane.step}"]`);
  section.dataset.state = lane.problem || lane.lost ? "failed" : lane.state;
  setText($(".waited", section), waitedWords(lane));
  setText($(".facts", section), factsOf(lane));

  const rows = $(".rows", section);
  const names = [...new Set(["request", ...lane.bars.map((bar) => bar.row)])];
  if (rows.children.length > names.length || !lane.bars.length) rows.replaceChildren(); // a new race
  for (const [index, name] of names.entries()) drawRow(rows, index, name, lane, scale);
}

function drawRow(rows, index, name, lane, scale) {
  if (!rows.children[index]) {
    const row = element("div", "row");
    const track = element("div", "lane");
    track.append(element("span", "page-back"));
    row.append(element("p", "lane-name"), track);
    rows.append(row);
  }
  const [label, track] = rows.children[index].children;
  setText(label, name);
  const percent = (number) => `${(100 * number) / scale}%`;
  track.firstChild.style.left = percent(lane.waited ?? 0);
  track.firstChild.hidden = !lane.page_is_back;
  const bars = lane.bars.filter((bar) => bar.row === name);
  const drawn = [...bars.map(drawnBar), ...lane.kills.map((kill) => ({ ...kill, className: "kill-mark" }))];
  while (track.children.length - 1 > drawn.length) track.lastChild.remove();
  for (const [index, { className, begin, seconds, title = "", text = "" }] of drawn.entries()) {
    const span = track.children[index + 1] ?? track.appendChild(element("span", ""));
    span.className = className;
    span.style.left = percent(begin);
    span.style.width = percent(seconds);
    span.title = title;
    span.replaceChildren(element("span", "", text));
  }
}

function drawnBar(bar) {
  const state = ["running", "abandoned"].find((name) => bar[name]) ?? (bar.error ? "failed" : "");
  const title = `${bar.event} ${seconds(bar.seconds)}`;
  const text = { failed: `failed: ${title}`, abandoned: `cut off: ${title}` }[state] ?? title;
  return { ...bar, className: `bar event-${slug(bar.event)} ${state}`, title, text };
}

function drawKills(kills) {
  for (const section of document.querySelectorAll(".step-lane")) {
    const kill = kills[section.dataset.step];
    setText($(".killed", section), kill?.words ?? "");
    $(".kill", section)?.setAttribute("aria-disabled", Boolean(kill && !kill.is_over));
  }
}

function waitedWords(lane) {
  if (lane.whole === null) return lane.state === "waiting" ? "waits for its turn" : "\u00a0";
  if (lane.problem && !lane.page_is_back) return `waited ${seconds(lane.waited)} in vain`;
  const ended = lane.state === "done" || (lane.state === "failed" && !lane.problem);
  const soFar = ended ? "" : " so far";
  if (!lane.page_is_back) return `waiting ${seconds(lane.waited)}${soFar}`;
  return `waited ${seconds(lane.waited)} of ${seconds(lane.whole)}${soFar}`;
}

function factsOf(lane) {
  const facts = [];
  if (lane.lost) facts.push(`Lost: ${lane.lost}`);
  if (lane.problem) facts.push(lane.problem[0].toUpperCase() + lane.problem.slice(1));
  if (lane.whole === null && !lane.problem) facts.push(`Now: ${lane.doing}`);
  if (lane.picture !== "lost") facts.push(`Picture ${lane.picture}`);
  if (lane.mail !== "lost") facts.push(`Mail ${lane.mail}`);
  if (lane.request_seconds !== null) facts.push(`Request as measured here: ${seconds(lane.request_seconds)}`);
  return `${facts.join(". ")}.`;
}

function drawLegend(lanes) {
  const events = new Set(lanes.flatMap((lane) => lane.bars.map((bar) => bar.event)));
  const legend = $(".legend");
  if (legend.children.length === events.size) return;
  legend.replaceChildren();
  for (const event of events) {
    const item = element("li", "", event);
    item.prepend(element("span", `swatch event-${slug(event)}`));
    legend.append(item);
  }
}

function drawTable(lanes) {
  const rows = lanes.flatMap((lane) => lane.bars.map((bar) => {
    const row = element("tr", "");
    const took = seconds(bar.seconds, 3) + (bar.running ? " so far" : bar.abandoned ? ", cut off" : "");
    const cells = [bar.event, bar.row, seconds(bar.begin, 3), bar.error ? `${took}, failed: ${bar.error}` : took];
    const head = element("th", "", `Step ${lane.step}`);
    head.scope = "row";
    row.append(head, ...cells.map((text) => element("td", "", text)));
    return row;
  }));
  $("#table").replaceChildren(...rows);
}

function sentence(race) {
  const back = race.lanes.filter((lane) => lane.page_is_back);
  if (race.is_over) {
    const inState = (state) => race.lanes.filter((lane) => lane.state === state && !lane.lost).map((lane) => lane.step).join(", ");
    const losses = [...new Set(race.lanes.map((lane) => lane.lost).filter(Boolean))];
    const lost = losses.map((loss) => {
      const steps = race.lanes.filter((lane) => lane.lost === loss).map((lane) => lane.step);
      return ` Lost in step ${steps.join(", ")}: ${loss}.`;
    });
    const waits = back.filter((lane) => lane.request_seconds !== null)
      .map((lane) => `${seconds(lane.request_seconds)} for step ${lane.step}`);
    return `Race ${race.number} is over. The visitor waited ${waits.join(", ") || "in vain"}.` +
      lost.join("") +
      (inState("failed") && ` Not everything worked in step ${inState("failed")}.`) +
      (inState("retrying") && ` The mail is still being tried again in step ${inState("retrying")}.`);
  }
  const order = race.together ? "at the same moment" : "one after another";
  const where = back.length ? `is back in step ${back.map((lane) => lane.step).join(", ")}` : "is not back anywhere yet";
  return `Race ${race.number} runs, ${order}. The page ${where}.`;
}
