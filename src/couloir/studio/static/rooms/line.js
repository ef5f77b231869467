// The room 'line': points, a line through them, the loss of every line, and gradient descent at any rate.

import { chart } from "../chart.js";
import { button, folded, group, number, slider, words } from "../controls.js";
import { element, rarely, replace, shown } from "../dom.js";
import { growing } from "../growing.js";
import { plane } from "../plane.js";
import { player } from "../playing.js";
import { CANDIDATES, DESCENT, SEVEN } from "../settings.js";
import { space } from "../space.js";
import { newest, onlyRefused } from "../wire.js";

const MOST_HANDLES = 60; // more points than that are too close to be taken hold of
const PATH = { name: "gradient descent", colour: "right", dash: "solid", symbol: "circle" };
const SHARES = [["Too low", 0.01], ["Right", 0.5], ["Too high", 1.05]];

export const room = {
  name: "line",
  title: "Line",
  lead: "Seven points and a line with two numbers to choose. Every line has a loss; gradient descent walks down to the best.",
  defaults: { points: SEVEN, line: [-0.4, 4], rate: 0.03, steps: 1000, step: 0, turn: [305, 36] },
  mount: (place, studio) => new LineRoom(place, studio),
};

const equation = ([slope, intercept]) => `${shown(slope)}·x ${intercept < 0 ? "−" : "+"} ${shown(Math.abs(intercept))}`;

class LineRoom {
  constructor(place, studio) {
    this.studio = studio;
    this.path = growing(2);
    this.place(place);
    this.refit = newest((domain) => this.fitted(domain));
    this.rerun = newest(() => this.descended());
    this.weigh = newest(() => this.weighed());
    this.tell = rarely(100, () => this.told());
    this.showPoints();
    this.showLine();
    this.asked = Promise.all([this.refit(), this.rerun(), this.weigh()]).then(() => this.play.seek(this.studio.state.step));
  }

  // What is asked and answered -----------------------------------------------------------------------------

  // The best line and the bowl; while a point is dragged the bowl stays in its old frame.
  async fitted(domain) {
    const { values, arrays } = await this.studio.ask("fit", { points: this.state.points, ...(domain ? { domain } : {}) });
    this.fit = values;
    const [rows, columns] = arrays.z.shape;
    const grid = { z: arrays.z, shape: [rows, columns] };
    this.contour.view(ends("slope m", values.contour.x), ends("intercept b", values.contour.y));
    this.contour.heights({ ...values.contour, ...grid });
    this.bowl.heights({ ...values.bowl, ...grid });
    const best = [{ x: values.slope, y: values.intercept, name: "least squares", symbol: "x", colour: "ink" }];
    this.contour.marks(best);
    this.bowl.marks(best);
    this.showRates();
    this.show(this.play.step);
  }

  async descended() {
    const { points, line, rate, steps } = this.state;
    const { values, arrays } = await this.studio.ask("descend", { points, line, rate, steps });
    this.run = { ...values, ...arrays };
    this.path = growing(2, arrays.weights);
    const path = { ...PATH, points: this.path, dots: true, ghost: true };
    this.contour.paths([path]);
    this.bowl.paths([{ ...path, dots: false }]);
    this.losses.series([{ ...PATH, name: "loss above the least", symbol: "circle", values: growing(1, arrays.excess), ghost: true }]);
    this.play.until(values.steps);
    this.play.know(values.steps);
    const [before, after] = values.sentence.split(values.verdict, 2);
    replace(this.verdict, before, element("strong", {}, values.verdict), after);
    this.verdict.dataset.verdict = values.verdict;
    this.studio.say(values.sentence);
    this.show(this.play.step);
  }

  // The errors of the line where descent begins.
  async weighed() {
    const { points, line } = this.state;
    const { values, arrays } = await this.studio.ask("loss", { points, line });
    const rows = points.map(([x, y], index) => [x, y, arrays.predictions[index], arrays.residuals[index], arrays.residuals[index] ** 2]);
    replace(this.errors, ...rows.map((row) => element("tr", {}, ...row.map((value) => element("td.amount", {}, shown(value))))));
    this.sum.textContent = `The squares have the mean ${shown(values.loss)}: the loss of the line ${equation(line)}.`;
    this.sum.dataset.loss = values.loss;
  }

  code() {
    const { points, line, rate, steps } = this.state;
    return this.studio.ask("code", { points, line, rate, steps }).then(({ values }) => values.code);
  }

  gather() {
    return this.asked;
  }

  unmount() {
    for (const part of [this.data, this.contour, this.bowl, this.losses, this.play]) part.close();
  }

  get state() {
    return this.studio.state;
  }

  // What the person changes --------------------------------------------------------------------------------

  setPoints(points, done = true) {
    this.studio.set({ points });
    if (done) this.frame = null;
    this.showPoints();
    this.refit(done ? null : [this.fit.contour.x, this.fit.contour.y]);
    this.rerun();
    this.weigh();
  }

  setLine(line, done = true) {
    this.play.pause();
    this.studio.set(done ? { line, step: 0 } : { line });
    this.play.seek(0);
    this.showLine();
    this.rerun();
    this.weigh();
  }

