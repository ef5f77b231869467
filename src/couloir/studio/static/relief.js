// A surface in space as pixels. Triangles are filled from the back to the front: in a parallel projection the
// cells of a grid hide each other in the order of their rows and columns, so that nothing has to be sorted,
// and a pixel that is painted twice shows what is nearer. Filled here and not by the canvas, whose paths are
// several times as slow and leave seams.

import { between, channels, SHADES } from "./canvas.js";
import { levels, pixel, refined, share } from "./heights.js";

export const TALL = 1.15; // height of the box, its sides being 2

const FINE = 101; // points along a side, at least
const LIGHT = [-0.45, 0.35, 0.82];
const LIGHTS = 24;
const SHADOW = 0.55;
const NEAR = 0.06; // what lies no further behind the surface than this lies on it

export class Relief {
  constructor(surface) {
    const [rows, columns] = surface.shape;
    const fine = refined(surface, surface.scale, finer(rows), finer(columns));
    [this.rows, this.columns] = fine.shape;
    this.scale = surface.scale;
    this.shares = Float32Array.from(fine.z, (tall) => TALL * share(this.scale, tall));
    // How many level lines lie below each point; a band's number is the whole part.
    this.bands = Float32Array.from(fine.z, (tall) => Math.max((tall - this.scale.start) / this.scale.size + 1, 0));
    this.lights = brightness(this);
    // Of each point the pixel, and how far off it is.
    for (const name of ["x", "y", "deep"]) this[name] = new Float32Array(fine.z.length);
  }

  // A colour for each band and brightness, anew for each theme.
  colours() {
    const marks = levels(this.scale);
    const edges = [this.scale.low, ...marks, this.scale.high, this.scale.high];
    const shadow = channels("quiet");
    const table = new Uint32Array((marks.length + 2) * LIGHTS);
    for (let band = 0; band < marks.length + 2; band += 1) {
      const base = between(SHADES, share(this.scale, (edges[band] + (edges[band + 1] ?? edges[band])) / 2));
      for (let light = 0; light < LIGHTS; light += 1) {
        const dark = SHADOW * (1 - light / (LIGHTS - 1));
        table[band * LIGHTS + light] = pixel(base.map((value, k) => value + dark * (shadow[k] - value)));
      }
    }
    this.table = table;
    this.ink = half(pixel(channels("quiet")));
  }

  // The image as seen from somewhere: `sight` has sines and cosines of the two angles, pixels a unit, and the
  // pixel of the middle of the floor.
  image(sight, width, height) {
    this.sight = sight;
    this.#project(sight);
    if (this.made?.width !== width || this.made.height !== height) {
      this.made = new ImageData(width, height);
      this.pixels = new Uint32Array(this.made.data.buffer);
      this.shown = new Uint8Array(width * height); // 1 + the band of each pixel
      this.far = new Float32Array(width * height); // how far off it is
    }
    this.pixels.fill(0);
    this.shown.fill(0);
    this.#fill(sight, width, height);
    this.#outline(width);
    return this.made;
  }

  // Whether the surface, as it was painted last, stands before a place on it.
  hides(u, v, w) {
    const { sine, cosine, rise, flat, unit, left, top } = this.sight;
    const deep = u * sine + v * cosine;
    const across = Math.round(left + unit * (u * cosine - v * sine));
    const down = Math.round(top - unit * (deep * rise + w * flat));
    const { width, height } = this.made;
    if (!(across >= 0 && across < width && down >= 0 && down < height)) return false;
    const at = down * width + across;
    return this.shown[at] > 0 && this.far[at] < deep - NEAR;
  }

