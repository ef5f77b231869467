// What can be set: the data, the network, how it learns, what holds it back, and what is compared.

import { choice, folded, number, segmented, slider, toggle } from "../controls.js";
import { element, replace } from "../dom.js";
import { RULES } from "../rules.js";
import { LADDERS, NETWORK } from "../settings.js";
import { onlyRefused, upload } from "../wire.js";

// What the sets are called where their names say too little.
const DATA = {
  xor: "XOR", gaussians: "three clouds", plane: "a plane (a value)", hills: "hill and hollow (a value)", table: "your own table",
};
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
// What is customary for a set: more would hide its figure.
const NOISE = { moons: 0.2, circles: 0.1, spirals: 0.05, xor: 0.1, gaussians: 0.2, plane: 0.1, hills: 0.1 };
const roomy = matchMedia("(min-width: 50.01rem)");
const percent = (value) => `${Math.round(100 * value)} %`;

// Settings under a heading: open where there is room for all of them.
function section(title, ...parts) {
  const made = folded(title, ...parts);
  made.open = roomy.matches;
  return made;
}

export class Knobs {
  // `change(changes)` is told what the person has set.
  constructor(place, studio, change) {
    this.studio = studio;
    this.change = change;
    this.known = {};
    const make = (kind, name, options) => this.#knob(kind, name, options);
    replace(place,
      this.#compared(make), this.#data(make), this.#network(make), this.#learning(make), this.#held(make));
    this.follow();
  }

  // A knob for all that may be asked; `options` say where it turns less far, and what it is called here.
  #knob(kind, name, options) {
    const { words: label = name, low: min, high: max, names: choices, whole } = NETWORK[name];
    const value = this.studio.state[name];
    const made = kind({ label, min, max, choices, whole, value, on: (given) => this.change({ [name]: given }), ...options });
    this.known[name] = made;
    return made;
  }

