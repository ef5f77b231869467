// Train on a person's own data: look, choose, plan, start, watch, read.

import { element, replace, settled } from "../dom.js";
import { showFound, showWelcome } from "../training/found.js";
import { OF_THE_TABLE } from "../options.js";
import { Form, NAMES, usual, VERBS } from "../training/form.js";
import { Live } from "../training/live.js";
import { onlyRefused, upload } from "../wire.js";
import { headline, kept, showOutcome } from "../training/outcome.js";

const LARGEST = 64 * 2 ** 20;
const POLL = 300; // milliseconds between two looks at the job

export const room = {
  name: "train",
  title: "Train",
  lead: "Your own table: what is in it, what training on it would take, a population of networks at work, and an honestly tested model.",
  defaults: { data: "", verb: "train", run: "", ...Object.fromEntries(NAMES.map((name) => [name, usual(name)])) },
  mount: (place, studio) => new TrainRoom(place, studio),
};

class TrainRoom {
  constructor(place, studio) {
    this.studio = studio;
    this.seen = null;     // what was found in the table
    this.planned = null;  // what it would take
    this.job = { state: "none" };
    this.open = true;
    this.timer = null;
    const section = (label) => element("section", { "aria-label": label, hidden: true });
    this.parts = { live: section("Training"), result: section("Result"), found: section("Data") };
    for (const [name, part] of Object.entries(this.parts)) part.classList.add(name);
    this.parts.found.hidden = false;
    this.live = new Live(this.parts.live, (now) => this.#cancel(now));
    this.stage = element("div.stage", {}, ...Object.values(this.parts));
    this.node = element("div.room.train", { data: { state: "none" } }, this.stage);
    place.append(this.node);
    this.#listen();
    this.ready = this.#begin();
  }

  unmount() {
    this.open = false;
    clearTimeout(this.timer);
    this.live.clear();
    this.outcome?.close();
  }

  async gather() {
    await this.ready;
  }

  async code() {
    if (!this.studio.state.data) return "Choose a table first.";
    return (await this.studio.ask("code", this.form.wanted(this.seen))).values.lines;
  }

  // In the order in which a recording replays it.
  async #begin() {
    const { values: known } = await this.studio.ask("begin");
    if (!this.open) return;
    this.form = new Form(this.studio, known, {
      choose: (data) => this.#choose(data), upload: (file) => this.#upload(file),
      change: (changes) => this.#change(changes), start: () => this.#start(),
    });
    this.node.prepend(this.form.node);
    await this.#look();
    const { values: job } = await this.studio.ask("progress");
    if (!this.open) return;
    const { run } = this.studio.state;
    if (job.state === "running" || !run) await this.#take(job);
    else await this.#read(run);
  }

