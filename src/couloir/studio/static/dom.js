// Elements of the page, made by name, with attributes, listeners and children. Text is always text: nothing
// that comes from a person or a file is ever read as markup.

// element("button.plain", { type: "button", onclick: f, "aria-label": "…", hidden: true, data: {x: 1} }, "text", other)
export function element(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.classList.add(...classes);
  attribute(made, attributes);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function attribute(made, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "data") expose(made, value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") made[name] = value;
    else if (value === false || value === null || value === undefined) made.removeAttribute(name);
    else made.setAttribute(name, value === true ? "" : value);
  }
  return made;
}

// The numbers behind a drawing, for tests and for whoever looks at the page's elements.
export function expose(made, values) {
  for (const [name, value] of Object.entries(values)) {
    made.dataset[name] = typeof value === "string" ? value : JSON.stringify(value);
  }
}

export function replace(place, ...children) {
  place.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

// Saves a file as the browser saves what is downloaded.
export function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// A number for people, as in the reports: so many digits, 4.1×10⁻⁷ only where it is needed, a real minus sign.
export function shown(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return signed(grouped(String(value)));
  if (exponent < -4 || exponent >= 9) return signed(`${trimmed(mantissa)}×10${raised(Number(exponent))}`);
  return signed(grouped(trimmed(value.toFixed(Math.max(0, digits - 1 - exponent)))));
}

// A count with its noun: "1 row", "1,257 rows".
export const counted = (count, noun) => `${shown(count)} ${noun}${count === 1 ? "" : "s"}`;

// The parts of a number: an exponent, thousands apart, a real minus sign.
export const raised = (exponent) => Array.from(String(exponent), (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("");

export function grouped(text) {
  const [whole, ...rest] = text.split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), ...rest].join(".");
}

export const signed = (text) => text.replace(/^-/, "−");

function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

// What is called often happens at most once in so many milliseconds, the last call always.
export function rarely(milliseconds, action) {
  let timer = null, last = -Infinity, latest = [];
  const run = () => { timer = null; last = performance.now(); action(...latest); };
  return (...values) => {
    latest = values;
    if (timer !== null) return;
    const wait = last + milliseconds - performance.now();
    if (wait <= 0) run();
    else timer = setTimeout(run, wait);
  };
}

// What is called often happens once it has been quiet for so long.
export function settled(milliseconds, action) {
  let timer = null;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}