  #compared(make) {
    make(choice, "across", { label: "Side by side", choices: [["none", "one network"], ...LADDERS],
      help: "The same network in several values of one setting, trained together as one population" });
    make(slider, "columns_count", { label: "how many", step: 1 });
    make(choice, "down", { label: "and in rows", choices: [["none", "nothing more"], ...LADDERS],
      help: "A second setting, which the rows differ in" });
    make(slider, "rows_count", { label: "how many rows", step: 1 });
    const { across, columns_count: columns, down, rows_count: rows } = this.known;
    return section("Population", across, columns, down, rows);
  }

  #data(make) {
    make(choice, "data", { label: "Data", choices: NETWORK.data.names.map((name) => [name, DATA[name] ?? name]),
      on: (data) => this.change({ data, noise: NOISE[data] ?? this.studio.state.noise }) });
    make(slider, "noise", { max: 0.6, help: "Standard deviation of what is added to the positions, or to the value" });
    make(slider, "rows", { max: 2000, scale: "log", format: (value) => String(Math.round(value)),
      on: (value) => this.change({ rows: Math.round(value) }) });
    make(number, "seed", { help: "Of the data, their split, the batches and the first weights" });
    make(slider, "validation", { max: 0.6, step: 0.05, format: percent });
    make(slider, "test", { max: 0.6, step: 0.05, format: percent });
    const { data, noise, rows, seed, validation, test } = this.known;
    this.table = element("div.own");
    return section("Data", data, this.table, noise, rows, seed, validation, test);
  }

  #network(make) {
    const { most, each: { low: min, high: max } } = NETWORK.hidden;
    this.layers = Array.from({ length: most }, (_, layer) => slider({
      label: `layer ${layer + 1}`, min, max, step: 1, value: 4, unit: "neurons",
      on: (count) => this.change({ hidden: this.studio.state.hidden.map((each, place) => (place === layer ? count : each)) }),
    }));
    this.depth = segmented({ label: "Hidden layers", choices: Array.from({ length: most + 1 }, (_, count) => String(count)), value: "2", on: (text) => this.#deepen(Number(text)) });
    make(choice, "activation");
    return section("Network", this.depth, ...this.layers, this.known.activation);
  }

  #deepen(count) {
    const { hidden } = this.studio.state;
    this.change({ hidden: Array.from({ length: count }, (_, layer) => hidden[layer] ?? hidden.at(-1) ?? 4) });
  }

  #learning(make) {
    const usual = (rule) => RULES[rule].defaults.learning_rate;
    make(choice, "rule", { label: "Update rule", on: (rule) => {
      // The rate keeps its ratio to what is customary for the rule.
      const rate = Number(((this.studio.state.rate / usual(this.studio.state.rule)) * usual(rule)).toPrecision(4));
      this.change({ rule, rate });
    } });
    make(slider, "rate", { min: 1e-5, max: 10, scale: "log" });
    make(choice, "schedule");
    make(choice, "batch", { choices: BATCHES.map(String), value: String(this.studio.state.batch),
      on: (text) => this.change({ batch: Number(text) }) });
    make(number, "epochs");
    make(number, "restart", { label: "first weights" });
    const { rule, rate, schedule, batch, epochs, restart } = this.known;
    return section("Learning", rule, rate, schedule, batch, epochs, restart);
  }

  #held(make) {
    make(slider, "l2", { max: 1, scale: "log" });
    make(slider, "l1", { max: 1, scale: "log" });
    make(slider, "dropout", { max: 0.9, step: 0.05 });
    make(slider, "input_noise", { max: 1.5, step: 0.05 });
    make(number, "patience", { help: "Epochs without improvement on validation before early stopping; 0: never" });
    make(toggle, "train_on", { label: "train on after the stop", help: "To see what stopping spares: the stop is only marked" });
    const { l2, l1, dropout, input_noise: noise, patience, train_on: on } = this.known;
    return section("Holding back", l2, l1, dropout, noise, patience, on);
  }

  // Shows the state as it is.
  follow() {
    const { state } = this.studio;
    for (const [name, knob] of Object.entries(this.known)) knob.set(name === "batch" ? String(state.batch) : state[name]);
    this.depth.set(String(state.hidden.length));
    this.layers.forEach((knob, layer) => {
      knob.element.hidden = layer >= state.hidden.length;
      if (layer < state.hidden.length) knob.set(state.hidden[layer]);
    });
    const { known } = this;
    known.columns_count.element.hidden = ["none", "rule"].includes(state.across);
    known.rows_count.element.hidden = ["none", "rule"].includes(state.down);
    known.down.element.hidden = state.across === "none";
    known.noise.element.hidden = state.data === "table";
    this.#own(state.data === "table");
  }

  // A table of one's own ---------------------------------------------------------------------------------------

  #own(shown) {
    this.table.hidden = !shown;
    if (!shown || this.asked || this.studio.replaying) return;
    this.asked = true;
    this.#tables();
  }

  async #tables() {
    const { tables } = (await this.studio.ask("tables", {})).values;
    const file = element("input", { type: "file", accept: ".csv,.tsv,.parquet", "aria-label": "A table of your own", onchange: () => this.#upload(file.files[0]) });
    const { state } = this.studio;
    const pick = choice({ label: "table", choices: [["", "choose"], ...tables], value: state.table, on: (table) => this.#columns(table, true) });
    this.columns = element("div");
    replace(this.table, pick.element, file, this.columns);
    if (state.table) await this.#columns(state.table, false);
  }

  async #upload(file) {
    if (!file) return;
    try {
      const name = await upload(file, this.studio.session);
      await this.#tables();
      await this.#columns(name, true);
    } catch (error) {
      onlyRefused(error);
      this.studio.complain(error.message);
    }
  }

  async #columns(table, fresh) {
    if (!table) return;
    const { columns, numeric } = (await this.studio.ask("columns", { table })).values;
    const { state } = this.studio;
    if (fresh || !columns.includes(state.x)) {
      const [x, y] = numeric;
      const target = columns.findLast((name) => name !== x && name !== y) ?? "";
      this.change({ table, x: x ?? "", y: y ?? "", target });
    }
    const pick = (label, name, names) => choice({ label, choices: names, value: state[name], on: (value) => this.change({ [name]: value }) }).element;
    replace(this.columns, pick("across", "x", numeric), pick("up", "y", numeric), pick("to predict", "target", columns));
  }
}
