// Fair tuning: every rule tries the same learning rates for the same number of steps. What each rate led to, and
// the rates that won.

import { button } from "../controls.js";
import { chart } from "../chart.js";
import { element, expose, replace, shown } from "../dom.js";
import { growing } from "../growing.js";
import { look, swatch } from "../swatch.js";

const DEEP = 1e-12; // of the loss at the start: lower ends are drawn there

export class Tuning {
  constructor(place, { closed }) {
    this.notes = element("div", {});
    this.rows = element("tbody", {});
    this.picture = element("div", {});
    this.title = element("h2", {});
    this.node = element("section.view.tuning", { hidden: true },
      element("div.row", {}, this.title, button({ label: "Close", on: closed }).element),
      element("div.pair", {}, this.picture, element("div.scroll", {}, element("table", {},
        element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "rule"), element("th.amount", { scope: "col" }, "best α"), element("th.amount", { scope: "col" }, "loss at the end"))),
        this.rows))),
      this.notes);
    place.append(this.node);
  }

  show({ values, arrays }) {
    this.node.hidden = false;
    this.title.textContent = `What every learning rate leads to in ${shown(values.steps)} steps`;
    this.curves ??= chart(this.picture, {
      label: "Loss at the end by learning rate", legend: false, ratio: 1.6,
      x: { name: "learning rate α", kind: "log" }, y: { name: "loss above the least, at the end", kind: "log", cap: 30 },
    });
    const { rates, above } = arrays;
    const floor = DEEP * values.start_loss;
    const of = (k) => Array.from(above.subarray(k * rates.length, (k + 1) * rates.length));
    const series = values.rules.map((name, k) => ({
      name, ...look(name), x: rates,
      values: growing(1, of(k).map((loss) => Math.max(loss, floor))),
    }));
    this.curves.view(null, { low: Math.max(lowest(series) / 2, floor), high: 30 * values.start_loss });
    this.curves.series(series);
    replace(this.notes, element("p.note", {}, "Where a line ends in a cross, the next greater rate diverged."), ...values.notes.map((note) => element("p.note", {}, note)));
    replace(this.rows, ...values.rules.map((name, k) => {
      const best = values.chosen[name];
      const loss = of(k)[Array.from(rates).indexOf(best)];
      return element("tr", { data: { rule: name, rate: best, loss } }, element("th", { scope: "row" }, swatch(name), name),
        element("td.amount", {}, shown(best)), element("td.amount", {}, shown(loss, 3)));
    }));
    expose(this.node, { chosen: values.chosen });
  }

  hide() {
    this.node.hidden = true;
  }

  close() {
    this.curves?.close();
  }
}

const lowest = (series) => Math.min(...series.flatMap(({ values }) => Array.from(values.values).filter(Number.isFinite)));
