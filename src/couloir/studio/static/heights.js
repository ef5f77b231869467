// A surface's heights over a plane: refined, shaded in bands, and its level lines by marching squares.
//
// A surface is { x: [low, high], y: [low, high], z, shape: [rows, columns], scale }, z row by row from low y to
// high y. `scale` says how a loss becomes a height (couloir.figures.heights.Scale): { logarithmic, least, floor,
// low, high, start, size, ticks: [heights], labels: [texts] }; without one heights are the losses.

import { between, channels, SHADES } from "./canvas.js";
import { shown } from "./dom.js";
import { axis } from "./numbers.js";

// A scale for a surface that has none: heights are losses, about sixteen round levels.
export function plainScale(z) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of z) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!(high > low)) return { logarithmic: false, low: low - 1, high: low + 1, start: low, size: 1, ticks: [], labels: [] };
  const marks = axis(low, high).ticks(16).map(({ value }) => value);
  const ticks = axis(low, high).ticks(6).map(({ value }) => value);
  return {
    logarithmic: false, low, high, start: marks[0], size: marks[1] - marks[0],
    ticks, labels: ticks.map((value) => shown(value)),
  };
}

// The height of a loss.
export const height = (scale, loss) =>
  scale.logarithmic ? Math.log10(Math.max(loss - scale.least, 0) + scale.floor) : loss;

// The height as a share of the scale, 0 at its lowest, 1 at its highest.
export const share = (scale, tall) => (tall - scale.low) / (scale.high - scale.low || 1);

// The heights where level lines stand.
export function levels({ start, size, high }) {
  const found = [];
  for (let k = 0; k < 200 && start + k * size < high; k += 1) found.push(start + k * size);
  return found;
}

// The ticks whose texts do not touch, from the highest down: { tall, text }. `at` gives a height's pixel.
export function spaced({ ticks, labels }, at) {
  const found = [];
  let last = -Infinity;
  for (let k = ticks.length - 1; k >= 0; k -= 1) {
    if (at(ticks[k]) - last < 14) continue;
    last = at(ticks[k]);
    found.push({ tall: ticks[k], text: labels[k] });
  }
  return found;
}

// Refining -------------------------------------------------------------------------------------------------

// A grid's value at a row or column beyond its edge, so that a parabola goes on as one.
function edged(read, index, last) {
  if (index < 0) return 3 * read(0) - 3 * read(1) + read(2);
  if (index > last) return 3 * read(last) - 3 * read(last - 1) + read(last - 2);
  return read(index);
}

// Weights of four neighbours at a share of the way between the middle two (Catmull & Rom 1974): exact for
// parabolas, so that a bowl's level lines are right between the points of a coarse grid.
function weights(t) {
  return [
    t * (t * (2 - t) - 1) / 2, (t * t * (3 * t - 5) + 2) / 2, t * (t * (4 - 3 * t) + 1) / 2, t * t * (t - 1) / 2,
  ];
}

// Each row of a grid at `count` places, evenly between its ends.
function stretched(z, rows, columns, count) {
  const result = new Float64Array(rows * count);
  for (let column = 0; column < count; column += 1) {
    const at = (column / (count - 1)) * (columns - 1);
    const left = Math.min(Math.floor(at), columns - 2);
    const shares = weights(at - left);
    for (let row = 0; row < rows; row += 1) {
      const read = (index) => z[row * columns + index];
      let sum = 0;
      for (let k = 0; k < 4; k += 1) {
        if (shares[k]) sum += shares[k] * edged(read, left - 1 + k, columns - 1);
      }
      // Beside a hole the straight line between the two neighbours, which is none where one is missing.
      result[row * count + column] = Number.isFinite(sum) ? sum : read(left) + (at - left) * (read(left + 1) - read(left));
    }
  }
  return result;
}

function transposed(z, rows, columns) {
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) result[column * rows + row] = z[row * columns + column];
  }
  return result;
}