  #project({ sine, cosine, rise, flat, unit, left, top }) {
    const { rows, columns, shares, x, y, deep } = this;
    for (let row = 0; row < rows; row += 1) {
      const v = (2 * row) / (rows - 1) - 1;
      for (let column = 0; column < columns; column += 1) {
        const u = (2 * column) / (columns - 1) - 1;
        const at = row * columns + column;
        deep[at] = u * sine + v * cosine;
        x[at] = left + unit * (u * cosine - v * sine);
        y[at] = top - unit * (deep[at] * rise + shares[at] * flat);
      }
    }
  }

  #fill({ sine, cosine }, width, height) {
    const { rows, columns, shares } = this;
    for (let i = 0; i < rows - 1; i += 1) {
      const row = cosine > 0 ? rows - 2 - i : i;
      for (let j = 0; j < columns - 1; j += 1) {
        const at = row * columns + (sine > 0 ? columns - 2 - j : j);
        // A hole in a corner is a hole in the cell: a sum with it is no number.
        const sum = shares[at] + shares[at + 1] + shares[at + columns] + shares[at + columns + 1];
        if (sum !== sum) continue;
        this.#triangle(at, at + 1, at + columns, width, height);
        this.#triangle(at + 1, at + columns, at + columns + 1, width, height);
      }
    }
  }

  // Fills a triangle row by row: band, brightness and distance change evenly along and down it.
  #triangle(a, b, c, width, height) {
    const { x, y, table, pixels, shown, far } = this;
    let swap;
    if (y[b] < y[a]) { swap = a; a = b; b = swap; }
    if (y[c] < y[a]) { swap = a; a = c; c = swap; }
    if (y[c] < y[b]) { swap = b; b = c; c = swap; }
    const [ax, ay, abX, abY, acX, acY] = [x[a], y[a], x[b] - x[a], y[b] - y[a], x[c] - x[a], y[c] - y[a]];
    const turn = abX * acY - acX * abY;
    if (!turn || !acY) return;
    const rising = (values) => [
      values[a],
      ((values[b] - values[a]) * acY - (values[c] - values[a]) * abY) / turn,
      ((values[c] - values[a]) * abX - (values[b] - values[a]) * acX) / turn,
    ];
    const [bandAt, bandX, bandY] = rising(this.bands);
    const [lightAt, lightX, lightY] = rising(this.lights);
    const [farAt, farX, farY] = rising(this.deep);
    const [long, first, second] = [acX / acY, abX / (abY || 1), (acX - abX) / (acY - abY || 1)];
    const last = Math.min(height, Math.ceil(y[c] - 0.5));
    for (let line = Math.max(0, Math.ceil(ay - 0.5)); line < last; line += 1) {
      const down = line + 0.5 - ay;
      const one = long * down;
      const other = down < abY ? first * down : abX + second * (down - abY);
      const from = Math.max(0, Math.ceil(ax + Math.min(one, other) - 0.5));
      const to = line * width + Math.min(width, Math.ceil(ax + Math.max(one, other) - 0.5));
      const across = from + 0.5 - ax;
      let band = bandAt + bandX * across + bandY * down;
      let light = lightAt + lightX * across + lightY * down;
      let deep = farAt + farX * across + farY * down;
      for (let at = line * width + from; at < to; at += 1) {
        pixels[at] = table[(band | 0) * LIGHTS + (light | 0)];
        shown[at] = (band | 0) + 1;
        far[at] = deep;
        band += bandX;
        light += lightX;
        deep += farX;
      }
    }
  }

  // Level lines, and the edges of what stands before something else: where a pixel's band is another than
  // that of the pixel to its right or below.
  #outline(width) {
    const { shown, pixels, ink } = this;
    for (let at = 0; at < shown.length - width; at += 1) {
      const band = shown[at];
      if (!band) continue;
      const [right, below] = [shown[at + 1], shown[at + width]];
      if ((right && right !== band) || (below && below !== band)) pixels[at] = (half(pixels[at]) + ink) | 0xff000000;
    }
  }
}

const finer = (count) => (count >= FINE ? count : Math.ceil((FINE - 1) / (count - 1)) * (count - 1) + 1);

const half = (colour) => (colour & 0xfefefe) >>> 1;

// How much the surface faces the light at each point, from 0 to nearly LIGHTS.
function brightness({ rows, columns, shares }) {
  const lights = new Float32Array(shares.length);
  const slope = (at, step, steps, count) => {
    const [before, after] = [at > 0 ? -step : 0, at < count - 1 ? step : 0];
    return (shares[steps + after] - shares[steps + before]) / (((after - before) / step) * (2 / (count - 1)));
  };
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const at = row * columns + column;
      const [x, y] = [slope(column, 1, at, columns), slope(row, columns, at, rows)];
      const facing = (LIGHT[2] - x * LIGHT[0] - y * LIGHT[1]) / Math.hypot(x, y, 1);
      lights[at] = Math.min(Math.max(facing || 0, 0), 1) * (LIGHTS - 1.01);
    }
  }
  return lights;
}
