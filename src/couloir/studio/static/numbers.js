// Places in words, and axes: from values to shares of a side, and good places for ticks.

import { grouped, raised, shown, signed } from "./dom.js";

// A place in words: "(0.52, −1)".
export const place = (x, y, digits = 3) => `(${shown(x, digits)}, ${shown(y, digits)})`;

// The greatest power of ten that divides a range into at least so many parts.
export const grain = (range, parts = 300) => 10 ** Math.floor(Math.log10(Math.abs(range) / parts));

// A value at the nearest multiple of a power of ten, without the digits that rounding leaves behind.
export function rounded(value, power) {
  const decimals = Math.max(0, -Math.round(Math.log10(power)));
  return Number((Math.round(value / power) * power).toFixed(Math.min(decimals, 20)));
}

// Axes -----------------------------------------------------------------------------------------------------

// An axis: share(value) is 0 at its low end and 1 at its high one, value(share) the way back,
// ticks(most) the places to mark, each { value, text }.
export function axis(low, high, kind = "linear") {
  if (kind === "log") return logarithmic(low, high);
  const range = high - low || 1;
  return {
    low, high, kind,
    share: (value) => (value - low) / range,
    value: (share) => low + share * range,
    ticks: (most) => linearTicks(low, high, most),
  };
}

function logarithmic(low, high) {
  const floor = low > 0 ? low : Math.max(high, 1) * 1e-12;
  const bottom = Math.log10(floor);
  const range = Math.log10(Math.max(high, floor * 10)) - bottom;
  return {
    low: floor, high, kind: "log",
    // What a logarithm cannot show lies below the picture.
    share: (value) => (value > 0 ? (Math.log10(value) - bottom) / range : value <= 0 ? -1 : NaN),
    value: (share) => 10 ** (bottom + share * range),
    ticks: (most) => logTicks(bottom, bottom + range, most),
  };
}

function linearTicks(low, high, most) {
  const range = high - low;
  if (!(range > 0) || !Number.isFinite(range)) return [{ value: low, text: shown(low) }];
  const power = 10 ** Math.floor(Math.log10(range / most));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => range / each <= most);
  const found = [];
  const slack = 1e-9 * step;
  for (let k = Math.ceil((low - slack) / step); k * step <= high + slack; k += 1) {
    found.push({ value: k * step, text: tickText(k * step, step) });
  }
  return found;
}

function tickText(value, step) {
  if (Math.abs(value) < step / 1e6) return "0";
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const many = Math.abs(value) >= 1e7 || decimals > 5;
  return many ? shown(value, 4) : signed(grouped(value.toFixed(decimals)));
}

// Powers of ten; between few of them 2 and 5 too; of many every second, third, …
function logTicks(bottom, top, most) {
  const first = Math.ceil(bottom - 1e-9);
  const last = Math.floor(top + 1e-9);
  const factors = top - bottom <= most / 3 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil((last - first + 1) / most));
  const found = [];
  for (let power = first - 1; power <= last; power += 1) {
    if (factors.length === 1 && (power - first) % stride) continue;
    for (const factor of factors) {
      const height = power + Math.log10(factor);
      if (height < bottom - 1e-9 || height > top + 1e-9) continue;
      found.push({ value: factor * 10 ** power, text: powerText(factor, power) });
    }
  }
  return found;
}

function powerText(factor, power) {
  if (power >= -4 && power <= 5) return shown(factor * 10 ** power, 1);
  return factor === 1 ? `10${raised(power)}` : `${factor}×10${raised(power)}`;
}

// The ends of an axis that holds all of these values, widened to round numbers.
export function ends(values, kind = "linear") {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value) || (kind === "log" && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return kind === "log" ? [0.1, 1] : [0, 1];
  if (kind === "log") return [low / 1.3, Math.max(high * 1.3, low * 10)];
  const margin = 0.04 * (high - low) || 0.1 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}
