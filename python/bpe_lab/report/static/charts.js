// Draws the figures with Vega-Lite, through Vega's expression interpreter: no `eval`. Colours are custom properties,
// so the theme needs no drawing; another language draws anew.

const views = [];
const MARKS = {
  circle: "M0,-4A4,4,0,1,1,0,4A4,4,0,1,1,0,-4Z",
  square: "M-3.5,-3.5h7v7h-7Z",
  "triangle-up": "M0,-4.4L4.4,3.6H-4.4Z",
  diamond: "M0,-5L4,0L0,5L-4,0Z",
  cross: "M-1.5,-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3Z",
  "triangle-down": "M0,4.4L4.4,-3.6H-4.4Z",
  "triangle-right": "M4.4,0L-3.6,4.4V-4.4Z",
  "triangle-left": "M-4.4,0L3.6,4.4V-4.4Z",
};

async function drawChart(index) {
  const { spec, legend, description } = localised(data.charts[index]);
  const place = document.querySelector(`[data-chart="${index}"]`);
  views[index]?.finalize();
  spec.config.axisY.labelLimit = Math.round(place.clientWidth * 0.42);
  const drawn = await vegaEmbed(place, spec, {
    ast: true,
    actions: false,
    renderer: "svg",
    tooltip: (_handler, event, _item, value) => chartTip(event, value),
  });
  views[index] = drawn;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", description);
  place.querySelector("svg").setAttribute("aria-hidden", "true");
  drawLegend(index, legend, drawn.view);
}

function chartTip(event, value) {
  if (value === null || typeof value !== "object") hideTip();
  else showTip(Object.entries(value), event.clientX, event.clientY);
}

function drawLegend(index, legend, view) {
  const place = document.querySelector(`[data-legend="${index}"]`);
  const picked = new Set();
  place.classList.toggle("bars", legend.some((entry) => entry.mark === "bar"));
  place.replaceChildren(
    ...legend.map((entry) => {
      const button = element("button", { type: "button", "aria-pressed": "false" }, swatch(entry), entry.name);
      button.addEventListener("click", () => {
        if (!picked.delete(entry.name)) picked.add(entry.name);
        button.setAttribute("aria-pressed", String(picked.has(entry.name)));
        view.signal("picked", [...picked]).run();
      });
      return button;
    }),
  );
}

function swatch({ colour, shape, dash, mark }) {
  const make = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  if (mark === "bar") {
    const svg = make("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
    svg.append(make("rect", { width: 12, height: 12, rx: 2, fill: colour }));
    return svg;
  }
  const svg = make("svg", { viewBox: "-13 -7 26 14", "aria-hidden": "true" });
  if (mark === "line") {
    svg.append(make("line", { x1: -13, x2: 13, stroke: colour, "stroke-width": 2, "stroke-dasharray": dash.join(" ") }));
  }
  svg.append(make("path", { d: MARKS[shape], fill: colour }));
  return svg;
}

async function drawCharts() {
  for (let index = 0; index < data.charts.length; index++) {
    await drawChart(index);
    await new Promise((done) => setTimeout(done));
  }
}

// Drawings of two languages must not overtake one another.
let drawing = Promise.resolve();

function startCharts() {
  onLanguage(() => {
    root.dataset.charts = "drawing";
    drawing = drawing.then(drawCharts).then(() => {
      root.dataset.charts = "drawn";
    });
  });
}

starters.push(startCharts);
