// What can be set in the room Train: the table, what to predict, the verb, its options, and the start.

import { button, choice, folded, group, segmented, toggle, words } from "../controls.js";
import { element, expose, replace } from "../dom.js";
import { OF_THE_TABLE, OPTIONS } from "../options.js";
import { swatch } from "../swatch.js";
import { bytes, duration } from "../tables.js";

const ELSEWHERE = ["target", "task", "optimizer"];  // fields of their own, above the others
const TITLES = { Data: "Columns and rows" };
const SAYS = {
  train: "Networks with every chosen rule at several learning rates, trained together. The best on validation is tested once.",
  race: "Which update rule is best on these data: each at its own best rate, judged over replicates, with evidence.",
  search: "Rule, rate, regularizers and architecture together, the worse trials leaving early; the best are averaged.",
};

export const VERBS = [["train", "Train"], ["race", "Race"], ["search", "Search"]];

const FLAGS = new Set(Object.values(OPTIONS).flat().filter(({ flag }) => flag).map(({ name }) => name));
export const NAMES = [...new Set(Object.values(OPTIONS).flat().map(({ name }) => name))];
export const usual = (name) => (FLAGS.has(name) ? false : "");

// on: { choose(data), upload(file), change(changes), start() }
export class Form {
  constructor(studio, known, on) {
    Object.assign(this, { studio, known, on });
    this.fields = new Map();
    const { state } = studio;
    const file = element("input", { type: "file", accept: ".csv,.tsv,.parquet", hidden: true, onchange: () => {
      if (file.files.length) on.upload(file.files[0]);
      file.value = "";
    } });
    this.pick = () => file.click();
    this.data = choice({ label: "Table", choices: this.#offered(), value: state.data, on: on.choose });
    this.target = choice({ label: "Predict", choices: [["", "–"]], value: "", on: (target) => on.change({ target }) });
    this.task = choice({ label: "Read as", value: state.task, on: (task) => on.change({ task }),
      choices: [["", "what it is"], ["classification", "classes"], ["regression", "numbers"]] });
    this.verb = segmented({ label: "What to do", choices: VERBS, value: state.verb, on: (verb) => {
      on.change({ verb });
      this.#options();
    } });
    this.says = element("p.note");
    this.options = element("div.options");
    this.start = button({ label: "Start", kind: "strong", on: on.start });
    this.plan = element("div.plan", { "aria-live": "polite" });
    this.node = element("form.side", { onsubmit: (event) => event.preventDefault() },
      group("Data", this.data, element("div.row", {}, button({ label: "Choose a file…", on: this.pick }).element, file),
        this.target, this.task),
      group("Task", this.verb, this.says),
      this.options,
      element("div.begin", {}, this.plan, element("div.row", {}, this.start.element)));
    this.#options();
  }

  // What the package is asked for: { verb, data, options }, without what is left as usual.
  wanted(seen) {
    const { verb, data } = this.studio.state;
    const given = OPTIONS[verb].map(({ name }) => [name, this.studio.state[name]])
      .filter(([name, value]) => value !== usual(name) && !(name === "target" && seen?.fixed));
    return { verb, data, options: Object.fromEntries(given) };
  }

  // The tables there are, and the one that is chosen.
  offer(known, data) {
    this.known = known;
    this.data.offer(this.#offered());
    this.data.set(data);
  }

  // Another table: what was said of the last one's columns is said no more.
  forget() {
    this.target.offer([["", "–"]]);
    this.task.set("");
    for (const name of OF_THE_TABLE) this.fields.get(name)?.set("");
  }

  targets(names, target) {
    this.target.offer([["", "choose …"], ...names.map((name) => [name, name])]);
    this.target.set(target);
  }

  metrics(task) {
    this.fields.get("metric")?.offer(this.#metrics(task));
  }

  // What it will take; or why it cannot be done; or what is still to be chosen.
  foresee({ planned = null, sentence = null, hint = "", free = true }) {
    const { plan } = this;
    delete plan.dataset.state;
    this.start.enable(Boolean(planned) && free);
    if (sentence) replace(plan, element("p.trouble", { role: "alert" }, sentence));
    else if (!planned) replace(plan, element("p.note", {}, hint));
    else {
      replace(plan, element("p.note", {}, `${planned.what}.`), element("dl.facts", {},
        element("dt", {}, "memory"), element("dd", {}, `about ${bytes(planned.memory_bytes)}`),
        element("dt", {}, "time"), element("dd", {}, `about ${duration(planned.seconds)} if none stops early`)));
      expose(plan, { members: planned.members, memory: planned.memory_bytes, seconds: planned.seconds });
    }
  }

  #offered() {
    const { files, bundled } = this.known;
    return [["", "choose …"], ...files.map((name) => [name, name]),
      ...bundled.filter((name) => !files.includes(name)).map((name) => [name, `${name} (comes along)`])];
  }

  // The fields of the present verb: the main ones open, the others folded.
  #options() {
    const { state } = this.studio;
    const known = OPTIONS[state.verb].filter(({ name }) => !ELSEWHERE.includes(name));
    const others = known.filter(({ main }) => !main)
      .sort((a, b) => (a.group === "Data") - (b.group === "Data"));
    const groups = Map.groupBy(others, (option) => option.group);
    this.fields.clear();
    this.says.textContent = SAYS[state.verb];
    replace(this.options,
      this.#rules(),
      group("Options", ...known.filter(({ main }) => main).map((option) => this.#field(option))),
      ...[...groups].map(([title, options]) => {
        const made = folded(TITLES[title] ?? title, ...options.map((option) => this.#field(option)));
        made.open = options.some(({ name }) => state[name] !== usual(name));
        return made;
      }));
  }

  #field({ name, label, help, usual: standing, flag, choices, option }) {
    const value = this.studio.state[name];
    const on = (given) => this.on.change({ [name]: given });
    const made = flag ? toggle({ label, value, on })
      : name === "metric" ? choice({ label, value, on, choices: this.#metrics(this.studio.state.task) })
        : choices.length ? choice({ label, value, on, choices: [["", standing], ...choices] })
          : words({ label, value, placeholder: standing || "none", on });
    const input = made.element.querySelector("input, select");
    const note = element("p.help", { id: `help-${name}` }, help);
    input.setAttribute("aria-describedby", note.id);
    input.dataset.option = option;
    made.element.append(note);
    made.element.classList.add("field");
    this.fields.set(name, made);
    return made;
  }

  #metrics(task) {
    const fitting = Object.entries(this.known.metrics).filter(([, of]) => !task || of === task).map(([name]) => name);
    return [["", "the usual"], ...fitting.map((name) => [name, name.replaceAll("_", " ")])];
  }

  #rules() {
    const { rules } = this.known;
    const chosen = () => (this.studio.state.optimizer ? this.studio.state.optimizer.split(",") : rules);
    const toggles = rules.map((rule, place) => toggle({
      label: rule, value: chosen().includes(rule), swatch: swatch(rule), on: (yes) => {
        const next = rules.filter((each) => (each === rule ? yes : chosen().includes(each)));
        if (next.length) this.on.change({ optimizer: next.length === rules.length ? "" : next.join(",") });
        else {
          toggles[place].set(true);
          this.studio.say("At least one rule has to be trained.");
        }
      },
    }));
    return group("Rules", element("div.rules", {}, ...toggles.map((each) => each.element)));
  }
}
