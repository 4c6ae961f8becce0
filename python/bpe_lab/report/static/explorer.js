// One sentence, or one's own, cut by every tokenizer, row under row.

const explorer = data.explorer;
const shown = { index: 0, rows: [], typed: "" };
const OWN = "own";
const MOST_TYPED = 1000;

function startExplorer() {
  if (!explorer) return;
  for (const tokenizer of explorer.tokenizers) {
    if (tokenizer.typing) tokenizer.coder = encoderOf(tokenizer.typing);
  }
  if (explorer.sentences.length === 0) shown.index = OWN;
  else shown.typed = explorer.sentences[0].text;
  const body = document.getElementById("explorer-body");
  onLanguage(() => {
    body.replaceChildren(picker(), chosenText(), element("div", { class: "cuts" }));
    drawCuts();
  });
}

function picker() {
  const select = element("select", { id: "sentence" });
  const choices = explorer.sentences.map(({ text }, i) => [i, `${i + 1}. ${oneLine(text)}`]);
  if (explorer.tokenizers.some(({ coder }) => coder)) choices.push([OWN, word("type_own")]);
  select.append(...choices.map(([value, text]) => element("option", { value }, text)));
  select.value = shown.index;
  select.addEventListener("change", () => choose(select.selectedIndex));
  const step = (key, by) => {
    const button = element("button", { type: "button" }, word(key));
    button.addEventListener("click", () => choose((select.selectedIndex + by + choices.length) % choices.length));
    return button;
  };
  const label = element("label", { for: "sentence" }, word("sentence"));
  return element("div", { class: "picker" }, label, select, step("previous", -1), step("next", 1));
}

function oneLine(text) {
  const chars = [...text.replace(/\s+/g, " ")];
  return chars.length > 60 ? `${chars.slice(0, 60).join("")}…` : chars.join("");
}

function chosenText() {
  const typed = element("textarea", { class: "typed", "aria-label": word("type_here"), spellcheck: "false" });
  typed.value = shown.typed;
  typed.addEventListener("input", () => {
    shown.typed = typed.value;
    drawCuts();
  });
  return element("div", {}, typed, element("p", { class: "chosen" }), element("p", { class: "remark" }));
}

function choose(place) {
  const select = document.getElementById("sentence");
  select.selectedIndex = place;
  shown.index = select.value === OWN ? OWN : Number(select.value);
  drawCuts();
  if (shown.index === OWN) document.querySelector(".typed").focus();
}

// The text to cut, what is said of it, and the tokenizers that can cut it, each with its ends.
function chosen() {
  if (shown.index !== OWN) {
    const { text, note } = explorer.sentences[shown.index];
    const able = explorer.tokenizers.filter(({ cuts }) => cuts);
    return { text, note: localised(note ?? ""), able, ends: ({ cuts }) => cuts[shown.index] };
  }
  const typed = [...shown.typed.toWellFormed()];
  const text = typed.slice(0, MOST_TYPED).join("");
  const note = typed.length > MOST_TYPED ? word("type_limit").replace("{n}", MOST_TYPED) : word("type_note");
  const able = explorer.tokenizers.filter(({ coder }) => coder);
  return { text, note, able, ends: ({ coder }) => endsOf(coder, text) };
}

function drawCuts() {
  const { text, note, able, ends } = chosen();
  const body = document.getElementById("explorer-body");
  body.querySelector(".typed").hidden = shown.index !== OWN;
  body.querySelector(".chosen").hidden = shown.index === OWN;
  body.querySelector(".chosen").textContent = text;
  body.querySelector(".remark").textContent = [sizeOf(text), note].filter(Boolean).join(" · ");
  shown.rows = able.map((tokenizer) => ({
    name: localised(tokenizer.name),
    tokens: tokensOf(text, ends(tokenizer), tokenizer.unit),
  }));
  const most = Math.max(...shown.rows.map(({ tokens }) => tokens.length), 1);
  const fewest = Math.min(...shown.rows.map(({ tokens }) => tokens.length));
  body.querySelector(".cuts").replaceChildren(...shown.rows.map((row) => cutRow(row, most, fewest)));
}

function sizeOf(text) {
  return `${counted("n_characters", [...text].length)} · ${counted("n_bytes", encoder.encode(text).length)}`;
}

function cutRow(row, most, fewest) {
  const n = row.tokens.length;
  const cut = nCut(row.tokens);
  const count = element("div", { class: "cut-count" }, counted("n_tokens", n));
  if (n === fewest) count.append(` · ${word("shortest")}`);
  if (cut) count.append(` · ${counted("n_cut", cut)}`);
  const bar = element("span", { class: "cut-bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", `${(100 * n) / most}%`);
  const name = element("div", { class: "cut-name" }, element("span", {}, row.name), count, bar);
  return element("div", { class: "cut" }, name, tokenStrip(row));
}

function tokenStrip(row) {
  const strip = element("div", { class: "tokens", tabindex: "0", role: "group", "aria-label": row.name });
  strip.append(...row.tokens.map(tokenBox));
  row.boxes = [...strip.children];
  row.boxes.forEach((box, i) => {
    box.addEventListener("pointerenter", (event) => point(row, i, event.clientX, event.clientY));
    box.addEventListener("pointerleave", unpoint);
  });
  strip.addEventListener("keydown", (event) => walk(event, row));
  strip.addEventListener("blur", unpoint);
  return strip;
}

function tokenBox(token) {
  const box = element("span", { class: "token" });
  box.classList.toggle("broken", token.parts.some((part) => part.share));
  if (token.parts.length === 0) box.append(element("span", { class: "mark" }, "␛"));
  for (const part of token.parts) box.append(...shownPart(part));
  return box;
}

function shownPart({ char, share, first }) {
  const { text, escape } = visible(char);
  const letter = escape ? element("span", { class: "escape" }, text) : text;
  if (share === undefined) return char === "\n" ? [letter, "\n"] : [letter];
  const mark = element("span", { class: "mark" }, `⟨${share}⟩`);
  return first ? [letter, mark] : [mark];
}

function point(row, index, x, y) {
  unpoint();
  const { start, end, bytes } = row.tokens[index];
  row.boxes[index].classList.add("active");
  for (const other of shown.rows) {
    if (other === row) continue;
    other.tokens.forEach((token, i) => {
      if (token.start < end && token.end > start) other.boxes[i].classList.add("same");
    });
  }
  const hex = [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ");
  const rows = [
    [word("token"), `${index + 1} / ${row.tokens.length}`],
    [word("bytes"), hex || word("empty_token")],
    ["", bytes.length ? `${start}–${end}` : ""],
  ];
  showTip(rows, x, y);
  return rows;
}

function unpoint() {
  hideTip();
  for (const { boxes } of shown.rows) for (const box of boxes) box.classList.remove("active", "same");
}

function walk(event, row) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || row.boxes.length === 0) return;
  event.preventDefault();
  const now = row.boxes.findIndex((box) => box.classList.contains("active"));
  const next = Math.min(Math.max(now + step, 0), row.boxes.length - 1);
  const place = row.boxes[next].getBoundingClientRect();
  const rows = point(row, next, place.left, place.bottom);
  document.getElementById("said").textContent = [row.boxes[next].textContent, ...rows.map((r) => r.join(" "))].join(", ");
}

starters.push(startExplorer);
// For the console and for tests: byte ends of `text` by the tokenizer of this place in the explorer.
window.bpeLab = { ends: (place, text) => endsOf(explorer.tokenizers[place].coder, text) };
