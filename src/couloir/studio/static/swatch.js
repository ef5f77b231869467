// The line and the marker of an update rule beside its name, as every figure has them.

import { onTheme } from "./canvas.js";
import { element } from "./dom.js";
import { paint } from "./legend.js";
import { RULES } from "./rules.js";

// How a rule is drawn: { colour, dash, symbol }. One of Optax's has no look of its own.
export function look(rule) {
  const known = Object.hasOwn(RULES, rule) ? RULES[rule] : null;
  return known ? { colour: rule, dash: known.dash, symbol: known.symbol }
    : { colour: "further-1", dash: "dash", symbol: "circle-open" };
}

// A swatch; it follows the theme for as long as it is on the page.
export function swatch(rule) {
  const node = element("canvas.swatch", { "aria-hidden": "true" });
  const draw = () => paint(node, look(rule));
  draw();
  const end = onTheme(() => (node.isConnected ? draw() : end()));
  return node;
}
