// The controls of the race: the surface, the start, which rules are shown, and the knobs of one of them.

import { button, choice, group, number, slider, toggle, words } from "../controls.js";
import { element, replace, shown } from "../dom.js";
import { NUMBERS, RULES } from "../rules.js";
import { RACE } from "../settings.js";
import { swatch } from "../swatch.js";

// How far the sliders go: less far than a race can be asked with.
const SLIDERS = {
  learning_rate: { min: 1e-5, max: 100, scale: "log" },
  momentum: { min: 0, max: 0.999, step: 0.001 },
  decay: { min: 0, max: 0.999, step: 0.001 },
  beta1: { of: "of the mean", min: 0, max: 0.999, step: 0.001 },
  beta2: { of: "of the squares", min: 0, max: 0.9999, step: 0.0001 },
  epsilon: { min: 1e-12, max: 1, scale: "log" },
  weight_decay: { min: 0, max: 10, scale: "log" },
};
const named = (name) => [NUMBERS[name], SLIDERS[name].of].filter(Boolean).join(", ");

const SHORT = { "in a local minimum": "local min.", "stuck at a saddle": "saddle", "on its way": "" };

// The controls of the surface and the start.
export class SurfaceControls {
  // `changed(changes)`: other values of the state; `started(point)`: another start, null for the customary one.
  constructor(place, state, surfaces, { changed, started }) {
    this.surface = choice({
      label: "Surface", choices: [...surfaces, ["formula", "A formula of your own"]], value: state.surface,
      on: (surface) => changed({ surface }),
    });
    this.condition = slider({
      label: "Condition number κ", min: RACE.condition.low, max: 1000, value: state.condition, scale: "log",
      help: "How many times as steep across the ravine as along it",
      on: (condition) => changed({ condition }),
    });
    this.formula = words({
      label: "f(x, y) =", value: state.formula, lines: 2,
      help: "Numbers, x, y, pi, e, + − * / ^, parentheses, sin cos tan atan sinh cosh tanh exp log sqrt abs sigmoid max min pow",
      on: (formula) => changed({ formula: formula.trim() }),
    });
    const ends = ["x from", "to", "y from", "to"];
    const { low: min, high: max } = RACE.domain.each;
    this.ends = state.domain.map((value, k) => number({ label: ends[k], value, min, max, on: () => changed({ domain: this.ends.map((each) => each.value) }) }));
    this.domain = element("div.ends", {}, ...this.ends.map((each) => each.element));
    this.equation = element("p.equation", {});
    this.note = element("p.note", {});
    this.surface.element.classList.add("whole");
    this.start = ["x", "y"].map((label, k) => number({ label, value: 0, min, max, on: () => started(this.start.map((each) => each.value), k) }));
    this.starts = element("div.row", {});
    this.started = started;
    place.append(
      group("Surface", this.surface, this.condition, this.formula, this.domain, this.equation, this.note),
      group("Start", element("p.note", {}, "Click on the picture, or drag the ring."), element("div.ends", {}, ...this.start.map((each) => each.element)), this.starts),
    );
  }

  show(state, about) {
    this.surface.set(state.surface);
    this.condition.set(state.condition);
    this.formula.set(state.formula);
    this.ends.forEach((each, k) => each.set(state.domain[k]));
    this.condition.element.hidden = state.surface !== "ravine";
    this.formula.element.hidden = this.domain.hidden = state.surface !== "formula";
    this.equation.textContent = about.equation;
    this.note.textContent = [about.note, about.source && `(${about.source})`].filter(Boolean).join(" ");
    const offered = about.starts.map((point) => button({
      label: point.map((each) => shown(each)).join(", "), help: "Start here", on: () => this.started(point),
    }).element);
    replace(this.starts, element("span.quiet", {}, "Customary:"), ...offered);
  }

  place(point) {
    this.start.forEach((each, k) => each.set(point[k]));
  }

  enable(yes) {
    for (const each of [this.surface, this.condition, this.formula, ...this.ends, ...this.start]) each.enable(yes);
    for (const each of this.starts.querySelectorAll("button")) each.disabled = !yes;
  }
}

// The list of rules: shown or not, how each fares, and whose knobs are looked at.
export class Rules {
  constructor(place, { shownChanged, focused }) {
    this.rows = Object.keys(RULES).map((name) => {
      const on = toggle({ label: name, value: true, swatch: swatch(name), on: (yes) => shownChanged(name, yes) });
      const rate = element("button.rate", { type: "button", onclick: () => focused(name) });
      const ending = element("span.ending", {});
      return { name, on, rate, ending, element: element("li", { data: { rule: name } }, on.element, ending, rate) };
    });
    const list = group("Rules", element("ul.racers", {}, ...this.rows.map((row) => row.element)));
    list.classList.add("who");
    place.append(list);
  }

  show({ shown: visible, focus }) {
    for (const { name, on, rate, element: row } of this.rows) {
      on.set(visible.includes(name));
      rate.setAttribute("aria-pressed", String(name === focus));
      row.classList.toggle("focus", name === focus);
    }
  }

  rates(settings) {
    for (const { name, rate } of this.rows) {
      const text = `α ${shown(settings[name].learning_rate, 3)}`;
      if (rate.textContent !== text) {
        rate.textContent = text;
        rate.setAttribute("aria-label", `The knobs of ${name}, ${text}`);
      }
    }
  }

  // How each fares, by its name: { kind, since }.
  endings(found) {
    for (const { name, ending, element: row } of this.rows) {
      const { kind = "", since } = found[name] ?? {};
      if (row.dataset.ending === kind) continue;
      row.dataset.ending = kind;
      ending.textContent = SHORT[kind] ?? kind;
      ending.title = ending.textContent ? `${kind} since step ${shown(since)}` : "";
    }
  }
}

// Every setting of one rule, and the noise.
export class Knobs {
  // `turn(rule, name, value)`.
  constructor(place, turn, seeded) {
    this.turn = turn;
    this.place = element("div.knobs", {});
    this.sliders = new Map();
    this.noise = slider({
      label: "Noise σ", min: RACE.noise.low, max: 10, value: 0, scale: "log",
      help: "Added to every gradient; the same draws for all rules, so that they can be compared", on: (value) => turn("noise", "", value),
    });
    const { low: min, high: max } = RACE.seed;
    this.seed = number({ label: "Seed", value: 0, min, max, whole: true, on: seeded });
    place.append(this.place, group("Gradient noise", this.noise, this.seed));
  }

  show(rule) {
    if (rule === this.rule) return;
    this.rule = rule;
    const { equation, source, defaults } = RULES[rule];
    this.sliders = new Map(Object.keys(defaults).map((name) => [
      name, slider({ ...SLIDERS[name], label: named(name), value: defaults[name], on: (value) => this.turn(rule, name, value) }),
    ]));
    replace(this.place, group(`Knobs of ${rule}`, element("p.equation", {}, equation), element("p.note", {}, source), ...this.sliders.values()));
  }

  set(settings, noise, seed) {
    for (const [name, each] of this.sliders) each.set(settings[this.rule][name]);
    this.noise.set(noise);
    this.seed.set(seed);
  }

  enable(yes) {
    for (const each of [...this.sliders.values(), this.noise, this.seed]) each.enable(yes);
  }
}