  #listen() {
    const { node } = this;
    const over = (yes) => node.classList.toggle("over", yes);
    node.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
    node.addEventListener("dragleave", (event) => { if (!node.contains(event.relatedTarget)) over(false); });
    node.addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      if (event.dataTransfer.files.length) this.#upload(event.dataTransfer.files[0]);
    });
  }

  #change(changes) {
    this.studio.set(changes);
    this.#planSoon();
  }

  #leaveOut(columns) {
    const drop = [this.studio.state.drop, columns].filter(Boolean).join(",");
    this.form.fields.get("drop")?.set(drop);
    this.#change({ drop });
  }

  // Data -----------------------------------------------------------------------------------------------------

  async #upload(file) {
    const { studio } = this;
    if (file.size > LARGEST) {
      studio.complain("The file is larger than 64 MiB: name it in the terminal, as in couloir studio FILE.");
      return;
    }
    this.#busy("Taking in the file …");
    try {
      const name = await upload(file, studio.session);
      this.form.offer((await studio.ask("begin")).values, name);
      await this.#choose(name);
    } catch (error) {
      this.#showFound();
      studio.complain(error.message);
    }
  }

  async #choose(data) {
    this.studio.set({ data, run: "", ...Object.fromEntries(OF_THE_TABLE.map((name) => [name, usual(name)])) });
    this.form.forget();
    this.form.data.set(data);
    this.parts.result.hidden = true;
    await this.#look();
  }

  // What is in the table, and if it is known what to predict, what training would take.
  async #look() {
    const { studio } = this;
    this.seen = this.planned = null;
    const { data } = studio.state;
    this.#foresee(data ? "" : "Choose a table first.");
    if (data) {
      this.#busy("Looking at the table …");
      try {
        const { values } = await studio.ask("look", { data });
        if (!this.open || data !== studio.state.data) return;
        this.seen = values;
        this.#offerTargets();
      } catch (error) {
        onlyRefused(error);
      }
    }
    this.#showFound();
    if (this.seen) await this.#plan();
  }

  #offerTargets() {
    const { studio, seen } = this;
    const names = seen.fixed ? [seen.target] : seen.columns.map(({ name }) => name);
    const { target } = studio.state;
    const chosen = names.includes(target) && !seen.fixed ? target : "";
    if (chosen !== target || (!chosen && seen.target && !seen.fixed)) {
      studio.set({ target: chosen || (seen.fixed ? "" : seen.target) });
    }
    this.form.targets(names, studio.state.target || seen.target);
  }

  #planSoon = settled(500, () => { if (this.open && this.seen) this.#plan(); });

  async #plan() {
    const { studio, form, seen } = this;
    if (!studio.state.target && !seen.fixed) {
      this.planned = null;
      this.#foresee("Choose the column to predict.");
      return;
    }
    const wanted = form.wanted(seen);
    const mark = this.planning = JSON.stringify(wanted);
    if (!this.planned) this.#foresee("Working out what it takes …");
    form.plan.dataset.state = "looking";
    let sentence = null;
    try {
      const { values } = await studio.ask("plan", wanted);
      if (this.planning === mark) this.planned = values;
    } catch (error) {
      onlyRefused(error);
      if (this.planning === mark) [this.planned, sentence] = [null, error.message];
    }
    if (!this.open || this.planning !== mark) return;
    studio.complain(null); // what is wrong stands beside the button
    if (this.planned) form.metrics(this.planned.task);
    this.#showFound();
    this.#foresee("", sentence);
  }

  #foresee(hint, sentence = null) {
    this.form.foresee({ planned: this.planned, hint, sentence, free: this.job.state !== "running" });
  }

  #busy(text) {
    replace(this.parts.found, element("p.busy", { role: "status" }, text));
  }

  #showFound() {
    const { studio, form, parts: { found } } = this;
    if (this.seen) {
      showFound(found, studio.state.data, this.seen, this.planned, studio.state.target,
        studio.replaying ? null : (columns) => this.#leaveOut(columns));
    }
    else if (studio.replaying) replace(found);
    else showWelcome(found, form.known.bundled, form.pick, (name) => this.#choose(name));
  }

  // The job --------------------------------------------------------------------------------------------------

  async #start() {
    this.form.start.enable(false);
    this.studio.set({ run: "" });
    this.live.clear();
    try {
      const { values } = await this.studio.ask("start", this.form.wanted(this.seen));
      if (!this.open) return;
      await this.#take(values);
      this.parts.live.scrollIntoView({ block: "nearest" });
    } catch (error) {
      onlyRefused(error);
      this.form.start.enable(Boolean(this.planned));
    }
  }

  async #cancel(now) {
    this.live.stop.enable(false);
    try {
      await this.#take((await this.studio.ask("cancel", { now })).values);
    } catch (error) {
      onlyRefused(error);
    } finally {
      this.live.stop.enable(true);
    }
  }

  #later() {
    clearTimeout(this.timer);
    if (this.studio.replaying) return;
    this.timer = setTimeout(() => this.#poll(), document.hidden ? 4 * POLL : POLL);
  }

  async #poll() {
    try {
      const { values } = await this.studio.ask("progress");
      if (this.open) await this.#take(values);
    } catch (error) {
      onlyRefused(error);
      if (this.open) this.#later();
    }
  }

  // Shows where the job stands, and goes on asking while it runs.
  async #take(job) {
    const before = this.job.state;
    this.job = job;
    this.node.dataset.state = job.state;
    this.form.start.enable(Boolean(this.planned) && job.state !== "running");
    if (job.state === "none") return;
    if (job.state === "ended") {
      this.live.hide();
      this.studio.set({ run: job.done.run });
      await this.#read(job.done.run);
      return;
    }
    this.parts.result.hidden = true;
    this.live.show(job, `${VERBS.find(([verb]) => verb === job.verb)[1]}: ${job.name}`);
    if (job.state === "running") this.#later();
    else if (before === "running") this.studio.say(job.sentence);
  }

  async #read(run) {
    try {
      const { values } = await this.studio.ask("result", { run });
      if (!this.open || run !== this.studio.state.run) return;
      this.outcome?.close();
      this.outcome = showOutcome(this.parts.result, values, ...kept(values, this.studio.replaying));
      this.studio.say(headline(values));
    } catch (error) {
      onlyRefused(error);
    }
  }
}
