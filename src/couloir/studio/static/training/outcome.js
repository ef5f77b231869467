// What a run came to: the headline, the board, the curves, the test, and its page.

import { chart } from "../chart.js";
import { element, expose, replace } from "../dom.js";
import { axisKind, boardTable, reportFrame, reportLink, ruleCurves, scoresTable } from "../tables.js";

const STATUS = {
  interrupted: "Cancelled: chosen among what had been learnt until then.",
  "out of time": "The time was up: chosen among what had been learnt until then.",
};

// Returns the chart, which is to be closed when the outcome is shown no more; `after` stands below it all.
export function showOutcome(place, found, ...after) {
  const { winner, status, curves } = found;
  const drawn = element("div.view", {}, element("h3", {}, `Validation ${curves.name} by epoch`));
  replace(place,
    element("h2", {}, `${headline(found)} `,
      found.untested ? null : element("span.quiet", {}, `(95 % interval ${found.interval_text})`)),
    status === "complete" ? null : element("p.warning", {}, STATUS[status] ?? status),
    ...found.verdicts.map((text) => element("p", {}, text)),
    element("div.views.wide", {},
      element("div.view", {}, element("h3", {}, found.board.title), boardTable(found.board)),
      drawn,
      element("div.view", {}, ...tested(found))),
    ...after);
  expose(place, { run: found.name, score: found.score, test: found.test, validation: found.validation });
  place.hidden = false;
  const made = chart(drawn, {
    label: `Validation ${curves.name} by epoch, the best of every rule`, legend: true,
    x: { name: "epoch" }, y: { name: curves.name, kind: axisKind(curves.metric, curves.curves), cap: 3 },
  });
  made.series(ruleCurves(curves.curves));
  return made;
}

// The winner with its test score, if it was tested.
export function headline({ winner, untested, usual_name: usual, score_text: score }) {
  return untested ? `${winner}: nothing was tested` : `${winner}: test ${usual} ${score}`;
}

function tested({ untested, scores, rivals, times_scored: times }) {
  if (untested) return [element("h3", {}, "No test part"), element("p.note", {}, untested)];
  return [
    element("h3", {}, "On the test part"),
    scoresTable(scores),
    element("p.note", {}, `Against ${rivals.map(({ name, text }) => `${name} ${text}`).join(", ")}.`),
    times > 1 ? element("p.note", {},
      `This test part has now been scored ${times} times, and tells a little less each time.`) : null,
  ];
}

// Where the run is kept, and its page.
export function kept({ name, page: there }, replaying) {
  if (replaying) return [element("p.note", {}, `The run's folder is ${name}.`)];
  return [
    element("h3", {}, "The report"),
    element("p.links", {}, there ? reportLink(name, "Open it alone") : null,
      element("a", { href: `#runs?run=${encodeURIComponent(name)}` }, "In the room of runs"), element("span.quiet", {}, name)),
    there ? reportFrame(name) : null,
  ];
}
