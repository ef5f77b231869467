// Predictions for pasted rows: text in, the model's answers beside it.

import { button, words } from "../controls.js";
import { download, element, expose, replace, shown } from "../dom.js";
import { onlyRefused } from "../wire.js";

const MOST = 950_000;     // bytes of a question, below what the server takes
const SHOWN = 200;
const LABELS = 12;

export class Predicting {
  constructor(studio, run) {
    this.studio = studio;
    this.run = run;
    this.rows = words({ label: "Rows, the first line naming the columns", lines: 8, placeholder: "age,plan\n42,basic" });
    this.answers = element("div.answers", { "aria-live": "polite" });
    this.node = element("div", {},
      element("p.note", {}, "Paste up to 10,000 rows from a CSV file or a spreadsheet; the target need not be there."),
      this.rows.element,
      element("div.row", {},
        button({ label: "Predict", kind: "strong", on: () => this.#predict() }).element,
        button({ label: "Example rows", help: "Rows that this run was mistaken about", on: () => this.#example() }).element),
      this.answers);
  }

  async #example() {
    try {
      this.rows.set((await this.studio.ask("example", { run: this.run })).values.text);
      await this.#predict();
    } catch (error) {
      onlyRefused(error);
    }
  }

  async #predict() {
    const given = { run: this.run, text: this.rows.value };
    this.studio.complain(null);
    replace(this.answers);
    if (new TextEncoder().encode(JSON.stringify(given)).length > MOST) {
      this.studio.complain("This is more than 1 MB of rows: use couloir predict in a terminal.");
      return;
    }
    try {
      this.#show(await this.studio.ask("predict", given));
    } catch (error) {
      onlyRefused(error);
    }
  }

  #show({ values: { rows, target, classes, labels }, arrays }) {
    const several = classes !== null;
    const predicted = (row) => (several ? labels[row] : arrays.prediction[row]);
    const chances = several ? classes.slice(0, LABELS) : [];
    const chance = (row, place) => arrays.probabilities[row * classes.length + place];
    const line = (row) => element("tr", {}, element("td.amount", {}, String(row + 1)),
      several ? element("td", {}, predicted(row)) : element("td.amount", { data: { value: predicted(row) } }, shown(predicted(row))),
      ...chances.map((_, place) => element("td.amount", { data: { value: chance(row, place) } }, `${(100 * chance(row, place)).toFixed(1)} %`)));
    const table = element("table", {},
      element("thead", {}, element("tr", {}, element("th.amount", { scope: "col" }, "row"),
        element(several ? "th" : "th.amount", { scope: "col" }, `predicted ${target}`),
        ...chances.map((label) => element("th.amount", { scope: "col" }, label)))),
      element("tbody", {}, ...Array.from({ length: Math.min(rows, SHOWN) }, (_, row) => line(row))));
    const more = [
      rows > SHOWN ? `The first ${SHOWN} of ${shown(rows)} rows.` : null,
      several && classes.length > LABELS ? `The first ${LABELS} of ${classes.length} classes.` : null,
    ].filter(Boolean).join(" ");
    replace(this.answers,
      element("div.scroll", { tabindex: "0", role: "region", "aria-label": "Predictions" }, table),
      more ? element("p.note", {}, more) : null,
      element("div.row", {}, button({ label: "Save as CSV", on: () => this.#save(columns({ rows, classes, labels, arrays })) }).element));
    expose(this.answers, { rows });
    this.studio.say(`${rows} predicted.`);
  }

  #save(text) {
    download(new Blob([text], { type: "text/csv" }), `${this.run}-predictions.csv`);
  }
}

// The whole table as CSV, in full precision.
function columns({ rows, classes, labels, arrays }) {
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const head = ["row", "prediction", ...(classes ?? []).map((label) => `probability_${label}`)].map(quoted);
  const line = (row) => (classes
    ? [row, quoted(labels[row]), ...arrays.probabilities.subarray(row * classes.length, (row + 1) * classes.length)]
    : [row, arrays.prediction[row]]);
  return [head, ...Array.from({ length: rows }, (_, row) => line(row))].map((cells) => `${cells.join(",")}\n`).join("");
}
