// The frame around the rooms: which one is open, the address, theme, sharing, export, the Python lines.

import { button } from "./controls.js";
import { download, element, rarely, replace, settled } from "./dom.js";
import { room as line } from "./rooms/line.js";
import { room as network } from "./rooms/network.js";
import { room as race } from "./rooms/race.js";
import { room as runs } from "./rooms/runs.js";
import { room as train } from "./rooms/train.js";
import { fragment, parse, start } from "./state.js";
import { connect, recording } from "./wire.js";

const rooms = [line, race, network, train, runs];

let current = null; // { room, state, mounted }

const place = element("main", { id: "room", tabindex: "-1" });
const live = element("p.hidden", { role: "status", "aria-live": "polite" });
const trouble = element("p.trouble", { role: "alert", hidden: true });
const banner = element("p.banner", { role: "alert", hidden: true });
const links = new Map(rooms.map((room) => [room.name, element("a", { href: `#${room.name}` }, room.title)]));
const lines = element("pre", { tabindex: "0" }, element("code"));
const python = element("details.python", { ontoggle: () => showCode() },
  element("summary", {}, "The Python lines that reproduce this"),
  lines,
  button({ label: "Copy", on: () => copy(lines.textContent, "The lines are copied.") }).element);

function header() {
  const tools = element("div.tools", {},
    button({ label: "Share", help: "Copy the address of exactly this state", on: share }).element,
    button({ label: "Export", help: "One file that replays this without a server", on: save }).element,
    button({ label: "Theme", help: "Light, dark, or as the system has it", on: nextTheme }).element);
  return element("header", {},
    element("a.skip", { href: "#room", onclick: (event) => { event.preventDefault(); place.focus(); } }, "To the room"),
    element("p.brand", {}, "Couloir ", element("span", {}, recording ? "recording" : "studio")),
    element("nav", { "aria-label": "Rooms" }, ...(recording ? [] : links.values())),
    recording ? null : tools);
}

document.body.append(header(), banner, place, element("footer", {}, python), live);

// Rooms --------------------------------------------------------------------------------------------------

function enter(text) {
  const found = parse(text, rooms);
  leave();
  current = { ...found, mounted: null };
  document.documentElement.dataset.room = found.room.name;
  document.title = `${found.room.title} · Couloir studio`;
  for (const [name, link] of links) link.toggleAttribute("aria-current", name === found.room.name);
  const inside = element("div.inside");
  complain(null);
  replace(place, element("div.head", {}, element("h1", {}, found.room.title), element("p.lead", {}, found.room.lead)),
    trouble, inside);
  current.mounted = found.room.mount(inside, studio(current));
  python.hidden = !current.mounted.code;
  showCode();
}

function leave() {
  current?.mounted?.unmount?.();
  current = null;
}

// What a room gets: its state, its questions, and ways to tell the person something.
function studio(own) {
  const here = () => own === current;
  return {
    replaying: Boolean(recording),
    get state() { return own.state; },
    get session() { return wire.session; },
    ask: (name, given) => wire.ask(own.room.name, name, given).catch((error) => {
      if (here()) complain(error.message);
      throw error;
    }),
    set(changes) {
      // What changes nothing does not take away what is told about the present state.
      const same = Object.entries(changes).every(([key, value]) => JSON.stringify(own.state[key]) === JSON.stringify(value));
      Object.assign(own.state, changes);
      if (same || !here()) return;
      complain(null);
      keepAddress();
      showCode();
    },
    say: (text) => { if (here() && live.textContent !== text) live.textContent = text; },
    complain: (text) => { if (here()) complain(text); },
  };
}

function complain(text) {
  trouble.hidden = !text;
  trouble.textContent = text ?? "";
}

// Chromium refuses more than 200 changes of the address in 30 seconds.
const keepAddress = rarely(200, () => {
  if (current && !recording) history.replaceState(null, "", fragment(current.room, current.state));
});

const showCode = settled(150, async () => {
  if (!python.open || !current?.mounted?.code) return;
  const own = current;
  try {
    const text = await own.mounted.code();
    if (own === current) lines.firstChild.textContent = text;
  } catch { /* the room has said what is wrong */ }
});

addEventListener("hashchange", () => {
  if (!current || location.hash !== fragment(current.room, current.state)) enter(location.hash);
});

// Sharing, export, theme -----------------------------------------------------------------------------------

async function share() {
  history.replaceState(null, "", fragment(current.room, current.state));
  await copy(location.href, "The address is copied: whoever opens it here sees this state.");
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    tell(done);
  } catch {
    tell(text); // where the clipboard is closed to pages, the text can at least be selected
  }
}

const note = element("p.toast", { hidden: true });
document.body.append(note);
const hush = settled(4000, () => { note.hidden = true; });

function tell(text) {
  note.textContent = text;
  note.hidden = false;
  live.textContent = text;
  hush();
}

// The room is entered anew while all answers are kept, and asks whatever its replay will ask.
async function save() {
  const address = fragment(current.room, current.state);
  const tape = wire.record();
  let pairs = [];
  try {
    enter(address);
    await current.mounted.gather?.();
    if (current.mounted.code) await current.mounted.code();
  } catch {
    return; // what is wrong stands on the page
  } finally {
    pairs = tape.finish();
  }
  const body = JSON.stringify({ room: current.room.name, fragment: address, tape: pairs });
  const answer = await fetch("/export", { method: "POST", body });
  if (!answer.ok) return complain(await answer.text());
  download(await answer.blob(), `couloir-${current.room.name}.html`);
  tell("The file is saved: it replays this without a server.");
}

const THEMES = ["auto", "light", "dark"];

function nextTheme() {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
  if (next === "auto") delete root.dataset.theme;
  else root.dataset.theme = next;
  try { localStorage.setItem("couloir-theme", next); } catch { /* a private window */ }
  dispatchEvent(new Event("couloir-theme"));
  tell(next === "auto" ? "As the system has it" : next === "light" ? "Light" : "Dark");
}

try {
  const kept = localStorage.getItem("couloir-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
} catch { /* a private window, or a file */ }
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("couloir-theme")));

// The server -----------------------------------------------------------------------------------------------

const wire = connect({
  opened() {
    banner.hidden = true;
    document.documentElement.dataset.connected = "yes";
    enter(current ? fragment(current.room, current.state) : start());
  },
  lost(reason) {
    document.documentElement.dataset.connected = "no";
    banner.textContent = reason ?? "The studio's server has gone: start couloir studio again in a terminal. This page waits for it.";
    banner.hidden = false;
  },
});
