// A surface in space that turns, with paths and marks lying on it.
//
//   const relief = space(place, {
//     label: "…", x: { name: "slope m" }, y: { name: "intercept b" }, z: { name: "loss" },
//     turn: { azimuth: 35, elevation: 32, zoom: 1 },      // degrees
//     turned({ azimuth, elevation, zoom }) { … },
//   });
//   relief.heights({ x, y, z, shape, scale });            // as in heights.js; 51 × 51 is a good size
//   relief.paths([{ name, colour, dash, symbol, points, ghost }]); // points: growing(2) of x and y
//   relief.show(step);
//   relief.marks([{ x, y, name, symbol, colour }]);
//   relief.close();
//
// Drag or arrow keys turn it, + and − or the wheel with Ctrl zoom, Home shows it as in the beginning. Parts of
// a path that lie behind the surface are faint.

import { canvas, colour, font, teller } from "./canvas.js";
import { settled, shown } from "./dom.js";
import { Drape } from "./drape.js";
import { plainScale, share, spaced } from "./heights.js";
import { axis, place as placed } from "./numbers.js";
import { Relief, TALL } from "./relief.js";
import { ghost, marker, Trail } from "./strokes.js";

const BEGIN = { azimuth: 35, elevation: 30, zoom: 1 };
const FLOOR = [[-1, -1], [1, -1], [1, 1], [-1, 1]];

class Space {
  constructor(place, options) {
    this.options = options;
    this.turn = { ...BEGIN, ...options.turn };
    this.first = { ...this.turn };
    this.lines = [];
    this.spots = [];
    this.step = 0;
    this.versions = { surface: 0, trail: 0 };
    this.picture = canvas(place, (context, width, height_) => this.#draw(context, width, height_), {
      label: options.label, ratio: options.ratio ?? 4 / 3,
    });
    this.node = this.picture.node;
    this.node.tabIndex = 0;
    this.node.classList.add("turns");
    this.tell = teller(this.node, () => this.#facts());
    this.#listen();
  }

  heights(surface) {
    const scale = surface.scale ?? plainScale(surface.z);
    this.relief = new Relief({ ...surface, scale });
    this.axes = [axis(...surface.x), axis(...surface.y)];
    this.#drape();
  }

  paths(paths) {
    this.lines = paths;
    this.#drape();
  }

  show(step) {
    if (step < this.step) this.versions.trail += 1;
    this.step = step;
    this.#changed();
  }

  marks(marks) {
    this.spots = marks;
    this.#changed();
  }

  // Another point of view.
  look(turn) {
    const { azimuth, elevation, zoom } = { ...this.turn, ...turn };
    this.turn = {
      azimuth: ((azimuth % 360) + 360) % 360,
      elevation: Math.min(Math.max(elevation, 4), 88),
      zoom: Math.min(Math.max(zoom, 0.5), 6),
    };
    this.turning = true;
    this.#moved();
    this.#rest();
    this.options.turned?.(this.turn);
  }

