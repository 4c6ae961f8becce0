// The map of tokens: dots at the places of a stage, their names where there is room, neighbours of the one that is picked.

const WIDTH = 900, HEIGHT = 700, MARGIN = 40;
const COLOURS = ["--s2", "--s3", "--s5", "--s6", "--s1"];
const ASKED = "--s4";
const map = { stage: 0, picked: null, playing: null, off: new Set(), dots: [], scale: null };
const at = (id) => document.getElementById(id);
const svg = (name, attributes = {}, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const nTokens = data.tokens.length;
const titleOf = (place) => {
  if (place < nTokens) return data.tokens[place].text.replace(/^ +| +$/g, (spaces) => "\u2423".repeat(spaces.length));
  const asked = data.asked[place - nTokens];
  return asked.n > 1 ? `${asked.text}~` : asked.text;
};
const figure = (value, digits = 2) => value.toFixed(digits).replace("-", "\u2212");
const span = (range) => word("to").replace("{low}", figure(range.low)).replace("{high}", figure(range.high));

function draw() {
  map.scale = scaled();
  makeDots();
  makeGroups();
  at("stage").max = data.stages.length - 1;
  at("stage").addEventListener("input", (event) => go(Number(event.target.value)));
  at("earlier").addEventListener("click", () => go(map.stage - 1));
  at("later").addEventListener("click", () => go(map.stage + 1));
  at("play").addEventListener("click", play);
  at("names").addEventListener("change", nameDots);
  addEventListener("keydown", onKey);
  onLanguage(() => {
    for (const [id, key] of [["earlier", "earlier"], ["later", "later"], ["names-label", "names"], ["keys", "keys"]]) {
      at(id).textContent = word(key);
    }
    for (const button of at("groups").children) button.lastChild.textContent = word(button.dataset.word);
    show();
  });
}

// One scale for both axes and all stages, so that lengths on the map compare.
function scaled() {
  const all = data.stages.flatMap((stage) => stage.xy);
  const ends = [0, 1].map((axis) => {
    const values = all.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const room = [WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN];
  const factor = Math.min(...ends.map(([low, high], axis) => room[axis] / Math.max(high - low, 1e-6)));
  const middle = ends.map(([low, high]) => (low + high) / 2);
  return ([x, y]) => [WIDTH / 2 + factor * (x - middle[0]), HEIGHT / 2 - factor * (y - middle[1])];
}

function makeDots() {
  const [x, y] = map.scale([0, 0]);
  at("plot").append(
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: y, y2: y }),
    svg("line", { class: "axis", x1: x, x2: x, y1: 0, y2: HEIGHT }),
  );
  const order = [...data.tokens.keys()].reverse().concat(data.asked.map((_, place) => nTokens + place));
  for (const place of order) {
    const isAsked = place >= nTokens;
    const colour = isAsked ? ASKED : COLOURS[data.tokens[place].group];
    const dot = svg(
      "g",
      { class: isAsked ? "dot asked" : "dot" },
      svg("circle", { r: isAsked ? 7 : 3.6, style: `fill:var(${colour})` }),
      svg("text", { x: isAsked ? 10 : 6, y: 4 }),
    );
    dot.addEventListener("pointermove", (event) => showTip(tipOf(place), event.clientX, event.clientY));
    dot.addEventListener("pointerleave", hideTip);
    dot.addEventListener("click", (event) => {
      event.stopPropagation();
      map.picked = map.picked === place ? null : place;
      show();
    });
    map.dots[place] = dot;
    at("plot").append(dot);
  }
  at("plot").addEventListener("click", () => {
    map.picked = null;
    show();
  });
}

function tipOf(place) {
  const near = data.stages[map.stage].near[place].map(titleOf).join("   ");
  const count = place < nTokens ? data.tokens[place].count : undefined;
  return [[word("token"), titleOf(place)], [word("count"), count?.toLocaleString()], [word("nearest"), near]];
}

function makeGroups() {
  const names = [...data.groups.keys()].filter((group) => data.tokens.some((token) => token.group === group));
  const entries = names.map((group) => [group, `group_${data.groups[group]}`, COLOURS[group]]);
  if (data.asked.length) entries.push(["asked", "group_words", ASKED]);
  for (const [group, key, colour] of entries) {
    const button = element("button", { type: "button", "aria-pressed": "true" });
    button.dataset.word = key;
    button.append(element("i", { style: `background:var(${colour})` }), element("span"));
    button.addEventListener("click", () => {
      map.off.has(group) ? map.off.delete(group) : map.off.add(group);
      button.setAttribute("aria-pressed", String(!map.off.has(group)));
      show();
    });
    at("groups").append(button);
  }
}

const isOff = (place) => map.off.has(place < nTokens ? data.tokens[place].group : "asked");

function show() {
  const stage = data.stages[map.stage];
  const around = map.picked === null ? null : new Set([map.picked, ...stage.near[map.picked]]);
  for (const [place, dot] of map.dots.entries()) {
    const [x, y] = map.scale(stage.xy[place]);
    dot.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    dot.classList.toggle("off", isOff(place));
    dot.classList.toggle("faded", around !== null && !around.has(place));
    dot.classList.toggle("picked", place === map.picked);
  }
  nameDots();
  at("stage").value = map.stage;
  at("earlier").disabled = map.stage === 0;
  at("later").disabled = map.stage === data.stages.length - 1;
  at("play").textContent = word(map.playing ? "stop" : "play");
  at("play").setAttribute("aria-pressed", String(Boolean(map.playing)));
  const share = `${Number((100 * stage.share).toPrecision(3))} %`;
  const title = language() === "ko" ? `${word("training")} ${share}` : `${share} ${word("training")}`;
  const bytes = stage.bytes ? word("bytes").replace("{n}", stage.bytes.toLocaleString()) : word("start");
  at("stage-name").replaceChildren(title, element("small", {}, bytes));
  at("plot").setAttribute("aria-label", title);
  const random = data.random[map.stage];
  at("remark").textContent = [
    `${word("shown")}: ${figure(100 * stage.shown, 1)} %`,
    `${word("common")}: ${figure(stage.common)}`,
    `${word("random")}: ${span(random)}`,
  ].join(" · ");
  showPairs();
  showNear(stage);
}

// Names go where they cover no other name: first what was asked for and what is picked, then the commonest.
function nameDots() {
  const stage = data.stages[map.stage];
  const wanted = at("names").checked;
  const near = map.picked === null ? [] : [map.picked, ...stage.near[map.picked]];
  const asked = data.asked.map((_, place) => nTokens + place);
  const first = [...asked, ...near];
  const order = [...first, ...(wanted && map.picked === null ? data.tokens.keys() : [])];
  const taken = [];
  const named = new Set();
  for (const place of order) {
    if (named.has(place) || isOff(place)) continue;
    const [x, y] = map.scale(stage.xy[place]);
    const size = place >= nTokens ? 14 : 11;
    const width = [...titleOf(place)].reduce((sum, char) => sum + (char > "\u1100" ? size : 0.6 * size), 0);
    const box = [x + 5, y - size + 2, x + 9 + width, y + 5];
    const isFree = taken.every((other) => box[0] > other[2] || box[2] < other[0] || box[1] > other[3] || box[3] < other[1]);
    if (!isFree && !first.includes(place)) continue;
    taken.push(box);
    named.add(place);
  }
  for (const [place, dot] of map.dots.entries()) dot.lastChild.textContent = named.has(place) ? titleOf(place) : "";
}

function showPairs() {
  const pairs = data.cosines[map.stage];
  at("pairs").hidden = pairs.length === 0;
  const head = element(
    "tr", {},
    element("th", {}, word("pair")),
    element("th", { class: "number" }, word("cosine")),
    element("th", { class: "number" }, word("range")),
  );
  const rows = pairs.map((pair) => {
    const isBeyond = pair.cosine < pair.low || pair.cosine > pair.high;
    const value = element(isBeyond ? "b" : "span", {}, figure(pair.cosine));
    return element(
      "tr", {},
      element("td", {}, `${titleOf(nTokens + pair.a)} · ${titleOf(nTokens + pair.b)}`),
      element("td", { class: "number" }, value),
      element("td", { class: "number" }, span(pair)),
    );
  });
  at("pairs").replaceChildren(
    element("h2", {}, word("words")),
    element("table", {}, head, ...rows),
    element("p", { class: "remark" }, word("beyond")),
  );
}

function showNear(stage) {
  if (map.picked === null) {
    const rows = data.asked.map((_, place) => nearRow(stage, nTokens + place));
    const hint = element("p", { class: "remark" }, word("pick"));
    at("near").replaceChildren(...(rows.length ? [element("h2", {}, word("nearest")), element("table", {}, ...rows)] : []), hint);
    return;
  }
  const rows = stage.near[map.picked].map((place) => element("tr", {}, element("td", {}, titleOf(place))));
  at("near").replaceChildren(
    element("h2", {}, `${word("neighbours_of")} ${titleOf(map.picked)}`),
    element("table", {}, ...rows),
  );
}

function nearRow(stage, place) {
  const names = stage.near[place].map(titleOf).join("   ");
  return element("tr", {}, element("td", {}, element("b", {}, titleOf(place))), element("td", {}, names));
}

function go(stage) {
  map.stage = Math.min(Math.max(stage, 0), data.stages.length - 1);
  show();
}

function play() {
  if (map.playing) {
    clearInterval(map.playing);
    map.playing = null;
    return show();
  }
  if (map.stage === data.stages.length - 1) map.stage = 0;
  map.playing = setInterval(() => {
    go(map.stage + 1);
    if (map.stage === data.stages.length - 1) play();
  }, 1100);
  show();
}

function onKey(event) {
  if (event.target.closest("button, select") && event.key === " ") return;
  const steps = { ArrowLeft: map.stage - 1, ArrowRight: map.stage + 1, Home: 0, End: data.stages.length - 1 };
  if (event.key === " ") play();
  else if (event.key in steps && event.target.id !== "stage") go(steps[event.key]);
  else return;
  event.preventDefault();
}
