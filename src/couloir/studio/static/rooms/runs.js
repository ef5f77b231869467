// Every run folder: a table, several side by side, one with its report, landscape and predictions.

import { button, choice, number, segmented, words } from "../controls.js";
import { element, expose, replace } from "../dom.js";
import { showComparison } from "../runs/comparing.js";
import { Predicting } from "../runs/predicting.js";
import { filtered, showTable, sorted, SORTS } from "../runs/table.js";
import { LANDSCAPE } from "../settings.js";
import { reportFrame, reportLink } from "../tables.js";
import { onlyRefused } from "../wire.js";
import { Live } from "../training/live.js";
import { showOutcome } from "../training/outcome.js";

const POLL = 400;
const MOST_COMPARED = 6;
const VIEWS = [["result", "Result"], ["report", "Report"], ["predict", "Predict"], ["landscape", "Landscape"]];
const PLANES = { random: "around the network", paths: "where rules went", solutions: "two and their start", line: "between two" };

export const room = {
  name: "runs",
  title: "Runs",
  lead: "Everything that was trained, raced, searched and drawn: sort it, set several side by side, ask a model about new rows.",
  defaults: { sort: "name", down: true, filter: "", chosen: [], run: "", view: "result", plane: LANDSCAPE.plane.default, resolution: LANDSCAPE.resolution.default },
  mount: (place, studio) => new RunsRoom(place, studio),
};

class RunsRoom {
  constructor(place, studio) {
    this.studio = studio;
    this.rows = [];
    this.open = true;
    this.timer = null;
    const { state } = studio;
    if (!SORTS.includes(state.sort)) state.sort = "name";
    if (!VIEWS.some(([view]) => view === state.view)) state.view = "result";
    state.chosen = state.chosen.filter((name) => typeof name === "string").slice(0, MOST_COMPARED);
    this.filter = words({ label: "Filter", placeholder: "data, rule, kind …", value: state.filter, on: (filter) => this.#set({ filter }) });
    this.filter.element.querySelector("input").addEventListener("input", (event) => this.#set({ filter: event.target.value }));
    this.table = element("div.listed");
    this.note = element("p.note");
    this.compared = element("section.side-by-side", { "aria-label": "Comparison", hidden: true });
    this.live = element("section.live", { "aria-label": "Landscape in the making", hidden: true });
    this.one = element("section.one", { "aria-label": "Run", hidden: true });
    this.making = new Live(this.live, (now) => this.#cancel(now));
    this.node = element("div.runs-room", {},
      element("div.row", {}, this.filter.element, button({ label: "Read again", on: () => this.#list() }).element),
      this.table, this.note, this.compared, this.live, this.one);
    place.append(this.node);
    this.ready = this.#begin();
  }

  unmount() {
    this.open = false;
    clearTimeout(this.timer);
    this.drawn?.close();
    this.outcome?.close();
    this.making.clear();
  }

  async gather() {
    await this.ready;
  }

  async code() {
    const name = this.studio.state.run || this.rows.find(({ model }) => model)?.name;
    if (!name) return "import couloir\n\nrun = couloir.train(\"iris\", out=\"runs\")";
    return (await this.studio.ask("code", { run: name })).values.lines;
  }

  // In the order in which a recording replays it.
  async #begin() {
    await this.#list();
    await this.#compare();
    await this.#show();
    const { values } = await this.studio.ask("progress");
    if (this.open) this.#take(values);
  }

  #set(changes) {
    this.studio.set(changes);
    this.#showTable();
  }

  async #list() {
    const { values } = await this.studio.ask("list");
    if (!this.open) return;
    this.rows = values.runs;
    const more = values.more ? ` ${values.more} older ones are not shown.` : "";
    replace(this.note, ...(values.runs.length
      ? [`In the folder '${values.folder}'.${more} Tick runs to set them side by side.`]
      : [`There are no runs in the folder '${values.folder}' yet: `, element("a", { href: "#train" }, "train something"), "."]));
    this.#showTable();
  }

  #showTable() {
    const { state } = this.studio;
    showTable(this.table, sorted(filtered(this.rows, state.filter), state.sort, state.down), state, {
      sort: (key) => {
        this.#set(key === state.sort ? { down: !state.down } : { sort: key, down: false });
        this.table.querySelector(`[data-sort=${key}]`)?.focus();
      },
      open: (name) => this.#open(name),
      choose: (name, yes) => this.#choose(name, yes),
    });
  }

  // Side by side -----------------------------------------------------------------------------------------------

  #choose(name, yes) {
    const others = this.studio.state.chosen.filter((each) => each !== name);
    if (yes && others.length >= MOST_COMPARED) {
      this.#showTable();
      this.studio.complain(`Side by side there is room for ${MOST_COMPARED} runs: untick another first.`);
      return;
    }
    this.studio.set({ chosen: yes ? [...others, name] : others });
    this.ready = this.#compare();
  }

  async #compare() {
    const { chosen } = this.studio.state;
    this.drawn?.close();
    this.drawn = null;
    this.compared.hidden = chosen.length < 2;
    if (chosen.length < 2) return;
    try {
      const { values } = await this.studio.ask("compare", { runs: chosen });
      if (!this.open || chosen !== this.studio.state.chosen) return;
      this.drawn = showComparison(this.compared, values);
    } catch (error) {
      onlyRefused(error);
      this.compared.hidden = true;
    }
  }

  // One run ----------------------------------------------------------------------------------------------------

  async #open(name) {
    const found = this.rows.find((row) => row.name === name);
    this.#set({ run: name, view: found?.model ? "result" : "report" });
    this.ready = this.#show();
    await this.ready;
    this.one.scrollIntoView({ block: "start" });
    this.one.querySelector("h2")?.focus();
  }

