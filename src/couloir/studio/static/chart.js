// Curves against steps, epochs or rates, with linear or logarithmic axes.
//
//   const losses = chart(place, {
//     label: "Loss by step",
//     x: { name: "step" }, y: { name: "loss", kind: "log", cap: 100 },   // cap: no higher than so many first values
//     legend: true,
//     onSeek(x) { … },                                  // pressed or dragged: go there
//   });
//   losses.view({ low, high }, null);                   // ends of the axes, or another { name, kind } too;
//                                                       // null fits what is known
//   losses.series([{ name, colour, dash, symbol, values, x, dots, ghost }]);
//   losses.show(step);                                  // curves up to this step, a marker at each head
//   losses.marks([{ x, name, colour, dash }]);          // upright lines: an early stop, the critical rate
//   losses.close();
//
// `values` is growing(1), see growing.js; call series() again when it has grown, so that the axes follow. `x` is
// an array of places; without it they are 0, 1, 2, … A value that is no number leaves a gap, and where a curve
// ends in one a cross says so. The values at the play-head, or where one points or has moved by arrow keys,
// stand in the legend; the canvas has them as data-values, and data-at.

import { frame, paintAxes, paintEdge, paintGrid, pixelIn } from "./axes.js";
import { canvas, colour, font, teller } from "./canvas.js";
import { shown } from "./dom.js";
import { legend } from "./legend.js";
import { axis, ends } from "./numbers.js";
import { dashes, ghost, marker, Trail } from "./strokes.js";

class Chart {
  constructor(place, options) {
    this.options = { ratio: 16 / 9, legend: true, ...options };
    this.curves = [];
    this.upright = [];
    this.trails = [];
    this.step = Infinity;
    this.pointed = null; // the index that is pointed at
    this.ends = { x: null, y: null };
    this.asked = { x: null, y: null };
    this.versions = { ground: 0, trail: 0 };
    this.picture = canvas(place, (context, width, height) => this.#draw(context, width, height), {
      label: options.label, ratio: this.options.ratio,
    });
    this.node = this.picture.node;
    this.names = this.options.legend ? legend(place) : null;
    this.tell = teller(this.node, () => this.#facts());
    this.#listen();
    this.#fit();
  }

  view(x, y) {
    this.asked = { x, y };
    for (const side of ["x", "y"]) {
      const { name, kind } = { ...this.options[side], ...this.asked[side] };
      if (name === this.options[side].name && kind === this.options[side].kind) continue;
      Object.assign(this.options[side], { name, kind });
      this.ends[side] = null;
    }
    this.#fit();
  }

  series(curves) {
    const same = curves.length === this.curves.length && curves.every((each, k) => each === this.curves[k]);
    this.curves = curves;
    if (!same) {
      this.trails = curves.map(() => new Trail());
      this.versions.trail += 1;
    }
    this.#fit();
  }

  show(step) {
    if (step < this.step) this.versions.trail += 1;
    this.step = step;
    this.#changed();
  }

  marks(marks) {
    this.upright = marks;
    this.#changed();
  }

  close() {
    this.names?.close();
    this.picture.close();
  }

