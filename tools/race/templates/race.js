// Draws the state of a race, which race_live.js asks the demo for, and replay.js takes from a record.
const SCALES = [2, 4, 6, 8, 10, 16, 20, 30, 40, 60, 80]; // seconds that the lanes are wide

const $ = (selector, parent = document) => parent.querySelector(selector);
const seconds = (number, digits = 2) => `${number.toFixed(digits)} s`;
const slug = (event) => event.replaceAll(" ", "-");
const capitalized = (text) => text[0].toUpperCase() + text.slice(1);

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
  drawTable(race.lanes);
  setText($("#status"), sentence(race));
}

function drawAxis(scale) {
  const axis = $(".axis");
  const most = Math.min(8, axis.clientWidth / 60); // or the labels would touch on a phone
  const tick = [0.5, 1, 2, 5, 10].find((size) => scale / size <= most) ?? 20;
  if (axis.dataset.scale === `${scale} by ${tick}`) return;
  axis.dataset.scale = `${scale} by ${tick}`;
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
  if (lane.whole === null) return lane.state === "waiting" ? "Waits for its turn" : "\u00a0";
  const lost = lane.lost ? ` ${capitalized(lane.lost)} lost.` : "";
  if (lane.page_is_back) return `Page back after ${seconds(lane.waited)}.${lost || allDone(lane)}`;
  if (lane.problem) return `No page after ${seconds(lane.waited)}.${lost}`;
  return `Waiting for the page: ${seconds(lane.waited)}`;
}

function allDone(lane) {
  if (lane.state !== "done") return "";
  return ` Done after ${seconds(Math.max(lane.waited, ...lane.bars.map((bar) => bar.begin + bar.seconds)))}.`;
}

function factsOf(lane) {
  const facts = [];
  if (lane.problem) facts.push(capitalized(lane.problem));
  if (lane.whole === null && !lane.problem) facts.push(`Now: ${lane.doing}`);
  if (lane.picture !== "lost") facts.push(`Picture ${lane.picture}`);
  if (lane.mail !== "lost") facts.push(`Mail ${lane.mail}`);
  return facts.length ? `${facts.join(". ")}.` : "\u00a0";
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
  if (!race.is_over) {
    const order = race.together ? "all steps at the same moment" : "one step after another";
    return `Race ${race.number} is running, ${order}. The page is ${back.length ? `back in ${steps(back)}` : "not back anywhere yet"}.`;
  }
  const parts = [`Race ${race.number} is over.`];
  const waits = back.map((lane) => lane.waited.toFixed(2));
  parts.push(back.length ? `Page back after ${listed(waits)} s in ${steps(back)}.` : "No page came back.");
  for (const lost of new Set(race.lanes.map((lane) => lane.lost).filter(Boolean))) {
    parts.push(`${capitalized(steps(race.lanes.filter((lane) => lane.lost === lost)))} lost the ${lost}.`);
  }
  const left = (state) => race.lanes.filter((lane) => lane.state === state && !lane.lost);
  if (left("failed").length) parts.push(`Not everything worked in ${steps(left("failed"))}.`);
  if (left("retrying").length) parts.push(`The mail will be tried again in ${steps(left("retrying"))}.`);
  return parts.join(" ");
}

function steps(lanes) {
  const numbers = lanes.map((lane) => lane.step);
  const [first, last] = [numbers[0], numbers.at(-1)];
  if (numbers.length === 1) return `step ${first}`;
  const isRange = numbers.length > 2 && last - first === numbers.length - 1;
  return `steps ${isRange ? `${first} to ${last}` : listed(numbers)}`;
}

function listed(items) {
  return items.length > 1 ? `${items.slice(0, -1).join(", ")} and ${items.at(-1)}` : String(items[0]);
}

drawAxis(SCALES[0]);
