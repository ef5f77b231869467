// The update microscope: the coming step of one rule with every number it uses, in words, in its formula and as
// arrows on the picture.

import { element, expose, replace, shown } from "../dom.js";
import { place as placed } from "../numbers.js";

const BLOCK = 16;

export class Microscope {
  // `seen(step)`: another step is under the microscope, null for none; `opened(yes)`.
  constructor(place, studio, { seen, opened }) {
    this.studio = studio;
    this.seen = seen;
    this.blocks = new Map();
    this.title = element("summary", {});
    this.equation = element("p.equation", {});
    this.formula = element("ol.formula", {});
    this.rows = element("tbody", {});
    this.note = element("p.note", {});
    this.node = element("details.microscope", { ontoggle: () => opened(this.node.open) }, this.title,
      element("div.pair", {},
        element("div", {}, this.equation, this.formula, this.note),
        element("div.scroll", {}, element("table", {}, element("thead", {}, element("tr", {},
          element("th", { scope: "col", colspan: 2 }, "quantity"), element("th.amount", { scope: "col" }, "x"), element("th.amount", { scope: "col" }, "y"))),
        this.rows))));
    place.append(this.node);
    this.show(null);
  }

  open(yes) {
    this.node.open = yes;
  }

  forget() {
    this.blocks.clear();
  }

  // The step after `step`, or the last one.
  async look(setup, rule, step, last) {
    this.title.textContent = `The microscope: one update of ${rule}`;
    if (!this.node.open) return this.seen(null);
    const wanted = Math.min(step, last - 1);
    this.wanted = `${rule} ${wanted}`;
    const found = await this.#block(setup, rule, wanted - (wanted % BLOCK));
    if (this.wanted !== `${rule} ${wanted}` || !found) return null;
    return this.show(found.steps[wanted % BLOCK] ?? null, rule, found.equation);
  }

  #block(setup, rule, first) {
    const key = `${rule} ${first}`;
    const { blocks } = this;
    if (!blocks.has(key)) {
      const asked = this.studio.ask("microscope", { ...setup, rule, first, steps: BLOCK });
      blocks.set(key, asked.then(({ values }) => values, () => blocks.delete(key) && null));
    }
    return blocks.get(key);
  }

  show(step, rule = "", equation = "") {
    this.seen(step);
    this.equation.textContent = equation;
    this.node.dataset.step = step?.step ?? "";
    if (!step) {
      this.note.textContent = rule ? `${rule} had diverged before this step: go back to an earlier one.` : "";
      replace(this.formula);
      replace(this.rows);
      return;
    }
    this.title.textContent = `The microscope: step ${shown(step.step)} of ${rule}`;
    replace(this.formula, ...step.formula.map((line) => element("li", {}, line)));
    replace(this.rows, ...step.rows.map(([symbol, meaning, x, y]) => element("tr", { data: { symbol, x, y } },
      element("th", { scope: "row" }, symbol), element("td", {}, meaning), element("td.amount", {}, shown(x)), element("td.amount", {}, shown(y)))));
    this.note.textContent = told(step, rule);
    expose(this.node, { point: step.point, change: step.change, gradient: step.gradient, next: step.next });
  }
}

function told({ loss, next_loss: next, arrows, change }, rule) {
  const way = next < loss ? "falls" : next > loss ? "rises" : "stays";
  const times = arrows.enlarged > 1 ? `, ${shown(arrows.enlarged)} times as long as it is` : "";
  return `The loss ${way} from ${shown(loss)} to ${shown(next)}. On the picture, the arrow of ${rule} is this step, ${placed(...change)}${times}; `
    + "the grey one would be as long a step straight downhill, along −g.";
}
