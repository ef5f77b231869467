// Two coordinates and what lies over them: level lines or a decision map below; above them paths that grow,
// points, marks, lines and arrows; and handles, which are moved by mouse, finger or arrow keys.
//
//   const map = plane(place, {
//     label: "Loss over slope and intercept",
//     x: { name: "slope m", low: -2, high: 4 }, y: { name: "intercept b", low: -6, high: 8 },
//     onPlace(x, y, done) { … },                            // pressed or dragged on free ground; done: let go
//   });
//   map.view({ low, high }, { low, high });                 // other ends of the axes
//   map.heights({ x, y, z, shape, scale });                 // see heights.js; null takes them away
//   map.image(node);                                        // a picture in place of a surface
//   map.paths([{ name, colour, dash, symbol, points, dots, ghost }]);  // points: growing(2); see below
//   map.show(step);                                         // paths up to this step, a marker at each head
//   map.points([{ x, y, colour, symbol }]);
//   map.marks([{ x, y, name, symbol, colour }]);            // minima and the like; drawn over the paths
//   map.lines([{ points, colour, dash, width }]);           // polylines, x₀ y₀ x₁ y₁ …, NaN lifts the pen
//   map.arrows([{ x, y, dx, dy, colour }]);
//   map.handles([{ name, x, y, colour, symbol, size, move(x, y, done), remove() }]);
//   map.close();
//
// Paths go on growing in place (see growing.js): show(step) draws what is there, and only what is new; a ghost's
// whole way is shown faintly from the start, and `dots` marks every step. Numbers are on the canvas
// as data attributes: data-step, data-heads, data-marks, data-handles.

import { frame, paintAxes, paintEdge, paintGrid, pixelIn } from "./axes.js";
import { canvas, colour, font, teller } from "./canvas.js";
import { shown } from "./dom.js";
import { Handles } from "./handles.js";
import { bandColours, bands, levels, plainScale, refined, share, spaced, traceLevels } from "./heights.js";
import { axis, place as placed } from "./numbers.js";
import { dashes, ghost, marker, Trail } from "./strokes.js";

const BAR = 62; // pixels for the colours of the levels, where there is room

class Plane {
  constructor(place, options) {
    this.options = options;
    this.things = { paths: [], points: [], marks: [], lines: [], arrows: [] };
    this.versions = { ground: 0, points: 0, trail: 0 };
    this.step = 0;
    this.surface = this.map = null;
    this.picture = canvas(place, (context, width, height) => this.#draw(context, width, height), {
      label: options.label, ratio: options.ratio,
    });
    this.node = this.picture.node;
    this.grips = new Handles(this, this.picture.box, options);
    this.tell = teller(this.node, () => this.#facts());
    this.view(options.x, options.y);
  }

  view(x, y) {
    this.asked = [x, y];
    this.size = null;
    this.#changed("ground", "points", "trail");
  }

  heights(surface) {
    this.surface = surface && { ...surface, scale: surface.scale ?? plainScale(surface.z) };
    this.#changed("ground");
  }

  image(node) {
    this.map = node;
    this.#changed();
  }

  paths(paths) {
    this.things.paths = paths;
    this.trails = paths.map(() => new Trail());
    this.#changed("trail");
  }

  show(step) {
    if (step < this.step) this.versions.trail += 1;
    this.step = step;
    this.#changed();
  }

  points(points) {
    this.things.points = points;
    this.#changed("points");
  }

  marks(marks) {
    this.things.marks = marks;
    this.#changed();
  }

  lines(lines) {
    this.things.lines = lines;
    this.#changed();
  }

  arrows(arrows) {
    this.things.arrows = arrows;
    this.#changed();
  }

  handles(handles) {
    this.grips.set(handles);
    this.#changed();
  }

  close() {
    this.grips.close();
    this.picture.close();
  }

