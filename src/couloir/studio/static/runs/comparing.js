// Several runs side by side: test scores with their intervals, the winners' curves, and their rules' rates.

import { chart } from "../chart.js";
import { element, expose, replace } from "../dom.js";
import { growing } from "../growing.js";
import { swatch } from "../legend.js";
import { axisKind } from "../tables.js";

const LOOKS = [
  { colour: "right", dash: "solid", symbol: "circle" }, { colour: "wrong", dash: "dash", symbol: "square" },
  { colour: "further-3", dash: "dot", symbol: "diamond" }, { colour: "further-2", dash: "longdash", symbol: "triangle-up" },
  { colour: "further-4", dash: "dashdot", symbol: "star" }, { colour: "further-1", dash: "longdashdot", symbol: "pentagon" },
];

// Returns what is to be closed when it is shown no more.
export function showComparison(place, { runs, cautions }) {
  const scored = element("div.view");
  const learning = element("div.view", {}, element("h3", {}, "How the winners learnt"));
  const rates = element("div.view", {}, element("h3", {}, "How the winners' rules answer to the learning rate"));
  replace(place, element("h2", {}, "Side by side"),
    ...cautions.map((text) => element("p.warning", {}, text)), scored, element("div.views.wide", {}, learning, rates));
  showScores(scored, runs);
  expose(place, { runs: runs.map(({ name }) => name), cautions: cautions.length });
  const losses = chart(learning, {
    label: "Validation loss of the winners by epoch", legend: true, x: { name: "epoch" },
    y: { name: `validation ${same(runs, "loss")}`, kind: axisKind("loss", runs.map(({ curve }) => curve)), cap: 3 },
  });
  losses.series(runs.map(({ name, curve }, place) => ({
    name, ...LOOKS[place], x: curve.epochs, values: growing(1, curve.values.map((value) => value ?? NaN)),
  })));
  const answering = runs.map(({ response }) => response);
  const response = chart(rates, {
    label: "Best validation score of the winners' rules by learning rate", legend: true,
    x: { name: "learning rate", kind: "log" },
    y: { name: `best validation ${same(answering, "name")}`, kind: axisKind(answering[0].metric, answering) },
  });
  response.series(runs.map(({ name, response: found }, place) => ({
    name: `${found.rule}, ${name}`, ...LOOKS[place], x: found.rates, dots: true,
    values: growing(1, found.values.map((value) => value ?? NaN)),
  })));
  return { close() { losses.close(); response.close(); } };
}

// A name that all have, or what stands for several.
function same(entries, key) {
  const names = new Set(entries.map((entry) => entry[key]));
  return names.size === 1 ? entries[0][key] : "score";
}

function showScores(place, runs) {
  const tested = runs.filter(({ scores }) => scores.length);
  const metrics = (tested[0]?.scores ?? []).map(({ metric, name }) => [metric, name])
    .filter(([metric]) => tested.every(({ scores }) => scores.some((each) => each.metric === metric)));
  const ranges = new Map(metrics.map(([metric]) => [metric, range(tested, metric)]));
  const chosen = tested.length < runs.length; // what was not tested has the score alone that it was chosen by
  const head = element("tr", {}, element("th", { scope: "col" }, "run"), element("th", { scope: "col" }, "winner"),
    chosen ? element("th", { scope: "col" }, "chosen by") : null, ...metrics.map(([, name]) => element("th", { scope: "col" }, `test ${name}`)));
  const row = ({ name, winner, scores, metric_name: by, validation, validation_text: text }, index) => element("tr", { data: { run: name } },
    element("th", { scope: "row" }, swatch(LOOKS[index]), name), element("td", {}, winner),
    chosen ? element("td", { data: { validation } }, `${by} ${text}`) : null,
    ...metrics.map(([metric]) => (scores.length ? cell(scores.find((each) => each.metric === metric), ranges.get(metric), LOOKS[index])
      : element("td", {}, "not tested"))));
  replace(place, element("div.scroll", { tabindex: "0", role: "region", "aria-label": metrics.length ? "Test scores of the runs" : "Scores of the runs" },
    element("table.compared", {}, element("thead", {}, head), element("tbody", {}, ...runs.map(row)))),
    metrics.length ? element("p.note", {}, "Bars are 95 % intervals: how much another test part of the same size could differ.") : null);
}

function range(runs, metric) {
  const found = runs.map(({ scores }) => scores.find((each) => each.metric === metric));
  const low = Math.min(...found.map((score) => score.low));
  const high = Math.max(...found.map((score) => score.high));
  return [low, high > low ? high : low + 1];
}

// A score in words over its interval drawn on the range of all runs.
function cell({ metric, value, low, high, text, interval_text: interval }, [from, to], { colour }) {
  const share = (at) => `${Math.min(Math.max((100 * (at - from)) / (to - from), 0), 100)}%`;
  const bar = element("span.bar");
  const dot = element("span.dot");
  bar.style.left = share(low);
  bar.style.right = `calc(100% - ${share(high)})`;
  dot.style.left = share(value);
  bar.style.background = dot.style.background = `var(--${colour})`;
  return element("td", { data: { metric, value, low, high } }, text, " ", element("small", {}, interval),
    element("span.interval", { "aria-hidden": "true" }, bar, dot));
}