  setRate(rate) {
    this.studio.set({ rate });
    this.showRates();
    this.rerun();
  }

  movePoint(index, x, y, done) {
    this.setPoints(this.state.points.map((point, k) => (k === index ? [x, y] : point)), done);
  }

  removePoint(index) {
    if (this.state.points.length <= 2) return this.studio.complain("A line needs two points: add one before you remove this.");
    return this.setPoints(this.state.points.filter((_, k) => k !== index));
  }

  async paste(text) {
    const { values } = await this.studio.ask("read", { text });
    this.setPoints(values.points);
  }

  // What is shown ------------------------------------------------------------------------------------------

  showPoints() {
    const { points } = this.state;
    const few = points.length <= MOST_HANDLES;
    this.frame ??= [0, 1].map((side) => wide(points.map((point) => point[side])));
    this.data.view(ends("x", this.frame[0]), ends("y", this.frame[1]));
    const look = { colour: "ink", symbol: "circle", size: 5.5 };
    this.data.points(few ? [] : points.map(([x, y]) => ({ x, y, ...look, size: 3.5 })));
    this.data.handles(!few ? [] : points.map(([x, y], index) => ({
      ...look, name: `point ${index + 1} of ${points.length}`, x, y,
      move: (...to) => this.movePoint(index, ...to), remove: () => this.removePoint(index),
    })));
    this.count.textContent = `${points.length} points.`;
  }

  showLine() {
    const [x, y] = this.state.line;
    this.slope.set(x);
    this.intercept.set(y);
    this.contour.handles([{
      name: "the line descent starts from, slope and intercept", x, y, colour: "right", symbol: "diamond-open", size: 7,
      move: (m, b, done) => this.setLine([m, b], done),
    }]);
  }

  // The rate's slider over the powers of ten around the critical rate, and where that and the best one are.
  showRates() {
    if (!this.fit) return;
    const { critical, best } = this.fit;
    const [low, high] = [10 ** Math.floor(Math.log10(critical / 200)), 10 ** Math.ceil(Math.log10(critical * 1.5))];
    if (this.range !== `${low} ${high}`) {
      this.range = `${low} ${high}`;
      this.rate = slider({ label: "Learning rate α", min: low, max: high, scale: "log", value: this.state.rate, on: (rate) => this.setRate(rate) });
      replace(this.rates, this.rate.element, this.scale);
    }
    this.rate.set(this.state.rate);
    const at = (rate) => Math.log(rate / low) / Math.log(high / low);
    replace(this.scale,
      mark(at(best), "best", `best ${shown(best)}`),
      mark(at(critical), "critical", `critical ${shown(critical)}`));
  }

  // One step of the descent, in all views.
  show(step) {
    for (const view of [this.contour, this.bowl, this.losses]) view.show(step);
    const at = Math.min(step, this.path.count - 1);
    const line = at < 0 ? this.state.line : [this.path.values[2 * at], this.path.values[2 * at + 1]];
    const [left, right] = this.frame[0];
    const through = ([slope, intercept]) => [left, slope * left + intercept, right, slope * right + intercept];
    const bars = this.state.points.flatMap(([x, y]) => [x, y, x, line[0] * x + line[1], NaN, NaN]);
    const best = this.fit ? [{ points: through([this.fit.slope, this.fit.intercept]), colour: "quiet", dash: "dot", width: 1.5 }] : [];
    this.data.lines([...best, { points: bars, colour: "wrong", dash: "dash", width: 1.5 }, { points: through(line), colour: "right", width: 2.5 }]);
    this.tell();
  }

  told() {
    const { fit, run, play } = this;
    if (!fit || !run) return;
    const at = Math.min(play.step, run.steps);
    const [m, b] = [run.weights[2 * at], run.weights[2 * at + 1]];
    const [down, across] = [run.gradients[2 * at], run.gradients[2 * at + 1]];
    const facts = {
      line: ["line", equation([m, b]), [m, b]],
      loss: ["loss J", shown(run.losses[at]), run.losses[at]],
      gradient: ["gradient ∇J", `${shown(down)}, ${shown(across)}`, [down, across]],
      best: ["least squares", equation([fit.slope, fit.intercept]), [fit.slope, fit.intercept]],
      least: ["its loss", shown(fit.least), fit.least],
      eigenvalues: ["curvatures λ", fit.eigenvalues.map((value) => shown(value)).join(", "), fit.eigenvalues],
      condition: ["condition number", shown(fit.condition), fit.condition],
      critical: ["critical rate 2/λ", shown(fit.critical), fit.critical],
      factors: ["a step leaves", run.factors.map((value) => shown(value)).join(", "), run.factors],
    };
    replace(this.facts, ...Object.entries(facts).flatMap(([name, [label, text, value]]) => [
      element("dt", {}, label), element("dd", { data: { name, value } }, text),
    ]));
  }

  // What the room is made of -------------------------------------------------------------------------------

