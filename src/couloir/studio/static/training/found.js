// What was found in a table; or, where there is none yet, the place to drop one.

import { button } from "../controls.js";
import { counted, element, expose, replace, shown } from "../dom.js";

// `leaveOut(columns)`: a warning says that training would be better without them.
export function showFound(place, name, seen, planned, target, leaveOut) {
  const troubles = seen.columns.filter(({ trouble }) => trouble).map(({ trouble }) => trouble);
  const warnings = planned ? planned.warnings : troubles.map((text) => [text, ""]);
  replace(place,
    element("h2", {}, name),
    planned ? element("dl.facts", {}, ...planned.lines.flatMap(([label, text]) =>
      [element("dt", {}, label), element("dd", {}, text)])) : element("p", {}, summary(seen)),
    ...warnings.slice(0, 8).map(([text, columns]) => element("div.warning.row", {}, element("span", {}, text),
      columns && leaveOut ? button({ label: `Leave out ${columns}`, on: () => leaveOut(columns) }).element : null)),
    ...preview(seen, target || seen.target));
  expose(place, { rows: seen.rows, columns: seen.width });
}

function summary({ columns, rows, width }) {
  const kinds = new Map();
  for (const { kind } of columns) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const parts = Array.from(kinds, ([kind, count]) => `${shown(count)} ${kind}`);
  return `${counted(rows, "row")}, ${counted(width, "column")} (${parts.join(", ")})`;
}

function preview({ columns, preview: cells, rows, width }, target) {
  const first = columns.slice(0, cells[0]?.length ?? 0);
  const head = ({ name, kind, missing }) => element(name === target ? "th.target" : "th", { scope: "col" }, name,
    element("small", {}, name === target ? "to predict" : kind, missing ? `, ${shown(missing)} missing` : ""));
  const row = (values) => element("tr", {}, ...values.map((value, place) =>
    element(first[place].name === target ? "td.target" : "td", {}, value ?? "–")));
  const table = element("table.preview", {},
    element("thead", {}, element("tr", {}, ...first.map(head))), element("tbody", {}, ...cells.map(row)));
  const part = rows > cells.length || width > first.length;
  return [
    element("div.scroll", { tabindex: "0", role: "region", "aria-label": "The first rows" }, table),
    part ? element("p.note", {}, `The first ${counted(cells.length, "row")} and ${counted(first.length, "column")}.`) : null,
  ];
}

export function showWelcome(place, bundled, pick, choose) {
  replace(place, element("div.drop", {},
    element("h2", {}, "Drop a table here"),
    element("p", {}, "CSV, TSV or Parquet, up to 64 MiB, the first line naming the columns. It stays on this computer."),
    element("div.row", {}, button({ label: "Choose a file…", kind: "strong", on: pick }).element),
    element("p.note", {}, "Or try one that comes along:"),
    element("div.row", {}, ...bundled.map((name) => button({ label: name, on: () => choose(name) }).element))));
}
