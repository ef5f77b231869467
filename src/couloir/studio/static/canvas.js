// A canvas in a box: knows its size, is sharp on every screen, and draws at most once a frame.
//
//   const picture = canvas(place, (context, width, height) => { … }, { label: "…" });
//   picture.invalidate();                                     // draw in the next frame
//   const ground = picture.layer("ground", version, paint);   // painted anew only when `version` has changed
//   context.drawImage(ground.canvas, 0, 0, width, height);
//
// Coordinates are CSS pixels. Colours are custom properties of the page: colour("right") is --right, in the
// light or the dark; layers are painted anew when the theme or the size changes.

import { attribute, element, rarely } from "./dom.js";

const SPARSE = 100; // milliseconds between two changes of the attributes that tell a drawing's numbers

// Colours --------------------------------------------------------------------------------------------------

const known = new Map();
const listeners = new Set();

// A custom property's colour by its name; whatever is no such name is returned as it is.
export function colour(name) {
  if (!known.has(name)) {
    const found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    known.set(name, found || name);
  }
  return known.get(name);
}

// The colour's red, green and blue, from 0 to 255.
export function channels(name) {
  const text = colour(name);
  const long = text.length === 4 ? text.replace(/[0-9a-f]/gi, "$&$&") : text;
  return [1, 3, 5].map((start) => parseInt(long.slice(start, start + 2), 16));
}

// A colour between stops [[share, name], …], the shares rising from 0 to 1.
export function between(stops, share) {
  const next = Math.max(1, stops.findIndex(([end]) => share <= end));
  const [[low, first], [high, second]] = [stops[next - 1], stops[next]];
  const part = Math.min(Math.max((share - low) / (high - low), 0), 1);
  const [from, to] = [channels(first), channels(second)];
  return from.map((value, index) => Math.round(value + part * (to[index] - value)));
}

// Heights from the valleys up, as in every figure of the reports.
export const SHADES = [[0, "valley"], [0.55, "blank"], [1, "paper"]];

function themeChanged() {
  known.clear();
  for (const listener of listeners) listener();
}

new MutationObserver(themeChanged).observe(document.documentElement, { attributeFilter: ["data-theme", "class"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeChanged);

// Calls back when the colours have changed; returns how to end that.
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Frames ---------------------------------------------------------------------------------------------------

const waiting = new Set();
let asked = false;

// Draws whatever has to be drawn, now: who moves things in an animation frame shows them in the same frame.
export function flush() {
  asked = false;
  for (const picture of Array.from(waiting)) {
    waiting.delete(picture);
    picture.paint();
  }
}

function wake() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(flush);
}

class Canvas {
  constructor(place, draw, { label = "", ratio = null } = {}) {
    this.draw = draw;
    this.width = this.height = 0;
    this.layers = new Map();
    this.node = element("canvas", { role: "img", "aria-label": label });
    this.box = element("div.drawing", {}, this.node);
    if (ratio) this.box.style.aspectRatio = String(ratio);
    place.append(this.box);
    this.context = this.node.getContext("2d");
    this.observer = new ResizeObserver(() => this.measure());
    this.observer.observe(this.box);
    this.endTheme = onTheme(() => this.renew());
    this.measure();
  }

  measure() {
    const { clientWidth: width, clientHeight: height } = this.box;
    const density = Math.min(globalThis.devicePixelRatio || 1, 3);
    if (width === this.width && height === this.height && density === this.density) return;
    Object.assign(this, { width, height, density });
    resized(this.node, this);
    this.renew();
  }

  // All layers are painted anew.
  renew() {
    this.layers.clear();
    this.invalidate();
  }

  invalidate() {
    waiting.add(this);
    wake();
  }

  paint() {
    if (!this.width || !this.height) return;
    this.context.setTransform(this.density, 0, 0, this.density, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    this.draw(this.context, this.width, this.height);
  }

  // A picture beside the picture; `paint(context, width, height)` fills it when `version` is another one.
  layer(name, version, paint) {
    let layer = this.layers.get(name);
    if (!layer) {
      const node = document.createElement("canvas");
      layer = { canvas: node, context: node.getContext("2d"), version: null };
      this.layers.set(name, layer);
    }
    if (layer.version !== version) {
      layer.version = version;
      resized(layer.canvas, this);
      layer.context.setTransform(this.density, 0, 0, this.density, 0, 0);
      paint(layer.context, this.width, this.height);
    }
    return layer;
  }

  // Puts a layer on the picture.
  lay(layer) {
    this.context.drawImage(layer.canvas, 0, 0, this.width, this.height);
  }

  close() {
    this.observer.disconnect();
    this.endTheme();
    waiting.delete(this);
    this.box.remove();
  }
}

// Sets a canvas's pixels, which also clears it.
function resized(node, { width, height, density }) {
  node.width = Math.max(1, Math.round(width * density));
  node.height = Math.max(1, Math.round(height * density));
}

export const canvas = (place, draw, options) => new Canvas(place, draw, options);

// What a drawing says --------------------------------------------------------------------------------------

// Returns a function that writes what `facts()` says, { label, …data }, onto the element as its aria-label and
// data attributes: numbers for tests and for those who do not see the picture, at most ten times a second.
export const teller = (node, facts) => rarely(SPARSE, () => {
  const { label, ...data } = facts();
  attribute(node, { "aria-label": label, data });
});

// The page's font in a size.
let family = "";
export function font(size, weight = "") {
  family ||= getComputedStyle(document.documentElement).getPropertyValue("--sans").trim() || "system-ui, sans-serif";
  return `${weight} ${size}px ${family}`.trim();
}
