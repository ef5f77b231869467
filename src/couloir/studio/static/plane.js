// Two coordinates and what lies over them: level lines or a decision map below; above them paths that grow,
// points, marks, lines and arrows; and handles, which are moved by mouse, finger or arrow keys.
//
//   const map = plane(place, {
//     label: "Loss over slope and intercept",
//     x: { name: "slope m", low: -2, high: 4 }, y: { name: "intercept b", low: -6, high: 8 },
//     square: false,                                        // one unit as long across as up
//     onPlace(x, y, done) { … },                            // pressed or dragged on free ground; done: let go
//   });
//   map.view({ low, high }, { low, high });                 // other ends of the axes
//   map.heights({ x, y, z, shape, scale });                 // see heights.js; null takes them away
//   map.values({ z, shape, low, high });                    // a decision map: low "wrong", high "right"; or
//   map.values({ node });                                   // a picture that is painted already
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

import { frame, paintAxes, paintEdge, paintGrid } from "./axes.js";
import { between, canvas, channels, colour, font, teller } from "./canvas.js";
import { shown } from "./dom.js";
import { Handles } from "./handles.js";
import { bandColours, bands, levels, pixel, plainScale, refined, share, spaced, traceLevels } from "./heights.js";
import { axis, place as placed } from "./numbers.js";
import { dashes, ghost, marker, Trail } from "./strokes.js";

const BAR = 62; // pixels for the colours of the levels, where there is room
const FAR = 1e7; // pixels: what lies further off is not told apart

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

  values(map) {
    this.map = map;
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

  // The frame for a size; axes of equal units are widened until they fill the picture.
  #fit(context, width, height) {
    const size = `${width} ${height} ${Boolean(this.surface)}`;
    if (this.size === size) return;
    this.size = size;
    const [x, y] = this.asked;
    const bar = this.surface && width >= 480 && !this.options.bare ? BAR : 0;
    [this.x, this.y] = [axis(x.low, x.high), axis(y.low, y.high)];
    const bare = { left: 0, top: 0, right: width, bottom: height, rows: [], columns: [] };
    this.box = this.options.bare ? bare : frame(context, width, height, this.x, this.y, { bar });
    if (this.options.square) this.#square(context, width, height, bar);
    this.versions.trail += 1;
    this.grips.follow();
  }

  #square(context, width, height, bar) {
    const { box } = this;
    const [across, up] = [box.right - box.left, box.bottom - box.top];
    const unit = Math.max((this.x.high - this.x.low) / across, (this.y.high - this.y.low) / up);
    const wide = ({ low, high }, pixels) => {
      const [middle, half] = [(low + high) / 2, (unit * pixels) / 2];
      return axis(middle - half, middle + half);
    };
    [this.x, this.y] = [wide(this.x, across), wide(this.y, up)];
    if (!this.options.bare) this.box = frame(context, width, height, this.x, this.y, { bar });
  }

  // The pixel of a place.
  pixel(x, y) {
    const { box } = this;
    const across = box.left + this.x.share(x) * (box.right - box.left);
    const down = box.bottom - this.y.share(y) * (box.bottom - box.top);
    return [Math.min(Math.max(across, -FAR), FAR), Math.min(Math.max(down, -FAR), FAR)];
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
    const { box, surface, options } = this;
    if (surface) this.#paintHeights(context);
    else if (!this.map && !options.bare) paintGrid(context, box, this.x, this.y);
    if (options.bare) return;
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
    const node = map.node ?? (this.mapNode = mapImage(map, this.mapNode));
    context.drawImage(node, box.left, box.top, box.right - box.left, box.bottom - box.top);
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

// A small picture of values between two ends, from "wrong" over the paper to "right", row 0 at the bottom; made
// once for the same object in the same colours. `into` is a canvas to be used again.
export function mapImage(map, into = null) {
  const colours = mapColours();
  const made = images.get(map);
  if (made?.colours === colours) return made.node;
  const { z, shape: [rows, columns], low = 0, high = 1 } = map;
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let at = 0; at < z.length; at += 1) {
    const value = Math.round((255 * (z[at] - low)) / (high - low));
    const row = rows - 1 - Math.floor(at / columns);
    pixels[row * columns + (at % columns)] = colours[Number.isNaN(value) ? 256 : Math.min(Math.max(value, 0), 255)];
  }
  const node = into?.width === columns && into.height === rows ? into : new OffscreenCanvas(columns, rows);
  node.getContext("2d").putImageData(image, 0, 0);
  images.set(map, { node, colours });
  return node;
}

const TWO_ENDED = [[0, "wrong"], [0.5, "paper"], [1, "right"]];
const FAINT = 0.3; // the ends keep a distance from the full colours, in which points are drawn
const images = new WeakMap();
let palette = null;

// 256 colours as pixels, and one for what is no number.
function mapColours() {
  const key = colour("paper");
  if (palette?.key !== key) {
    const made = Array.from({ length: 256 }, (_, index) => pixel(between(TWO_ENDED, FAINT / 2 + (1 - FAINT) * (index / 255))));
    palette = { key, colours: Uint32Array.from([...made, pixel(channels("grid"))]) };
  }
  return palette.colours;
}