// The heights of a surface on a finer grid, { z, shape }: losses are refined first and then become heights.
export function refined({ z, shape: [rows, columns] }, scale, fineRows, fineColumns) {
  let fine = z;
  let shape = [rows, columns];
  if (rows > 2 && columns > 2) {
    const wide = transposed(stretched(z, rows, columns, fineColumns), rows, fineColumns);
    fine = transposed(stretched(wide, fineColumns, rows, fineRows), fineColumns, fineRows);
    shape = [fineRows, fineColumns];
  }
  return { z: Float64Array.from(fine, (loss) => height(scale, loss)), shape };
}

// Shading --------------------------------------------------------------------------------------------------

// The colours of the bands between level lines, lowest first, [[red, green, blue], …].
export function bandColours(scale, marks) {
  const edges = [scale.low, ...marks, scale.high];
  return edges.slice(1).map((top, index) => between(SHADES, share(scale, (top + edges[index]) / 2)));
}

// An image of bands: each pixel in the colour of the band that its height lies in; blank where there is none.
export function bands({ z, shape: [rows, columns] }, scale, marks, width, height_) {
  const image = new ImageData(width, height_);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = bandColours(scale, marks).map(pixel);
  const blank = pixel(channels("grid"));
  const size = scale.size;
  for (let down = 0; down < height_; down += 1) {
    const up = (1 - (down + 0.5) / height_) * (rows - 1);
    const row = Math.min(Math.floor(up), rows - 2);
    const high = up - row;
    for (let across = 0; across < width; across += 1) {
      const along = ((across + 0.5) / width) * (columns - 1);
      const column = Math.min(Math.floor(along), columns - 2);
      const right = along - column;
      const at = row * columns + column;
      const low = z[at] + right * (z[at + 1] - z[at]);
      const top = z[at + columns] + right * (z[at + columns + 1] - z[at + columns]);
      const tall = low + high * (top - low);
      const band = Math.floor((tall - scale.start) / size) + 1;
      pixels[down * width + across] =
        tall === tall ? colours[Math.min(Math.max(band, 0), colours.length - 1)] : blank;
    }
  }
  return image;
}

// A colour as one pixel of an image.
export const pixel = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

// Adds the level lines to the context's path. Within a cell a level enters and leaves where straight lines
// between the corners reach it; a cell that it crosses twice is cut so that high corners hang together.
export function traceLevels(context, { z, shape: [rows, columns] }, scale, marks, box) {
  const across = (box.right - box.left) / (columns - 1);
  const up = (box.bottom - box.top) / (rows - 1);
  const { start, size } = scale;
  for (let row = 0; row < rows - 1; row += 1) {
    for (let column = 0; column < columns - 1; column += 1) {
      const at = row * columns + column;
      const corners = [z[at], z[at + 1], z[at + columns + 1], z[at + columns]];
      const low = Math.min(...corners);
      const high = Math.max(...corners);
      if (!(high - low < Infinity)) continue;
      const first = Math.max(0, Math.ceil((low - start) / size));
      const last = Math.min(marks.length - 1, Math.floor((high - start) / size));
      for (let k = first; k <= last; k += 1) {
        const cuts = crossings(corners, marks[k]);
        for (let c = 0; c + 1 < cuts.length; c += 2) {
          for (const [index, [x, y]] of [cuts[c], cuts[c + 1]].entries()) {
            const pixel = [box.left + (column + x) * across, box.bottom - (row + y) * up];
            if (index) context.lineTo(...pixel);
            else context.moveTo(...pixel);
          }
        }
      }
    }
  }
}

// Where a level crosses the sides of a unit cell, corners counter-clockwise from (0, 0): two places, or four.
function crossings(corners, level) {
  const [a, b, c, d] = corners;
  const found = [];
  const part = (from, to) => (level - from) / (to - from);
  if (a < level !== b < level) found.push([part(a, b), 0]);
  if (b < level !== c < level) found.push([1, part(b, c)]);
  if (c < level !== d < level) found.push([1 - part(c, d), 1]);
  if (d < level !== a < level) found.push([0, 1 - part(d, a)]);
  if (found.length === 4 && ((a + b + c + d) / 4 < level) !== (a < level)) found.push(found.shift());
  return found;
}
