// The line and the marker of an update rule beside its name, as every figure has them.

import { swatch as drawn } from "./legend.js";
import { RULES } from "./rules.js";

// How a rule is drawn: { colour, dash, symbol }. One of Optax's has no look of its own.
export function look(rule) {
  const known = Object.hasOwn(RULES, rule) ? RULES[rule] : null;
  return known ? { colour: rule, dash: known.dash, symbol: known.symbol }
    : { colour: "further-1", dash: "dash", symbol: "circle-open" };
}

export const swatch = (rule) => drawn(look(rule));