  #changed() {
    this.picture.invalidate();
    this.tell();
  }

  // Axes ---------------------------------------------------------------------------------------------------

  // New axes where what is known does not fit the present ones.
  #fit() {
    for (const side of ["x", "y"]) {
      const now = this.asked[side] ? [this.asked[side].low, this.asked[side].high] : this.#known(side);
      if (this.ends[side]?.join() === now.join()) continue;
      this.ends[side] = now;
      this[side] = axis(...now, this.options[side].kind);
      this.versions.ground += 1;
      this.versions.trail += 1;
    }
    this.#changed();
  }

  #known(side) {
    const { kind, cap } = this.options[side];
    if (side === "x") {
      const last = Math.max(1, ...this.curves.map(({ values }) => values.count - 1));
      const places = this.curves.flatMap((curve) => (curve.x ? Array.from(curve.x) : []));
      return places.length ? ends(places, kind) : [0, last];
    }
    const [low, high] = ends(this.#heights(), kind);
    const first = this.curves.map(({ values }) => values.values[0]).filter(Number.isFinite);
    const most = cap && first.length ? cap * Math.max(...first) : Infinity;
    return [low, Math.max(Math.min(high, most), kind === "log" ? 10 * low : low)];
  }

  * #heights() {
    for (const { values } of this.curves) yield* values.values.subarray(0, values.count);
  }

  #pixel(x, y) {
    return pixelIn(this.box, this.x, this.y, x, y);
  }

  #place = (curve, index) => (curve.x ? curve.x[index] : index);

  #reached = (curve) => Math.min(Math.floor(this.step) + 1, curve.values.count);

  // Drawing ------------------------------------------------------------------------------------------------

  #draw(context, width, height) {
    const { picture } = this;
    this.box = frame(context, width, height, this.x, this.y);
    picture.lay(picture.layer("ground", this.versions.ground, (layer) => this.#paintGround(layer)));
    context.save();
    const { left, top, right, bottom } = this.box;
    context.beginPath();
    context.rect(left, top - 1, right - left, bottom - top + 2);
    context.clip();
    this.#layTrails();
    this.#drawCursor(context);
    context.restore();
    for (const mark of this.upright) this.#drawMark(context, mark);
    for (const curve of this.curves) this.#drawHead(context, curve);
  }

  #paintGround(context) {
    const { x, y } = this.options;
    paintGrid(context, this.box, this.x, this.y);
    paintAxes(context, this.box, this.x, this.y, { x: x.name, y: y.name });
    paintEdge(context, this.box);
  }

  #layTrails() {
    const lines = this.curves.map((curve) => this.#lineOf(curve));
    const layer = this.picture.layer("trail", this.versions.trail, (context) => {
      for (const trail of this.trails) trail.restart();
      this.curves.forEach((curve, index) => curve.ghost && ghost(context, lines[index], curve.values.count));
    });
    this.curves.forEach((curve, index) => this.trails[index].extend(layer.context, lines[index], this.#reached(curve)));
    this.picture.lay(layer);
  }

  #lineOf(curve) {
    const at = (k, point) => {
      const value = curve.values.values[k];
      const [x, y] = this.#pixel(this.#place(curve, k), value);
      point[0] = x;
      point[1] = Number.isFinite(value) ? y : NaN;
    };
    return { style: colour(curve.colour), dash: curve.dash, width: curve.width ?? 2, dots: curve.dots, box: this.box, at };
  }

  #drawCursor(context) {
    const at = this.#cursor();
    if (at === null || !this.curves.length) return;
    const [x] = this.#pixel(this.#place(this.curves[0], at), 1);
    context.strokeStyle = colour("quiet");
    context.setLineDash(this.pointed === null ? [] : [3, 3]);
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5, this.box.top);
    context.lineTo(Math.round(x) + 0.5, this.box.bottom);
    context.stroke();
    context.setLineDash([]);
  }

  // Where values are read: where one points, or at the play-head; null where all is shown at once.
  #cursor() {
    if (this.pointed !== null) return this.pointed;
    return Number.isFinite(this.step) ? Math.floor(this.step) : null;
  }

  #drawMark(context, { x, name, colour: role = "quiet", dash = "dash" }) {
    const [at] = this.#pixel(x, 1);
    const { box } = this;
    if (at < box.left || at > box.right) return;
    context.strokeStyle = context.fillStyle = colour(role);
    context.lineWidth = 1.5;
    context.setLineDash(dashes(dash, 1.5));
    context.beginPath();
    context.moveTo(at, box.top);
    context.lineTo(at, box.bottom);
    context.stroke();
    context.setLineDash([]);
    context.font = font(12);
    context.textBaseline = "top";
    const before = at + context.measureText(name).width + 10 > box.right;
    context.textAlign = before ? "right" : "left";
    context.fillText(name, at + (before ? -5 : 5), box.top + 4);
  }

  // The last number that is shown of a curve, { index, value, lost }; null where there is none yet.
  #head(curve) {
    const end = this.#reached(curve) - 1;
    for (let k = end; k >= 0; k -= 1) {
      const value = curve.values.values[k];
      if (Number.isFinite(value)) return { index: k, value, lost: k < end };
    }
    return null;
  }

  #drawHead(context, curve) {
    const head = this.#head(curve);
    if (!head || (!Number.isFinite(this.step) && !head.lost)) return;
    const [x, y] = this.#pixel(this.#place(curve, head.index), head.value);
    const { top, bottom, left, right } = this.box;
    if (x < left - 1 || x > right + 1) return;
    const inside = Math.min(Math.max(y, top), bottom);
    const symbol = head.lost ? "x" : curve.symbol ?? "circle";
    marker(context, symbol, x, inside, inside === y ? 5.5 : 4, colour(curve.colour), colour("paper"));
  }

  // Reading ------------------------------------------------------------------------------------------------

  #listen() {
    const { node } = this;
    node.tabIndex = 0;
    const pointed = (event) => this.#indexAt(event.clientX - node.getBoundingClientRect().left);
    node.addEventListener("pointermove", (event) => {
      this.#point(pointed(event));
      if (event.buttons & 1) this.#seek();
    });
    node.addEventListener("pointerdown", (event) => {
      this.#point(pointed(event));
      this.#seek();
    });
    for (const name of ["pointerleave", "blur"]) node.addEventListener(name, () => this.#point(null));
    node.addEventListener("keydown", (event) => this.#key(event));
  }

  #seek() {
    if (this.options.onSeek && this.pointed !== null) this.options.onSeek(this.#place(this.curves[0], this.pointed));
  }

  #key(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way && event.key !== "Escape") return;
    event.preventDefault();
    const far = event.shiftKey ? 10 : 1;
    const last = this.#last();
    const from = this.#cursor() ?? (way > 0 ? -1 : last + 1);
    this.#point(way ? Math.min(Math.max(from + way * far, 0), last) : null);
  }

  #last = () => Math.max(0, ...this.curves.map(({ values }) => values.count - 1));

  #indexAt(pixel) {
    if (!this.curves.length || !this.box) return null;
    const { left, right } = this.box;
    const curve = this.curves.reduce((long, each) => (each.values.count > long.values.count ? each : long));
    let best = null;
    let least = Infinity;
    for (let k = 0; k < curve.values.count; k += 1) {
      const far = Math.abs(left + this.x.share(this.#place(curve, k)) * (right - left) - pixel);
      if (far < least) [best, least] = [k, far];
    }
    return best;
  }

  #point(index) {
    if (index === this.pointed) return;
    this.pointed = index;
    this.#changed();
  }

  // The value of a curve at an index, or at its last one before; what has ended in no number stays lost; null
  // where none has come yet.
  #value(curve, index) {
    const { values, count } = curve.values;
    return count ? values[Math.min(index ?? count - 1, count - 1)] : null;
  }

  #facts() {
    const at = this.#cursor();
    const values = this.curves.map((curve) => ({ name: curve.name, value: this.#value(curve, at) }));
    this.names?.set(this.curves.map((curve, k) => ({ ...curve, value: told(values[k].value) })));
    const sentences = values.map(({ name, value }) => `${name} ${told(value)}`);
    const { x } = this.options;
    const where = at === null || !this.curves.length ? "at the end" : `at ${x.name} ${shown(this.#place(this.curves[0], at))}`;
    return { label: `${this.options.label}, ${where}: ${sentences.join(", ") || "nothing yet"}`, at, step: this.step, values };
  }
}

const told = (value) => (Number.isFinite(value) || value === null ? shown(value, 3) : "diverged");

export const chart = (place, options) => new Chart(place, options);
