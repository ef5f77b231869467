// The table of runs: sorted by any column, filtered by words, some of them chosen for comparison.

import { element, expose, replace, shown } from "../dom.js";
import { duration } from "../tables.js";

const COLUMNS = [
  ["kind", "kind"], ["data", "data"], ["created", "date"], ["rows", "rows"], ["members", "networks"],
  ["winner", "winner"], ["validation", "validation"], ["test", "test"], ["score", "accuracy or R²"], ["seconds", "time"],
];
const NUMBERS = ["rows", "members", "validation", "test", "score", "seconds"];
export const SORTS = ["name", ...COLUMNS.map(([key]) => key)];

const date = (text) => (text ? text.slice(0, 16).replace("T", " ") : "–");

// Rows that hold every word of the filter somewhere.
export function filtered(rows, filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (row) => Object.values(row).filter((value) => typeof value === "string").join(" ").toLowerCase();
  return rows.filter((row) => words.every((word) => text(row).includes(word)));
}

// Empty cells come last, whichever way it goes.
export function sorted(rows, key, down) {
  const empty = (value) => value === null || value === undefined || value === "";
  const compare = (one, other) => {
    const [a, b] = [one[key], other[key]];
    if (empty(a) || empty(b)) return Number(empty(a)) - Number(empty(b));
    const way = typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0;
    return down ? -way : way;
  };
  return rows.toSorted(compare);
}

// on: { sort(key), open(name), choose(name, yes) }
export function showTable(place, rows, state, on) {
  const head = ([key, label]) => element(NUMBERS.includes(key) ? "th.amount" : "th", {
    scope: "col", "aria-sort": state.sort === key ? (state.down ? "descending" : "ascending") : "none",
  }, element("button.sort", { type: "button", onclick: () => on.sort(key), data: { sort: key } },
    label, element("span", { "aria-hidden": "true" }, state.sort === key ? (state.down ? " ↓" : " ↑") : "")));
  const table = element("table.runs", {},
    element("caption.hidden", {}, "Runs"),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, element("span.hidden", {}, "compare")),
      head(["name", "run"]), ...COLUMNS.map(head))),
    element("tbody", {}, ...rows.map((row) => line(row, state, on))));
  replace(place, element("div.scroll", { tabindex: "0", role: "region", "aria-label": "Runs" }, table));
  expose(place, { count: rows.length });
}

function line(row, state, on) {
  const { name, broken } = row;
  const pick = element("input", {
    type: "checkbox", "aria-label": `Compare ${name}`, checked: state.chosen.includes(name),
    disabled: Boolean(broken) || !row.model, onchange: (event) => on.choose(name, event.target.checked),
  });
  const start = [element("td", {}, pick), element("th", { scope: "row" }, broken ? name : link(name, state, on))];
  if (broken) {
    return element("tr.broken", { data: { run: name } }, ...start, element("td", {}, row.kind || "–"),
      element("td", { colspan: COLUMNS.length - 1 }, broken));
  }
  const interval = row.interval_text ? element("small", {}, row.interval_text) : null;
  const cells = [
    ["td", row.kind], ["td", row.data || "–"], ["td", date(row.created)],
    ["td.amount", shown(row.rows), { rows: row.rows }], ["td.amount", shown(row.members), { members: row.members }],
    ["td", row.winner ?? "–"],
    ["td.amount", row.validation_text ?? "–", { validation: row.validation }, row.metric_name],
    ["td.amount", row.test_text ?? "–", { test: row.test }, row.metric_name],
    ["td.amount", row.score_text ?? "–", { score: row.score, low: row.low, high: row.high }, null, interval],
    ["td.amount", duration(row.seconds), { seconds: row.seconds }],
  ];
  return element("tr", { data: { run: name }, "aria-selected": state.run === name ? "true" : null }, ...start,
    ...cells.map(([kind, text, data, title, more]) => element(kind, { data: told(data), title: title ?? null }, text, more ?? null)));
}

const told = (data = {}) => Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null && value !== undefined));

function link(name, state, on) {
  return element("button.link", { type: "button", onclick: () => on.open(name), "aria-pressed": String(state.run === name) }, name);
}
