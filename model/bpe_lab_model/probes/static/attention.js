// Tokens of a text shaded by who is looked at, and a square of weights for each head. Weights are roots in a byte each.

const look = { layer: 0, head: null, from: data.tokens.length - 1, heads: [] };
const at = (id) => document.getElementById(id);
const T = data.tokens.length;
const packed = Uint8Array.from(atob(data.weights), (char) => char.charCodeAt(0));
const weight = (layer, head, from, to) => {
  const root = packed[((layer * data.n_heads + head) * T + from) * T + to] / 255;
  return root * root;
};
const shares = (layer, head, from) =>
  data.tokens.map((_, to) => {
    if (head !== null) return weight(layer, head, from, to);
    let sum = 0;
    for (let one = 0; one < data.n_heads; one++) sum += weight(layer, one, from, to);
    return sum / data.n_heads;
  });
const filled = (key, n) => word(key).replace("{n}", n);

function draw() {
  while (look.from > 0 && !data.tokens[look.from].is_text) look.from--;
  makeTokens();
  makeHeads();
  addEventListener("keydown", onKey);
  onLanguage(() => {
    at("keys").textContent = word("keys");
    at("evenly").textContent = filled("evenly", data.reach.evenly.toFixed(1));
    show();
  });
}

function makeTokens() {
  for (const [place, token] of data.tokens.entries()) {
    const button = element("button", { type: "button" }, token.text);
    if (!token.is_text) button.classList.add("mark");
    button.addEventListener("click", () => {
      look.from = place;
      show();
    });
    button.addEventListener("pointermove", (event) => {
      const share = shares(look.layer, look.head, look.from)[place];
      showTip([[word("token"), token.text], [word("share"), `${(100 * share).toFixed(1)} %`]], event.clientX, event.clientY);
    });
    button.addEventListener("pointerleave", hideTip);
    at("text").append(button);
  }
}

function makeHeads() {
  at("heads").style.setProperty("--columns", data.n_heads + 1);
  for (let layer = 0; layer < data.n_layers; layer++) {
    for (const head of [null, ...Array(data.n_heads).keys()]) {
      const button = element("button", { type: "button" }, element("span"), element("canvas", { width: T, height: T }));
      button.addEventListener("click", () => {
        [look.layer, look.head] = [layer, head];
        show();
      });
      look.heads.push({ layer, head, button });
      at("heads").append(button);
    }
  }
}

const nameOf = ({ layer, head }) =>
  `${filled("layer", layer + 1)}, ${head === null ? word("mean") : filled("head", head + 1)}`;

function aboutHead({ layer, head }) {
  if (head === null) return nameOf({ layer, head });
  const back = filled("reach", data.reach.bytes_back[layer][head].toFixed(0));
  const start = filled("on_start", (100 * data.reach.on_start[layer][head]).toFixed(0));
  return `${nameOf({ layer, head })} · ${back} · ${start}`;
}

function show() {
  const found = shares(look.layer, look.head, look.from);
  const most = Math.max(...found, 1e-9);
  for (const [place, button] of [...at("text").children].entries()) {
    button.style.setProperty("--heat", `${Math.round(85 * Math.sqrt(found[place] / most))}%`);
    button.classList.toggle("from", place === look.from);
    button.classList.toggle("unseen", found[place] === 0 && place > look.from);
  }
  for (const one of look.heads) {
    one.button.setAttribute("aria-pressed", String(one.layer === look.layer && one.head === look.head));
    one.button.firstChild.textContent = aboutHead(one);
    paint(one);
  }
  at("view-name").textContent = aboutHead(look);
}

// A square in the colours of the theme: a row looks, a column is looked at.
function paint({ layer, head, button }) {
  const theme = isDark();
  if (button.dataset.painted === String(theme)) return;
  button.dataset.painted = String(theme);
  const canvas = button.lastChild;
  const context = canvas.getContext("2d");
  const image = context.createImageData(T, T);
  const colour = getComputedStyle(root).getPropertyValue("--s2").trim();
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
  for (let from = 0; from < T; from++) {
    for (const [to, share] of shares(layer, head, from).entries()) {
      image.data.set([red, green, blue, Math.round(255 * Math.sqrt(share))], 4 * (from * T + to));
    }
  }
  context.putImageData(image, 0, 0);
}

new MutationObserver(show).observe(root, { attributes: true, attributeFilter: ["data-theme"] });

function onKey(event) {
  const place = look.heads.findIndex((one) => one.layer === look.layer && one.head === look.head);
  const clip = (value, n) => Math.min(Math.max(value, 0), n - 1);
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    look.from = clip(look.from + (event.key === "ArrowLeft" ? -1 : 1), T);
  } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const one = look.heads[clip(place + (event.key === "ArrowUp" ? -1 : 1), look.heads.length)];
    [look.layer, look.head] = [one.layer, one.head];
  } else return;
  event.preventDefault();
  show();
}
