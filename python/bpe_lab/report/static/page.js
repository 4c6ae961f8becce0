// Language and theme: what is chosen, and who must know. Words come from the one table of the page's data.

const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const listeners = [];

const language = () => root.dataset.lang;
const word = (key) => data.words[key][language()];
// Twin of `words.counted`.
const counted = (key, n) => {
  const forms = word(key).split("|");
  return (n === 1 ? forms[0] : forms.at(-1)).replace("{n}", n);
};
const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

function isWord(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => key === "en" || key === "ko");
}

// Twin of `figures.localised`.
function localised(value) {
  if (isWord(value)) return value[language()] || value.en || value.ko || "";
  if (Array.isArray(value)) return value.map(localised);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, localised(part)]));
}

function onLanguage(listener) {
  listeners.push(listener);
  listener();
}

function setLanguage(lang) {
  root.lang = root.dataset.lang = lang;
  for (const button of document.querySelectorAll("[data-set-lang]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setLang === lang));
  }
  document.title = localised(data.title) || "bpe-lab";
  for (const listener of listeners) listener();
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function showTheme() {
  document.getElementById("theme").setAttribute("aria-pressed", String(isDark()));
  root.style.colorScheme = isDark() ? "dark" : "light";
}

function remember(key, value) {
  try {
    localStorage.setItem(`bpe-lab-${key}`, value);
  } catch {
    // A page opened from a file may have no storage; then it begins anew each time.
  }
}

function remembered(key, allowed) {
  try {
    const value = localStorage.getItem(`bpe-lab-${key}`);
    return allowed.includes(value) ? value : null;
  } catch {
    return null;
  }
}

function startPage() {
  const theme = remembered("theme", ["light", "dark"]);
  if (theme) root.dataset.theme = theme;
  showTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    showTheme();
  });
  for (const button of document.querySelectorAll("[data-set-lang]")) {
    button.addEventListener("click", () => {
      remember("language", button.dataset.setLang);
      setLanguage(button.dataset.setLang);
    });
  }
  setLanguage(remembered("language", ["en", "ko"]) || language());
}

// What the other scripts of the page begin with, in their order.
const starters = [startPage];

function start() {
  for (const starter of starters) starter();
}
