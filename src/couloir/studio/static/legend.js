// A list of names with the line and the marker each is drawn with, and a value beside each name.
//
//   const names = legend(place);
//   names.set([{ name, colour, dash, symbol, value: "0.0123" }]);
//   swatch({ colour, dash, symbol })                      // the line and the marker alone, as an element

import { colour, onTheme } from "./canvas.js";
import { element } from "./dom.js";
import { dashes, marker } from "./strokes.js";

const [WIDTH, HEIGHT] = [34, 16];

// Paints a line with its marker on a small canvas.
export function paint(node, { colour: name, dash, symbol, line = true }) {
  const density = Math.min(globalThis.devicePixelRatio || 1, 3);
  [node.width, node.height] = [WIDTH * density, HEIGHT * density];
  const context = node.getContext("2d");
  context.scale(density, density);
  context.strokeStyle = colour(name);
  context.lineWidth = 2;
  if (line) {
    context.setLineDash(dashes(dash, 2));
    context.beginPath();
    context.moveTo(0, HEIGHT / 2);
    context.lineTo(WIDTH, HEIGHT / 2);
    context.stroke();
  }
  if (symbol) marker(context, symbol, WIDTH / 2, HEIGHT / 2, 5, colour(name), colour("paper"), 1);
}

export function swatch(entry) {
  const node = element("canvas.swatch", { "aria-hidden": "true" });
  paint(node, entry);
  const end = onTheme(() => (node.isConnected ? paint(node, entry) : end()));
  return node;
}

class Legend {
  constructor(place) {
    this.node = element("ul.legend");
    place.append(this.node);
    this.entries = [];
    this.endTheme = onTheme(() => this.#paint());
  }

  set(entries) {
    const looks = (entry) => [entry.name, entry.colour, entry.dash, entry.symbol].join();
    const same = entries.map(looks).join("|") === this.entries.map(looks).join("|");
    this.entries = entries;
    if (!same) this.#build();
    entries.forEach(({ value }, index) => {
      const { values } = this;
      if (values[index].textContent !== (value ?? "")) values[index].textContent = value ?? "";
    });
  }

  #build() {
    const items = this.entries.map(({ name }) => {
      const swatch = element("canvas", { "aria-hidden": "true" });
      const value = element("span.value");
      return { item: element("li", {}, swatch, name, " ", value), swatch, value };
    });
    this.swatches = items.map(({ swatch }) => swatch);
    this.values = items.map(({ value }) => value);
    this.node.replaceChildren(...items.map(({ item }) => item));
    this.#paint();
  }

  #paint() {
    this.entries.forEach((entry, index) => paint(this.swatches[index], entry));
  }

  close() {
    this.endTheme();
    this.node.remove();
  }
}

export const legend = (place) => new Legend(place);
