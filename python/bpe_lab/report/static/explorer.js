// One sentence, cut by every tokenizer, row under row. Knows nothing of how a tokenizer came to its cuts.

const explorer = data.explorer;
const shown = { index: 0, rows: [] };

function startExplorer() {
  if (!explorer) return;
  const body = document.getElementById("explorer-body");
  onLanguage(() => {
    body.replaceChildren(picker(), chosenText(), element("div", { class: "cuts" }));
    drawCuts();
  });
}

function picker() {
  const select = element("select", { id: "sentence" });
  explorer.sentences.forEach(({ text }, i) => {
    select.append(element("option", { value: i, ...(i === shown.index && { selected: "" }) }, `${i + 1}. ${oneLine(text)}`));
  });
  select.addEventListener("change", () => choose(Number(select.value)));
  const step = (key, by) => {
    const button = element("button", { type: "button" }, word(key));
    button.addEventListener("click", () => choose((shown.index + by + select.options.length) % select.options.length));
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
  return element("div", {}, element("p", { class: "chosen" }), element("p", { class: "remark" }));
}

function choose(index) {
  shown.index = index;
  document.getElementById("sentence").value = index;
  drawCuts();
}

function drawCuts() {
  const { text, note } = explorer.sentences[shown.index];
  const body = document.getElementById("explorer-body");
  body.querySelector(".chosen").textContent = text;
  body.querySelector(".remark").textContent = [sizeOf(text), localised(note ?? "")].filter(Boolean).join(" · ");
  shown.rows = explorer.tokenizers
    .filter(({ cuts }) => cuts)
    .map(({ name, unit, cuts }) => ({ name: localised(name), tokens: tokensOf(text, cuts[shown.index], unit) }));
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