  #changed(...layers) {
    for (const name of layers) this.versions[name] += 1;
    this.picture.invalidate();
    this.tell();
  }

  // From values to pixels and back ------------------------------------------------------------------------

  // The frame for a size.
  #fit(context, width, height) {
    const size = `${width} ${height} ${Boolean(this.surface)}`;
    if (this.size === size) return;
    this.size = size;
    const [x, y] = this.asked;
    const bar = this.surface && width >= 480 ? BAR : 0;
    [this.x, this.y] = [axis(x.low, x.high), axis(y.low, y.high)];
    this.box = frame(context, width, height, this.x, this.y, { bar });
    this.versions.trail += 1;
    this.grips.follow();
  }

  // The pixel of a place.
  pixel(x, y) {
    return pixelIn(this.box, this.x, this.y, x, y);
  }

  // The place of a pixel, inside the picture.
  place(across, down) {
    const { box } = this;
    const inside = (value) => Math.min(Math.max(value, 0), 1);
    return [
      this.x.value(inside((across - box.left) / (box.right - box.left))),
      this.y.value(inside((box.bottom - down) / (box.bottom - box.top))),
    ];
  }

  // Drawing ------------------------------------------------------------------------------------------------

  #draw(context, width, height) {
    this.#fit(context, width, height);
    const { picture, box } = this;
    if (box.right - box.left < 2 || box.bottom - box.top < 2) return; // no room yet: the page is being laid out
    if (this.map) this.#drawMap(context);
    picture.lay(picture.layer("ground", this.versions.ground, (layer) => this.#paintGround(layer)));
    if (this.things.points.length) {
      picture.lay(picture.layer("points", this.versions.points, (layer) => this.#paintPoints(layer)));
    }
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    context.clip();
    for (const line of this.things.lines) this.#drawLine(context, line);
    this.#layTrails();
    for (const arrow of this.things.arrows) this.#drawArrow(context, arrow);
    context.restore();
    for (const mark of this.things.marks) this.#drawMark(context, mark);
    for (const path of this.things.paths) this.#drawHead(context, path);
    for (const handle of this.grips.shown) this.#drawMark(context, handle);
  }

  #paintGround(context) {
    const { box, surface } = this;
    if (surface) this.#paintHeights(context);
    else if (!this.map) paintGrid(context, box, this.x, this.y);
    paintAxes(context, box, this.x, this.y, { x: this.asked[0].name, y: this.asked[1].name });
    paintEdge(context, box);
    if (surface && this.size && this.picture.width - box.right > BAR) this.#paintBar(context);
  }

  // Bands and level lines, where the surface lies in the view.
  #paintHeights(context) {
    const { surface, picture } = this;
    const [left, bottom] = this.pixel(surface.x[0], surface.y[0]);
    const [right, top] = this.pixel(surface.x[1], surface.y[1]);
    const [width, height] = [right - left, bottom - top];
    const fine = refined(surface, surface.scale, Math.ceil(height / 2.5), Math.ceil(width / 2.5));
    const marks = levels(surface.scale);
    const pixels = [width, height].map((side) => Math.max(1, Math.round(side * picture.density)));
    const image = document.createElement("canvas");
    [image.width, image.height] = pixels;
    image.getContext("2d").putImageData(bands(fine, surface.scale, marks, ...pixels), 0, 0);
    context.save();
    context.beginPath();
    context.rect(this.box.left, this.box.top, this.box.right - this.box.left, this.box.bottom - this.box.top);
    context.clip();
    context.drawImage(image, left, top, width, height);
    context.beginPath();
    traceLevels(context, fine, surface.scale, marks, { left, right, top, bottom });
    context.strokeStyle = colour("quiet");
    context.globalAlpha = 0.75;
    context.lineWidth = 0.7;
    context.stroke();
    context.restore();
  }

  // The bands beside the picture, and the losses at some of their edges.
  #paintBar(context) {
    const { box, surface: { scale } } = this;
    const marks = levels(scale);
    const colours = bandColours(scale, marks);
    const edges = [scale.low, ...marks, scale.high];
    const at = (tall) => box.bottom - share(scale, tall) * (box.bottom - box.top);
    const left = box.right + 12;
    colours.forEach((rgb, index) => {
      context.fillStyle = `rgb(${rgb.join()})`;
      context.fillRect(left, at(edges[index + 1]), 10, at(edges[index]) - at(edges[index + 1]) + 0.5);
    });
    context.lineWidth = 0.5;
    context.strokeStyle = context.fillStyle = colour("quiet");
    context.strokeRect(left, box.top, 10, box.bottom - box.top);
    context.font = font(11.5);
    context.textBaseline = "middle";
    context.textAlign = "left";
    for (const { tall, text } of spaced(scale, at)) context.fillText(text, left + 15, at(tall));
  }

  #drawMap(context) {
    const { map, box } = this;
    context.imageSmoothingEnabled = true;
    context.drawImage(map, box.left, box.top, box.right - box.left, box.bottom - box.top);
  }

  #paintPoints(context) {
    for (const point of this.things.points) {
      const [x, y] = this.pixel(point.x, point.y);
      marker(context, point.symbol ?? "circle", x, y, point.size ?? 4, colour(point.colour), colour("paper"), 1);
    }
  }

  #layTrails() {
    const { paths } = this.things;
    if (!paths.length) return;
    const lines = paths.map((path) => this.#lineOf(path));
    const layer = this.picture.layer("trail", this.versions.trail, (context) => {
      for (const trail of this.trails) trail.restart();
      paths.forEach((path, index) => path.ghost && ghost(context, lines[index], path.points.count));
    });
    paths.forEach((path, index) => this.trails[index].extend(layer.context, lines[index], this.#reached(path)));
    this.picture.lay(layer);
  }

  #lineOf(path) {
    const at = (k, point) => {
      const { values } = path.points;
      const [x, y] = this.pixel(values[2 * k], values[2 * k + 1]);
      point[0] = x;
      point[1] = y;
    };
    return { style: colour(path.colour), dash: path.dash, width: path.width ?? 2, dots: path.dots, box: this.box, at };
  }

  // How many points of a path are shown.
  #reached = (path) => Math.min(Math.floor(this.step) + 1, path.points.count);

  // The last point of a path that is a place; null before the first.
  #head(path) {
    for (let k = this.#reached(path) - 1; k >= 0; k -= 1) {
      const [x, y] = [path.points.values[2 * k], path.points.values[2 * k + 1]];
      if (Number.isFinite(x) && Number.isFinite(y)) return { x, y, lost: k + 1 < this.#reached(path) };
    }
    return null;
  }

  #drawHead(context, path) {
    const head = this.#head(path);
    if (!head) return;
    const [x, y] = this.pixel(head.x, head.y);
    const outside = x < this.box.left || x > this.box.right || y < this.box.top || y > this.box.bottom;
    const [across, down] = this.pixel(...this.place(x, y));
    // One that has left the picture waits at its edge, smaller.
    const symbol = head.lost ? "x" : path.symbol ?? "circle";
    marker(context, symbol, across, down, outside ? 4 : 6.5, colour(path.colour), colour("paper"));
  }

  #drawMark(context, mark) {
    const [x, y] = this.pixel(mark.x, mark.y);
    const { box } = this;
    if (x < box.left - 1 || x > box.right + 1 || y < box.top - 1 || y > box.bottom + 1) return;
    marker(context, mark.symbol ?? "x", x, y, mark.size ?? 6, colour(mark.colour ?? "ink"), colour("paper"));
  }

  #drawLine(context, { points, colour: name, dash = "solid", width = 2 }) {
    context.beginPath();
    context.strokeStyle = colour(name);
    context.lineWidth = width;
    context.setLineDash(dashes(dash, width));
    context.lineDashOffset = 0;
    let down = false;
    for (let k = 0; k + 1 < points.length; k += 2) {
      const there = Number.isFinite(points[k]) && Number.isFinite(points[k + 1]);
      if (there && down) context.lineTo(...this.pixel(points[k], points[k + 1]));
      else if (there) context.moveTo(...this.pixel(points[k], points[k + 1]));
      down = there;
    }
    context.stroke();
    context.setLineDash([]);
  }

  #drawArrow(context, { x, y, dx, dy, colour: name, width = 2 }) {
    const [fromX, fromY] = this.pixel(x, y);
    const [toX, toY] = this.pixel(x + dx, y + dy);
    const length = Math.hypot(toX - fromX, toY - fromY);
    if (!(length > 1)) return;
    const [across, down] = [(toX - fromX) / length, (toY - fromY) / length];
    const head = Math.min(9, length);
    context.strokeStyle = context.fillStyle = colour(name);
    context.lineWidth = width;
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX - across * head * 0.8, toY - down * head * 0.8);
    context.stroke();
    context.beginPath();
    context.moveTo(toX, toY);
    context.lineTo(toX - head * (across + 0.45 * down), toY - head * (down - 0.45 * across));
    context.lineTo(toX - head * (across - 0.45 * down), toY - head * (down + 0.45 * across));
    context.fill();
  }

  // In words and numbers -----------------------------------------------------------------------------------

  #facts() {
    const heads = this.things.paths.map((path) => ({ name: path.name, ...this.#head(path) }));
    const plain = (list) => list.map(({ name, x, y }) => ({ name, x, y }));
    return {
      label: [this.options.label, ...this.#sentences(heads)].join(". "),
      step: this.step,
      heads,
      marks: plain(this.things.marks),
      handles: plain(this.grips.shown),
      points: this.things.points.length,
    };
  }

  #sentences(heads) {
    const [x, y] = this.asked;
    const told = [`${x.name ?? "x"} from ${shown(x.low)} to ${shown(x.high)}, ${y.name ?? "y"} from ${shown(y.low)} to ${shown(y.high)}`];
    const at = (each) => `${each.name}${each.lost ? " diverged near" : " at"} ${placed(each.x, each.y)}`;
    for (const mark of this.things.marks) if (mark.name) told.push(at(mark));
    if (heads.length) told.push(`Step ${this.step}`);
    for (const head of heads) if (head.x !== undefined) told.push(at(head));
    return told;
  }
}

export const plane = (place, options = {}) => new Plane(place, options);
