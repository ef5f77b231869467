// Controls, each from one declaration: `on(value)` is called when the person changes it, `set(value)` shows a
// value without calling. All have a visible label, work by keyboard and touch, and share one look.

import { element, shown } from "./dom.js";

let count = 0;
const fresh = (name) => `${name}-${++count}`;

// slider({ label, min, max, value, scale: "linear" | "log", step, unit, help, on, format })
export function slider({ label, min, max, value, scale = "linear", step = 0, unit = "", help, on, format = shown }) {
  const TICKS = 1000;
  const log = scale === "log";
  // A logarithmic slider may begin at 0: its first tick is 0, the others begin at a ten-thousandth of the top.
  const low = log && min <= 0 ? max / 1e4 : min;
  const at = (tick) => {
    if (log) return min <= 0 && tick === 0 ? 0 : low * (max / low) ** (tick / TICKS);
    return step ? min + tick * step : min + (tick / TICKS) * (max - min);
  };
  const tickOf = (number) => {
    if (log) return number <= 0 ? 0 : Math.round((TICKS * Math.log(number / low)) / Math.log(max / low));
    return step ? Math.round((number - min) / step) : Math.round((TICKS * (number - min)) / (max - min));
  };
  const ticks = step && !log ? Math.round((max - min) / step) : TICKS;
  const name = fresh("slider");
  const range = element("input", { type: "range", id: name, min: 0, max: ticks, step: 1 });
  const field = element("input.amount", { type: "text", inputmode: "decimal", "aria-label": `${label}, as a number` });
  const rounded = (number) => (step ? Number(number.toPrecision(12)) : Number(number.toPrecision(4)));
  let current = value;
  const show = () => {
    range.value = tickOf(current);
    range.setAttribute("aria-valuetext", `${format(current)} ${unit}`.trim());
    if (document.activeElement !== field) field.value = format(current);
  };
  const change = (number) => { current = number; show(); on?.(current); };
  range.addEventListener("input", () => change(rounded(at(Number(range.value)))));
  field.addEventListener("change", () => {
    const number = readNumber(field.value);
    field.value = format(current);
    if (number !== null) change(Math.min(max, Math.max(min, number)));
  });
  field.addEventListener("focus", () => { field.value = String(current); field.select(); });
  field.addEventListener("blur", () => { field.value = format(current); });
  const made = element("div.control.slider", { title: help },
    element("label", { for: name }, label), field, unit ? element("span.unit", {}, unit) : null, range);
  return control(made, (number) => { current = number; show(); }, () => current, [range, field], value);
}

export function readNumber(text) {
  const cleaned = text.replace(/[−–]/g, "-").replace(/\s*[·×]\s*10/, "e").replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]/g,
    (c) => "-0123456789"["⁻⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c)]).replace(/,(?=\d{3}\b)/g, "").trim();
  const number = Number(cleaned);
  return cleaned !== "" && Number.isFinite(number) ? number : null;
}

// number({ label, value, min, max, whole, on })
export function number({ label, value, min = -Infinity, max = Infinity, whole = false, help, on }) {
  const name = fresh("number");
  const field = element("input.amount", { type: "text", inputmode: whole ? "numeric" : "decimal", id: name });
  let current = value;
  const show = () => { field.value = String(current); };
  field.addEventListener("change", () => {
    const given = readNumber(field.value);
    if (given !== null) current = Math.min(max, Math.max(min, whole ? Math.round(given) : given));
    show();
    if (given !== null) on?.(current);
  });
  const made = element("div.control.number", { title: help }, element("label", { for: name }, label), field);
  return control(made, (given) => { current = given; show(); }, () => current, [field], value);
}

// words({ label, value, on, placeholder }): a line of text, taken over with Enter or on leaving it
export function words({ label, value = "", placeholder = "", lines = 1, help, on }) {
  const name = fresh("words");
  const field = element(lines > 1 ? "textarea" : "input", {
    id: name, placeholder, spellcheck: "false", autocomplete: "off", rows: lines > 1 ? lines : null,
  });
  field.addEventListener("change", () => on?.(field.value));
  const made = element("div.control.words", { title: help }, element("label", { for: name }, label), field);
  return control(made, (given) => { field.value = given; }, () => field.value, [field], value);
}

// choice({ label, choices: ["a", ["b", "B, in words"]], value, on })
export function choice({ label, choices, value, help, on }) {
  const name = fresh("choice");
  const field = element("select", { id: name });
  const offer = (given) => field.replaceChildren(...given.map((each) => {
    const [key, text] = Array.isArray(each) ? each : [each, each];
    return element("option", { value: key }, text);
  }));
  offer(choices);
  field.addEventListener("change", () => on?.(field.value));
  const made = element("div.control.choice", { title: help }, element("label", { for: name }, label), field);
  const found = control(made, (given) => { field.value = given; }, () => field.value, [field], value);
  found.offer = (given) => { const before = field.value; offer(given); field.value = before; };
  return found;
}

// toggle({ label, value, on, swatch }): swatch is an element before the label, such as a rule's line
export function toggle({ label, value, help, on, swatch }) {
  const name = fresh("toggle");
  const field = element("input", { type: "checkbox", id: name });
  field.addEventListener("change", () => on?.(field.checked));
  const made = element("div.control.toggle", { title: help }, field, element("label", { for: name }, swatch, label));
  return control(made, (given) => { field.checked = given; }, () => field.checked, [field], value);
}

// segmented({ label, choices, value, on }): a row of buttons of which one is down
export function segmented({ label, choices, value, help, on }) {
  const group = fresh("segmented");
  const fields = choices.map((each) => {
    const [key, text] = Array.isArray(each) ? each : [each, each];
    const field = element("input", { type: "radio", name: group, value: key, id: `${group}-${key}` });
    field.addEventListener("change", () => on?.(key));
    return [field, element("label", { for: `${group}-${key}` }, text)];
  });
  const made = element("fieldset.control.segmented", { title: help }, element("legend", {}, label),
    element("div", {}, ...fields.flat()));
  const set = (given) => { for (const [field] of fields) field.checked = field.value === given; };
  const get = () => fields.find(([field]) => field.checked)?.[0].value;
  return control(made, set, get, fields.map(([field]) => field), value);
}

// button({ label, on, kind: "plain" | "strong", help, key })
export function button({ label, on, kind = "plain", help, key }) {
  const made = element(`button.${kind}`, {
    type: "button", title: help ?? null, "aria-keyshortcuts": key ?? null, onclick: () => on?.(),
  }, label);
  return { element: made, set: (text) => { made.textContent = text; }, enable: (yes) => { made.disabled = !yes; } };
}

// Controls that belong together, under a heading; may be folded away.
export function group(title, ...parts) {
  return element("fieldset.group", {}, element("legend", {}, title), ...parts.map((part) => part.element ?? part));
}

export function folded(title, ...parts) {
  return element("details.group", {}, element("summary", {}, title), ...parts.map((part) => part.element ?? part));
}

function control(made, set, get, fields, value) {
  set(value);
  return {
    element: made, set, get value() { return get(); },
    enable: (yes) => { for (const field of fields) field.disabled = !yes; },
  };
}
