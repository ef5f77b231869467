// Dashes and markers by the names that every figure of Couloir uses, and lines that grow.

const DASHES = {
  solid: [], dot: [1, 2.2], dash: [4, 2.5], longdash: [7, 3], dashdot: [4, 2.2, 1, 2.2], longdashdot: [7, 2.2, 1, 2.2],
};

// The dash of a line of some width, as a canvas wants it.
export const dashes = (name, width) => (DASHES[name] ?? []).map((part) => part * Math.max(width, 1.5));

// Markers --------------------------------------------------------------------------------------------------

const polygon = (corners, turn = -Math.PI / 2, inner = 1) => {
  const count = inner === 1 ? corners : 2 * corners;
  return Array.from({ length: count }, (_, index) => {
    const angle = turn + (2 * Math.PI * index) / count;
    const radius = index % 2 && inner !== 1 ? inner : 1;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
};

const CORNERS = {
  square: polygon(4, Math.PI / 4).map(([x, y]) => [1.2 * x, 1.2 * y]),
  diamond: polygon(4).map(([x, y]) => [1.2 * x, 1.2 * y]),
  "triangle-up": polygon(3).map(([x, y]) => [1.25 * x, 1.25 * y]),
  "triangle-down": polygon(3, Math.PI / 2).map(([x, y]) => [1.25 * x, 1.25 * y]),
  pentagon: polygon(5).map(([x, y]) => [1.1 * x, 1.1 * y]),
  star: polygon(5, -Math.PI / 2, 0.45).map(([x, y]) => [1.4 * x, 1.4 * y]),
  hexagram: polygon(6, -Math.PI / 2, 0.577).map(([x, y]) => [1.3 * x, 1.3 * y]),
};

function outline(context, symbol, x, y, radius) {
  context.beginPath();
  const corners = CORNERS[symbol];
  if (!corners) {
    context.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  for (const [across, down] of corners) context.lineTo(x + radius * across, y + radius * down);
  context.closePath();
}

// A marker at a place: filled, with an edge in the paper's colour; "…-open" ones the other way round;
// "x" and "cross" are two strokes.
export function marker(context, symbol, x, y, radius, fill, edge, width = 1.5) {
  context.setLineDash([]);
  context.lineWidth = width;
  if (symbol === "x" || symbol === "cross") {
    cross(context, x, y, radius, symbol === "x" ? Math.PI / 4 : 0, fill, edge);
    return;
  }
  const open = symbol.endsWith("-open");
  outline(context, open ? symbol.slice(0, -5) : symbol, x, y, radius);
  context.fillStyle = open ? edge : fill;
  context.strokeStyle = open ? fill : edge;
  context.fill();
  context.stroke();
}

function cross(context, x, y, radius, turn, fill, edge) {
  const [across, down] = [radius * Math.cos(turn), radius * Math.sin(turn)];
  for (const [style, width] of [[edge, 5], [fill, 2.5]]) {
    context.beginPath();
    context.strokeStyle = style;
    context.lineWidth = width;
    context.lineCap = "round";
    context.moveTo(x - across, y - down);
    context.lineTo(x + across, y + down);
    context.moveTo(x - down, y + across);
    context.lineTo(x + down, y - across);
    context.stroke();
  }
  context.lineCap = "butt";
}

// Lines that grow ------------------------------------------------------------------------------------------

// The part of the segment that lies in the box, as two shares of it; null where none does.
export function clipped(x0, y0, x1, y1, box) {
  let [from, to] = [0, 1];
  const sides = [[x0, x1 - x0, box.left, box.right], [y0, y1 - y0, box.top, box.bottom]];
  for (const [at, way, low, high] of sides) {
    if (way === 0) {
      if (at < low || at > high) return null;
      continue;
    }
    const [enter, leave] = way > 0 ? [(low - at) / way, (high - at) / way] : [(high - at) / way, (low - at) / way];
    from = Math.max(from, enter);
    to = Math.min(to, leave);
    if (from > to) return null;
  }
  return [from, to];
}

// One polyline on a layer that keeps what was drawn: each call adds only what is new, its dashes going on.
//
//   const trail = new Trail();
//   trail.extend(context, { at, style, dash, width, dots, box }, count);
//
// `at(index, point)` writes the pixel of a step into point[0], point[1]; what is not finite leaves a gap.
export class Trail {
  constructor() {
    this.restart();
  }

  restart() {
    this.count = 0;
    this.length = 0; // of the stretch without a gap, for the dashes
    this.x = this.y = NaN; // where the pen is; not a number after a gap
  }

  extend(context, line, count) {
    if (count <= this.count) return;
    context.beginPath();
    context.strokeStyle = context.fillStyle = line.style;
    context.lineWidth = line.width;
    context.lineJoin = "round";
    context.setLineDash(dashes(line.dash, line.width));
    context.lineDashOffset = this.length;
    const point = [0, 0];
    const dots = [];
    this.open = false;
    for (; this.count < count; this.count += 1) {
      line.at(this.count, point);
      this.#reach(context, point[0], point[1], line.box, this.count + 1 === count);
      if (line.dots) dots.push(point[0], point[1]);
    }
    context.stroke();
    if (line.dots) dotted(context, dots, line);
  }

  // Goes on to a point. Steps too small to be seen are gathered until they are.
  #reach(context, x, y, box, final) {
    const [fromX, fromY] = [this.x, this.y];
    const far = Math.sqrt((x - fromX) * (x - fromX) + (y - fromY) * (y - fromY));
    if (far < 0.5 && !final) return;
    this.x = x;
    this.y = y;
    if (!(far < Infinity)) {
      this.open = false;
      this.length = 0;
      return;
    }
    this.length += far;
    if (!this.open && inside(fromX, fromY, box)) context.moveTo(fromX, fromY);
    this.open = inside(x, y, box);
    if (this.open && inside(fromX, fromY, box)) context.lineTo(x, y);
    else clippedLine(context, fromX, fromY, x, y, box);
  }
}

// A whole line, faint: where a path is going to lead.
export function ghost(context, line, count) {
  context.globalAlpha = 0.5;
  new Trail().extend(context, { ...line, dots: false, width: line.width * 0.75 }, count);
  context.globalAlpha = 1;
}

const inside = (x, y, box) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;

function clippedLine(context, x0, y0, x1, y1, box) {
  const seen = clipped(x0, y0, x1, y1, box);
  if (!seen) return;
  if (seen[0] > 0) context.moveTo(x0 + seen[0] * (x1 - x0), y0 + seen[0] * (y1 - y0));
  context.lineTo(x0 + seen[1] * (x1 - x0), y0 + seen[1] * (y1 - y0));
}

function dotted(context, dots, { box, width }) {
  context.beginPath();
  for (let k = 0; k < dots.length; k += 2) {
    const [x, y] = [dots[k], dots[k + 1]];
    if (!(x >= box.left && x <= box.right && y >= box.top && y <= box.bottom)) continue;
    context.moveTo(x + width * 1.2, y);
    context.arc(x, y, width * 1.2, 0, 2 * Math.PI);
  }
  context.fill();
}
