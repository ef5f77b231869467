// The frame of a picture: its box, grid lines, ticks and names.

import { colour, font } from "./canvas.js";

const FAR = 1e7; // pixels: what lies further off is not told apart
const TEXT = 12.5;
const GAP = 6;

// Where the picture proper lies in a canvas: room for the ticks' texts and the names of the axes.
export function frame(context, width, height, x, y, { bar = 0 } = {}) {
  context.font = font(TEXT);
  const rows = Math.max(2, Math.floor(height / 34));
  const marks = y.ticks(rows);
  const widest = Math.max(0, ...marks.map(({ text }) => context.measureText(text).width));
  const left = Math.ceil(widest) + GAP + 4;
  const box = { left, top: TEXT + 14, right: width - 12 - bar, bottom: height - 2 * TEXT - 20 };
  const columns = Math.max(2, Math.floor((box.right - box.left) / 52));
  return { ...box, rows: marks, columns: x.ticks(columns) };
}

// The pixel of two values in a box with axes x and y.
export function pixelIn(box, x, y, value, height) {
  const across = box.left + x.share(value) * (box.right - box.left);
  const down = box.bottom - y.share(height) * (box.bottom - box.top);
  return [Math.min(Math.max(across, -FAR), FAR), Math.min(Math.max(down, -FAR), FAR)];
}

// The grid lines of a box, under what is drawn in it.
export function paintGrid(context, box, x, y) {
  context.setLineDash([]);
  context.lineWidth = 1;
  context.strokeStyle = colour("grid");
  context.beginPath();
  for (const { value } of box.rows) horizontal(context, box, level(box, y, value));
  for (const { value } of box.columns) vertical(context, box, upright(box, x, value));
  context.stroke();
}

const level = (box, y, value) => crisp(box.bottom - y.share(value) * (box.bottom - box.top));
const upright = (box, x, value) => crisp(box.left + x.share(value) * (box.right - box.left));
const crisp = (pixel) => Math.round(pixel) + 0.5;

function horizontal(context, box, at) {
  context.moveTo(box.left, at);
  context.lineTo(box.right, at);
}

function vertical(context, box, at) {
  context.moveTo(at, box.top);
  context.lineTo(at, box.bottom);
}

// The ticks' texts and the names: of x below its end, of y above the axis, upright, so that it reads.
export function paintAxes(context, box, x, y, names) {
  context.font = font(TEXT);
  context.fillStyle = colour("quiet");
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const { value, text } of box.rows) context.fillText(text, box.left - GAP, level(box, y, value));
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const { value, text } of box.columns) {
    const half = context.measureText(text).width / 2;
    const at = Math.min(upright(box, x, value), box.right + 10 - half);
    context.fillText(text, at, box.bottom + GAP);
  }
  context.fillStyle = colour("ink");
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillText(names.y ?? "", 1, TEXT);
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText(names.x ?? "", (box.left + box.right) / 2, box.bottom + GAP + TEXT + 5);
}

// The edge of a box.
export function paintEdge(context, box) {
  context.setLineDash([]);
  context.lineWidth = 1;
  context.strokeStyle = colour("quiet");
  context.strokeRect(crisp(box.left), crisp(box.top), Math.round(box.right - box.left) - 1,
    Math.round(box.bottom - box.top) - 1);
}