  place(place) {
    this.verdict = element("p.verdict", {});
    const transport = element("div.transport", {}, this.ratePanel());
    const views = Object.fromEntries(VIEWS.map(([name, title, note]) => [name, element("section.view", { class: `view ${name}` },
      element("h2", {}, title), element("div", {}), element("p.note", {}, note))]));
    const stage = element("div.stage", {}, transport, this.verdict, element("div.views", {}, ...Object.values(views)), this.table());
    replace(place, element("div.room.line", {}, this.panel(), stage));
    const inside = (name) => views[name].querySelector("div");
    this.play = player(transport, { rate: 120, last: this.state.steps, show: (step) => this.show(step), changed: () => this.keepStep() });
    this.draw(inside);
  }

  draw(inside) {
    const { turn } = this.state;
    const sides = { x: { name: "slope m", low: -3, high: 3 }, y: { name: "intercept b", low: -9, high: 11 } };
    this.data = plane(inside("data"), {
      label: "The points, the line and its errors", ratio: 4 / 3, x: { low: 0, high: 1 }, y: { low: 0, high: 1 },
      onPlace: (x, y, done) => done && this.setPoints([...this.state.points, [x, y]]),
    });
    this.contour = plane(inside("contour"), {
      label: "Level lines of the loss over slope and intercept", ratio: 4 / 3, ...sides,
      onPlace: (m, b, done) => this.setLine([m, b], done),
    });
    this.bowl = space(inside("bowl"), {
      label: "The loss as a bowl over slope and intercept", x: sides.x, y: sides.y, z: { name: "loss (log)" },
      turn: { azimuth: turn[0], elevation: turn[1] },
      turned: rarely(200, ({ azimuth, elevation }) => this.studio.set({ turn: [azimuth, elevation].map(Math.round) })),
    });
    this.losses = chart(inside("losses"), {
      label: "Loss above the least by step", ratio: 4 / 3, x: { name: "step" }, y: { name: "loss above the least", kind: "log", cap: 100 },
      legend: false, onSeek: (step) => { this.play.pause(); this.play.seek(step); this.keepStep(); },
    });
  }

  keepStep() {
    if (this.play && !this.play.playing) this.studio.set({ step: this.play.step });
  }

  panel() {
    const { line, steps } = this.state;
    const { low: min, high: max } = DESCENT.line.each;
    this.slope = number({ label: "Slope m", value: line[0], min, max, on: (m) => this.setLine([m, this.state.line[1]]) });
    this.intercept = number({ label: "Intercept b", value: line[1], min, max, on: (b) => this.setLine([this.state.line[0], b]) });
    const tries = CANDIDATES.map((each) => button({ label: equation(each), on: () => this.setLine(each) }).element);
    const length = number({ label: "Steps", value: steps, min: DESCENT.steps.low, max: DESCENT.steps.high, whole: true, on: (many) => { this.studio.set({ steps: many }); this.rerun(); } });
    this.facts = element("dl.facts", {});
    return element("aside.panel", {},
      group("Where descent starts", this.slope, this.intercept, element("div.row", {}, ...tries), length),
      group("Numbers", this.facts),
      this.pointsPanel());
  }

  ratePanel() {
    this.rates = element("div", {});
    this.scale = element("div.rate-marks", { "aria-hidden": "true" });
    const at = (share) => Number((share * this.fit.critical).toPrecision(4));
    const shares = SHARES.map(([label, share]) => button({ label, on: () => this.setRate(at(share)) }).element);
    return element("div.rate", {}, this.rates, element("div.row", {}, ...shares));
  }

  pointsPanel() {
    this.count = element("span", {});
    const text = words({ label: "Points, one pair in each line", lines: 7, placeholder: "2.4 1.7\n2.8 1.85" });
    const use = button({ label: "Use these", on: () => this.paste(text.value).catch(onlyRefused) });
    const reset = button({ label: "The seven points", on: () => this.setPoints(SEVEN) });
    return group("Points", element("p.note", {}, this.count, " Drag one, or move it with the arrow keys; click to add one; Delete or a double click removes it."),
      element("div.row", {}, reset.element), folded("Paste your own", text, element("div.row", {}, use.element)));
  }

  table() {
    this.errors = element("tbody", {});
    this.sum = element("p.note", {});
    const heads = ["x", "y", "f(x)", "error y − f(x)", "its square"].map((text) => element("th.amount", { scope: "col" }, text));
    return folded("The errors of the line it starts from",
      element("div.scroll", { tabindex: "0", role: "region", "aria-label": "Errors" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.errors)),
      this.sum);
  }
}

const VIEWS = [
  ["data", "The points and the line", "The bars are the errors; dotted is the best line, by least squares."],
  ["contour", "The loss of every line", "Each place is a line. Press, or drag the diamond, to choose where descent starts; the cross is the best."],
  ["bowl", "The same as a bowl", "Drag or use the arrow keys to turn it."],
  ["losses", "The loss on the way down", "How far the loss is above the least, on a logarithmic axis."],
];

const ends = (name, [low, high]) => ({ name, low, high });

// The ends of values with room around them to drag points into.
function wide(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = 0.3 * (high - low) || 0.3 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

function mark(share, side, text) {
  const made = element(`span.${side}`, {}, text);
  made.style.left = `calc(8px + (100% - 16px) * ${share})`;
  return made;
}
