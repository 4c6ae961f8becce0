// The one tooltip of the page, shared by charts and tokens. Text goes in as text, never as markup.

const tip = document.getElementById("tip");
const GAP = 14;

function showTip(rows, x, y) {
  tip.replaceChildren(
    ...rows
      .filter(([, value]) => value !== "" && value !== null && value !== undefined)
      .map(([name, value]) => element("div", {}, element("span", {}, name), element("b", {}, String(value)))),
  );
  tip.hidden = tip.childElementCount === 0;
  const left = Math.min(x + GAP, innerWidth - tip.offsetWidth - 8);
  const below = y + GAP + tip.offsetHeight < innerHeight;
  tip.style.transform = `translate(${Math.max(left, 8)}px, ${below ? y + GAP : y - GAP - tip.offsetHeight}px)`;
}

function hideTip() {
  tip.hidden = true;
}

addEventListener("scroll", hideTip, { passive: true });
addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