  async #show() {
    const { studio } = this;
    const { run } = studio.state;
    this.outcome?.close();
    this.outcome = null;
    const row = this.rows.find(({ name }) => name === run);
    this.one.hidden = !row;
    if (run && !row) studio.complain(`There is no run '${run}' in this folder.`);
    if (!row) return;
    this.inside = element("div.inside-view");
    const views = VIEWS.filter(([view]) => row.model || view === "report");
    const tabs = segmented({ label: "Show", choices: views, value: studio.state.view, on: (view) => {
      studio.set({ view });
      this.ready = this.#view(row);
    } });
    replace(this.one, element("h2", { tabindex: "-1" }, run),
      element("p.note", {}, [row.data, row.command].filter(Boolean).join(" · ")),
      row.broken ? element("p.warning", {}, row.broken) : views.length > 1 ? tabs.element : null, this.inside);
    expose(this.one, { run });
    await this.#view(row);
  }

  async #view(row) {
    const { studio } = this;
    const view = row.model ? studio.state.view : "report";
    this.outcome?.close();
    this.outcome = null;
    expose(this.one, { view });
    if (row.broken) return;
    if (view === "report") {
      const nothing = studio.replaying ? "The page is not in this recording." : "There is no page in this run's folder.";
      replace(this.inside, ...(row.page && !studio.replaying
        ? [element("p.links", {}, reportLink(row.name, "Open it alone")), reportFrame(row.name)] : [element("p.note", {}, nothing)]));
    } else if (view === "predict") {
      replace(this.inside, new Predicting(studio, row.name).node);
    } else if (view === "landscape") this.#offerLandscape(row.name);
    else {
      replace(this.inside, element("p.busy", {}, "Reading the run …"));
      try {
        const { values } = await studio.ask("result", { run: row.name });
        if (this.open && studio.state.run === row.name && studio.state.view === "result") this.outcome = showOutcome(this.inside, values);
      } catch (error) {
        onlyRefused(error);
        replace(this.inside);
      }
    }
  }

  // Landscapes -------------------------------------------------------------------------------------------------

  #offerLandscape(run) {
    const { studio } = this;
    const plane = choice({ label: "Plane", choices: LANDSCAPE.plane.names.map((name) => [name, `${name}: ${PLANES[name]}`]),
      value: studio.state.plane, on: (given) => studio.set({ plane: given }) });
    const { low: min, high: max } = LANDSCAPE.resolution;
    const resolution = number({ label: "Grid points a side", value: studio.state.resolution, min, max, whole: true,
      on: (given) => studio.set({ resolution: given }) });
    const go = button({ label: "Draw", kind: "strong", on: async () => {
      const { plane: kind, resolution: points } = studio.state;
      try {
        this.#take((await studio.ask("landscape", { run, plane: kind, resolution: points })).values);
      } catch (error) {
        onlyRefused(error);
      }
    } });
    replace(this.inside, element("p.note", {}, "The loss around the trained network, on a plane through its weights."),
      element("div.narrow", {}, plane.element, resolution.element), element("div.row", {}, go.element));
  }

  async #cancel(now) {
    try {
      this.#take((await this.studio.ask("cancel", { now })).values);
    } catch (error) {
      onlyRefused(error);
    }
  }

  // Shows how far a landscape is, and opens it when it is there.
  #take(job) {
    const before = this.job?.state ?? "none";
    this.job = job;
    this.node.dataset.state = job.state;
    clearTimeout(this.timer);
    if (job.state === "running" || job.state === "failed") this.making.show(job, `Landscape: ${job.name}`);
    else this.making.hide();
    if (job.state === "running" && !this.studio.replaying) this.timer = setTimeout(() => this.#poll(), POLL);
    if (job.state === "ended" && before === "running") this.ready = this.#list().then(() => this.#open(job.done.run));
  }

  async #poll() {
    try {
      const { values } = await this.studio.ask("progress");
      if (this.open) this.#take(values);
    } catch (error) {
      onlyRefused(error);
    }
  }
}
