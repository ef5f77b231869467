// A path laid over a surface in space: each step in pieces no longer than half a cell, at the surface's height.

import { clipped } from "./strokes.js";

const PIECES = 24; // at most, of one step
const WHOLE = { left: -1, right: 1, top: -1, bottom: 1 };

export class Drape {
  constructor(surface, axes) {
    this.surface = surface;
    this.axes = axes;
    this.values = new Float32Array(768); // u v w of each place, u and v from −1 to 1
    this.count = 0;
    this.ends = []; // of each step, how many places there are up to it
  }

  // Lays the path as far as a number of its points; returns how many places that are.
  reach(points, count) {
    const wanted = Math.min(count, points.count);
    for (let k = this.ends.length; k < wanted; k += 1) {
      this.#step(points, k);
      this.ends.push(this.count);
    }
    return wanted ? this.ends[wanted - 1] : 0;
  }

  #place = ({ values }, k) => [2 * this.axes[0].share(values[2 * k]) - 1, 2 * this.axes[1].share(values[2 * k + 1]) - 1];

  #step(points, k) {
    const to = this.#place(points, k);
    if (!to.every(Number.isFinite)) return this.#add(NaN, NaN);
    if (k === 0) return this.#add(...to);
    const from = this.#place(points, k - 1);
    const inside = from.every(Number.isFinite) && clipped(...from, ...to, WHOLE);
    if (!inside) return this.#add(NaN, NaN);
    const [enter, leave] = inside;
    const along = (share) => from.map((value, axis) => value + share * (to[axis] - value));
    if (enter > 0) this.#add(...along(enter));
    const cell = 1 / (Math.max(this.surface.rows, this.surface.columns) - 1);
    const long = Math.hypot(to[0] - from[0], to[1] - from[1]) * (leave - enter);
    const pieces = Math.min(Math.max(1, Math.ceil(long / cell)), PIECES);
    for (let piece = 1; piece <= pieces; piece += 1) this.#add(...along(enter + ((leave - enter) * piece) / pieces));
    if (leave < 1) this.#add(NaN, NaN);
    return undefined;
  }

  #add(u, v) {
    if (3 * this.count + 3 > this.values.length) {
      const values = new Float32Array(2 * this.values.length);
      values.set(this.values);
      this.values = values;
    }
    this.values.set([u, v, this.tall(u, v)], 3 * this.count);
    this.count += 1;
  }

  // The surface's height at a place; not a number outside or in a hole.
  tall(u, v) {
    const { rows, columns, shares } = this.surface;
    const [across, up] = [((u + 1) / 2) * (columns - 1), ((v + 1) / 2) * (rows - 1)];
    if (!(across >= 0 && across <= columns - 1 && up >= 0 && up <= rows - 1)) return NaN;
    const [column, row] = [Math.min(Math.floor(across), columns - 2), Math.min(Math.floor(up), rows - 2)];
    const [x, y] = [across - column, up - row];
    const at = row * columns + column;
    const low = shares[at] + x * (shares[at + 1] - shares[at]);
    const high = shares[at + columns] + x * (shares[at + columns + 1] - shares[at + columns]);
    return low + y * (high - low);
  }

  // The last point that is a place, { x, y, lost }; null before the first.
  head(count, { values, count: known }) {
    const end = Math.min(count, known) - 1;
    for (let k = end; k >= 0; k -= 1) {
      const [x, y] = [values[2 * k], values[2 * k + 1]];
      if (Number.isFinite(x) && Number.isFinite(y)) return { x, y, lost: k < end };
    }
    return null;
  }
}