  #rest = settled(160, () => {
    this.turning = false;
    this.#moved();
  });

  close() {
    this.picture.close();
  }

  #changed() {
    this.picture.invalidate();
    this.tell();
  }

  #moved() {
    this.versions.surface += 1;
    this.versions.trail += 1;
    this.#changed();
  }

  #drape() {
    this.drapes = this.relief ? this.lines.map(() => new Drape(this.relief, this.axes)) : [];
    this.trails = this.lines.map(() => [new Trail(), new Trail()]);
    this.#moved();
  }

  // Projection ---------------------------------------------------------------------------------------------

  #project(width, height_) {
    const { azimuth, elevation, zoom } = this.turn;
    const [turned, tilt] = [(azimuth * Math.PI) / 180, (elevation * Math.PI) / 180];
    const [sine, cosine, rise, flat] = [Math.sin(turned), Math.cos(turned), Math.sin(tilt), Math.cos(tilt)];
    // The box fits whichever way it is turned, so that it does not breathe while it turns.
    const across = (width - 90) / (2 * Math.SQRT2);
    const up = (height_ - 70) / (2 * Math.SQRT2 * rise + TALL * flat);
    const unit = Math.max(10, Math.min(across, up)) * zoom;
    this.sight = { sine, cosine, rise, flat, unit, left: width / 2, top: height_ / 2 + (unit * TALL * flat) / 2 - 6 };
  }

  // The pixel of a place in the box: u and v from −1 to 1, w from 0 to TALL.
  #pixel(u, v, w) {
    const { sine, cosine, rise, flat, unit, left, top } = this.sight;
    return [left + unit * (u * cosine - v * sine), top - unit * ((u * sine + v * cosine) * rise + w * flat)];
  }

  // Drawing ------------------------------------------------------------------------------------------------

  #draw(context, width, height_) {
    if (!this.relief) return;
    this.#project(width, height_);
    const { picture, versions } = this;
    // Painted anew on a new theme too, when its colours are others.
    picture.lay(picture.layer("surface", versions.surface, (layer) => this.#paint(layer, width, height_)));
    this.#layTrails(width, height_);
    for (const spot of this.spots) this.#drawSpot(context, spot, spot.symbol ?? "x", spot.colour ?? "ink");
    this.lines.forEach((line, index) => this.#drawHead(context, line, this.drapes[index]));
  }

  #paint(context, width, height_) {
    this.relief.colours();
    this.#paintFloor(context);
    this.#paintRelief(context, width, height_);
    this.#paintLabels(context);
  }

  // Twice as many pixels as are shown make smooth edges; while it turns, speed matters more.
  #paintRelief(context, width, height_) {
    const more = Math.max(this.turning ? 1 : 2, this.picture.density);
    const { sight } = this;
    const large = { ...sight, unit: sight.unit * more, left: sight.left * more, top: sight.top * more };
    const image = this.relief.image(large, Math.round(width * more), Math.round(height_ * more));
    this.board ??= document.createElement("canvas");
    if (this.board.width !== image.width) this.board.width = image.width;
    if (this.board.height !== image.height) this.board.height = image.height;
    this.board.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(this.board, 0, 0, width, height_);
  }

  #layTrails(width, height_) {
    if (!this.lines.length) return;
    const box = { left: 0, top: 0, right: width, bottom: height_ };
    const layer = this.picture.layer("trail", this.versions.trail, (context) => {
      for (const trail of this.trails.flat()) trail.restart();
      this.lines.forEach((line, index) => {
        if (line.ghost) this.#ghost(context, line, this.drapes[index], box);
      });
    });
    this.lines.forEach((line, index) => {
      const drape = this.drapes[index];
      const count = drape.reach(line.points, Math.floor(this.step) + 1);
      const [behind, seen] = this.trails[index];
      layer.context.globalAlpha = 0.35;
      behind.extend(layer.context, { ...this.#lineOf(line, box), width: 1.4, at: this.#at(drape, false) }, count);
      layer.context.globalAlpha = 1;
      seen.extend(layer.context, { ...this.#lineOf(line, box), at: this.#at(drape, true) }, count);
    });
    this.picture.lay(layer);
  }

  #lineOf = (line, box) => ({ style: colour(line.colour), dash: line.dash, width: line.width ?? 2.2, box });

  #ghost(context, line, drape, box) {
    const whole = drape.reach(line.points, Infinity);
    ghost(context, { ...this.#lineOf(line, box), at: this.#at(drape, true) }, whole);
  }

  // The pixel of a place on a drape, of those that are seen, or of those that the surface hides, with one
  // more at each end of a stretch, so that no gap is left.
  #at = (drape, seen) => {
    const { sine, cosine, rise, flat, unit, left, top } = this.sight;
    let before = false;
    return (k, point) => {
      const { values } = drape;
      const [u, v, w] = [values[3 * k], values[3 * k + 1], values[3 * k + 2]];
      const hidden = this.relief.hides(u, v, w);
      const wanted = seen ? !hidden : hidden || before;
      before = hidden;
      point[0] = wanted ? left + unit * (u * cosine - v * sine) : NaN;
      point[1] = top - unit * ((u * sine + v * cosine) * rise + w * flat);
    };
  };

  #drawHead(context, line, drape) {
    const head = drape.head(Math.floor(this.step) + 1, line.points);
    if (head) this.#drawSpot(context, head, head.lost ? "x" : line.symbol ?? "circle", line.colour);
  }

  #drawSpot(context, { x, y }, symbol, name) {
    const [u, v] = this.axes.map((side, k) => 2 * side.share(k ? y : x) - 1);
    if (!(Math.abs(u) <= 1 && Math.abs(v) <= 1)) return;
    const tall = new Drape(this.relief, this.axes).tall(u, v);
    if (Number.isNaN(tall)) return;
    marker(context, symbol, ...this.#pixel(u, v, tall), 6, colour(name), colour("paper"));
  }

  // The box ------------------------------------------------------------------------------------------------

  #paintFloor(context) {
    context.setLineDash([]);
    context.lineWidth = 1;
    context.strokeStyle = colour("grid");
    context.beginPath();
    for (const [side, ticks] of this.#ticks().entries()) {
      for (const { at } of ticks) {
        const ends = side ? [[-1, at], [1, at]] : [[at, -1], [at, 1]];
        context.moveTo(...this.#pixel(...ends[0], 0));
        context.lineTo(...this.#pixel(...ends[1], 0));
      }
    }
    context.stroke();
    context.strokeStyle = colour("quiet");
    context.beginPath();
    for (const [u, v] of FLOOR) context.lineTo(...this.#pixel(u, v, 0));
    context.closePath();
    context.stroke();
  }

  #ticks() {
    return this.axes.map((side) => side.ticks(5).map(({ value, text }) => ({ at: 2 * side.share(value) - 1, text })));
  }

  // Ticks and names along the two near sides, and heights at the corner that lies furthest left.
  #paintLabels(context) {
    const { sine, cosine } = this.sight;
    const near = [sine > 0 ? -1 : 1, cosine > 0 ? -1 : 1];
    context.fillStyle = colour("quiet");
    context.textBaseline = "middle";
    const [acrossTicks, upTicks] = this.#ticks();
    context.font = font(12);
    for (const { at, text } of acrossTicks) this.#label(context, text, [at, near[1]], [0, near[1]], 14);
    for (const { at, text } of upTicks) this.#label(context, text, [near[0], at], [near[0], 0], 14);
    context.fillStyle = colour("ink");
    context.font = font(12.5);
    this.#label(context, this.options.x?.name ?? "x", [0, near[1]], [0, near[1]], 36);
    this.#label(context, this.options.y?.name ?? "y", [near[0], 0], [near[0], 0], 36);
    this.#paintHeights(context);
  }

  // A text beside a place on the floor, some pixels off in the direction of a side.
  #label(context, text, [u, v], [outU, outV], far) {
    const [x, y] = this.#pixel(u, v, 0);
    const [toX, toY] = this.#pixel(u + outU, v + outV, 0);
    const length = Math.hypot(toX - x, toY - y) || 1;
    const [across, down] = [(toX - x) / length, (toY - y) / length];
    context.textAlign = across > 0.35 ? "left" : across < -0.35 ? "right" : "center";
    context.fillText(text, x + across * far, y + Math.max(down * far, 6));
  }

  #paintHeights(context) {
    const { scale } = this.relief;
    const [u, v] = FLOOR.reduce((left, each) => (this.#pixel(...each, 0)[0] < this.#pixel(...left, 0)[0] ? each : left));
    context.strokeStyle = context.fillStyle = colour("quiet");
    context.beginPath();
    context.moveTo(...this.#pixel(u, v, 0));
    context.lineTo(...this.#pixel(u, v, TALL));
    context.font = font(12);
    context.textAlign = "right";
    for (const { tall, text } of spaced(scale, (tick) => this.#pixel(u, v, TALL * share(scale, tick))[1])) {
      const [x, y] = this.#pixel(u, v, TALL * share(scale, tall));
      context.moveTo(x, y);
      context.lineTo(x - 4, y);
      context.fillText(text, x - 7, y);
    }
    context.stroke();
    const [x, y] = this.#pixel(u, v, TALL);
    context.fillStyle = colour("ink");
    context.font = font(12.5);
    context.textAlign = "left";
    context.fillText(this.options.z?.name ?? "", Math.max(x - 30, 2), Math.max(y - 14, 8));
  }

  // Turning ------------------------------------------------------------------------------------------------

  #listen() {
    const { node } = this;
    let held = null;
    node.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      node.setPointerCapture(event.pointerId);
      held = { id: event.pointerId, x: event.clientX, y: event.clientY, ...this.turn };
    });
    node.addEventListener("pointermove", (event) => {
      if (held?.id !== event.pointerId) return;
      const [across, down] = [event.clientX - held.x, event.clientY - held.y];
      this.look({ azimuth: held.azimuth - across * 0.5, elevation: held.elevation + down * 0.35 });
    });
    for (const name of ["pointerup", "pointercancel"]) node.addEventListener(name, () => (held = null));
    node.addEventListener("keydown", (event) => this.#key(event));
    node.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== node) return;
      event.preventDefault();
      this.look({ zoom: this.turn.zoom * Math.exp(-event.deltaY / 500) });
    }, { passive: false });
  }

  #key(event) {
    const { azimuth, elevation, zoom } = this.turn;
    const turn = {
      ArrowLeft: { azimuth: azimuth + 5 }, ArrowRight: { azimuth: azimuth - 5 },
      ArrowUp: { elevation: elevation - 4 }, ArrowDown: { elevation: elevation + 4 },
      "+": { zoom: zoom * 1.15 }, "=": { zoom: zoom * 1.15 }, "-": { zoom: zoom / 1.15 }, Home: this.first,
    }[event.key];
    if (!turn || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.look(turn);
  }

  #facts() {
    const { azimuth, elevation, zoom } = this.turn;
    const heads = this.lines.map((line, k) => ({ name: line.name, ...this.drapes[k]?.head(Math.floor(this.step) + 1, line.points) }));
    const told = heads.filter(({ x }) => x !== undefined).map(({ name, x, y }) => `${name} at ${placed(x, y)}`);
    const view = `seen from ${shown(azimuth)}°, ${shown(elevation)}° above the ground`;
    return { label: [`${this.options.label}, ${view}`, ...told].join(". "), azimuth, elevation, zoom, step: this.step, heads };
  }
}

export const space = (place, options = {}) => new Space(place, options);
