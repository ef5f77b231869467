// Tables of what a run came to. Cells are { text, value }: what is read, and the number behind it.

import { element } from "./dom.js";
import { growing } from "./growing.js";
import { METRICS } from "./options.js";
import { RULES } from "./rules.js";
import { look, swatch } from "./swatch.js";

// A board: { title, heads, rows: [[{text, value}, …], …] }, the first cell of a row a rule's name.
export function boardTable({ title, heads, rows }) {
  const numeric = heads.map((_, place) => rows.some((row) => typeof row[place].value === "number"));
  return element("div.scroll", { tabindex: "0", role: "region", "aria-label": title },
    element("table.board", {},
      element("caption.hidden", {}, title),
      element("thead", {}, element("tr", {}, ...heads.map((head, place) =>
        element(numeric[place] ? "th.amount" : "th", { scope: "col" }, head)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {},
        ...row.map((cell, place) => boardCell(cell, place, numeric[place])))))));
}

function boardCell({ text, value }, place, numeric) {
  if (place === 0) return element("th", { scope: "row" }, text in RULES ? swatch(text) : null, text);
  return element(numeric ? "td.amount" : "td", typeof value === "number" ? { data: { value } } : {}, text);
}

// Curves of rules for a chart: [{ name, epochs, values }].
export function ruleCurves(curves) {
  return curves.map(({ name, epochs, values }) => ({
    name, ...look(name), x: epochs, values: growing(1, values.map((value) => value ?? NaN)),
  }));
}

// How a metric's curves are drawn: what is to grow as it is, losses on a logarithmic axis where they span a decade.
export function axisKind(metric, curves) {
  if (METRICS[metric]?.more) return "linear";
  const heights = curves.flatMap(({ values }) => values).filter((value) => Number.isFinite(value));
  const low = Math.min(...heights);
  return low > 0 && Math.max(...heights) > 8 * low ? "log" : "linear";
}

// Test scores with their intervals: [{ name, metric, text, interval_text, value, low, high, validation }].
export function scoresTable(scores) {
  return element("div.scroll", { tabindex: "0", role: "region", "aria-label": "Test scores" }, element("table", {},
    element("thead", {}, element("tr", {}, ...["test score", "", "95 % interval"].map((head, place) =>
      element(place ? "th.amount" : "th", { scope: "col" }, head)))),
    element("tbody", {}, ...scores.map(({ name, metric, text, interval_text: interval, value, low, high }) =>
      element("tr", { data: { metric } }, element("th", { scope: "row" }, name),
        element("td.amount", { data: { value } }, text), element("td.amount", { data: { low, high } }, interval))))));
}

// A run's own page, in a frame without the studio's rights.
export function reportFrame(name) {
  return element("iframe.report", {
    src: `/runs/${encodeURIComponent(name)}`, title: `The page of ${name}`, sandbox: "allow-scripts allow-downloads",
  });
}

export function reportLink(name, text = "Open the page alone") {
  return element("a", { href: `/runs/${encodeURIComponent(name)}`, target: "_blank", rel: "noopener" }, text);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${seconds.toPrecision(2)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function bytes(count) {
  const size = Math.max(count / 2 ** 20, 1);
  return size < 1024 ? `${Math.round(size)} MiB` : `${(size / 1024).toFixed(1)} GiB`;
}
