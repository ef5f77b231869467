// Pictures that the server sends as bytes (see couloir.studio.networks.pictures), in the page's colours.

import { between, channels, onTheme } from "../canvas.js";

// A class has a colour, and a marker that repeats it.
export const CLASS_COLOURS = ["wrong", "right", "adadelta", "rmsprop", "further-3", "adamw"];
export const CLASS_SYMBOLS = ["circle", "square", "triangle-up", "diamond", "pentagon", "star"];

const FAINT = 0.72; // the share of the full colour that the surest decision has: points stand out from it
const EVEN = [[0, "wrong"], [0.5, "paper"], [1, "right"]];

let tables = new Map();
onTheme(() => { tables = new Map(); });

function table(name, entry) {
  if (!tables.has(name)) tables.set(name, Uint32Array.from({ length: 256 }, (_, byte) => packed(entry(byte))));
  return tables.get(name);
}

const packed = ([red, green, blue]) => (255 << 24 | blue << 16 | green << 8 | red) >>> 0;

// Between minus and plus the scale, 128 being 0.
export const signedShades = () => table("signed", (byte) => between(EVEN, Math.max(0, (byte - 1) / 254)));

// Between the lowest and the highest value.
const valueShades = () => table("value", (byte) => between(EVEN, 0.5 + FAINT * (byte / 255 - 0.5)));

// Classes, the surer the fuller.
const classShades = (count) => table(`classes ${count}`, (byte) => {
  const levels = Math.floor(256 / count);
  const own = Math.min(Math.floor(byte / levels), count - 1);
  const sure = Math.min((byte - own * levels) / (levels - 1), 1);
  return mixed(channels("paper"), channels(CLASS_COLOURS[own]), FAINT * sure);
});

const mixed = (from, to, share) => from.map((value, index) => Math.round(value + share * (to[index] - value)));

export const shadesFor = (classes) => (classes ? classShades(classes) : valueShades());

// The colour of a value between two ends, for a point.
export const valueColour = (share) => `rgb(${between(EVEN, Math.min(Math.max(share, 0), 1)).join()})`;

// A colour for a value of a ladder, from faint to full.
export const ladderColour = (share) => `rgb(${between([[0, "valley"], [0.5, "right"], [1, "ink"]], share).join()})`;

// Square pictures one over the other, painted into a canvas that is used again; row 0 of each is its lowest.
export function painted(bytes, count, side, shades, into) {
  const node = into?.width === side && into.height === side * count ? into : new OffscreenCanvas(side, Math.max(1, side * count));
  if (!count) return node;
  const image = new ImageData(side, side * count);
  const pixels = new Uint32Array(image.data.buffer);
  for (let picture = 0; picture < count; picture += 1) {
    for (let row = 0; row < side; row += 1) {
      const from = (picture * side + row) * side;
      const to = (picture * side + side - 1 - row) * side;
      for (let column = 0; column < side; column += 1) pixels[to + column] = shades[bytes[from + column]];
    }
  }
  node.getContext("2d").putImageData(image, 0, 0);
  return node;
}
