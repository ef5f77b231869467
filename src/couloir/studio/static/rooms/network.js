// The room of networks: one network in training, or a population of them side by side.

import { element, expose, rarely, replace, shown } from "../dom.js";
import { Closer } from "../network/closer.js";
import { Curves } from "../network/curves.js";
import { Decision } from "../network/decision.js";
import { Drawing } from "../network/drawing.js";
import { Feed } from "../network/feed.js";
import { Knobs } from "../network/knobs.js";
import { memberName, Multiples } from "../network/multiples.js";
import { told } from "../network/words.js";
import { player } from "../playing.js";
import { NETWORK } from "../settings.js";
import { onlyRefused } from "../wire.js";

const SETTINGS = Object.fromEntries(Object.entries(NETWORK).map(([name, known]) => [name, known.default]));
// `epoch` is the play-head, `member` who is looked at (−1: who is ahead), `look` a neuron [layer, place], `point`
// the one that is followed through the network.
const LOOKING = { epoch: 0, member: -1, look: [], point: [] };
const RATE = 40; // epochs a second
const SHOWN = 45; // frames a second that are asked for, at most
const AHEAD = -1;

class NetworkRoom {
  constructor(place, studio) {
    this.studio = studio;
    this.feed = new Feed(studio, { begun: (about) => this.#begun(about), came: (epoch) => this.#came(epoch), waits: () => this.#waits() });
    this.frame = null;
    this.#lay(place);
    this.#begin(studio.state.epoch);
  }

  #lay(place) {
    const { studio } = this;
    const panel = element("div.panel");
    const [transport, population, drawn, decided, learnt, closer] = Array.from({ length: 6 }, () => element("div"));
    drawn.className = "net";
    this.facts = element("dl.facts", { "aria-label": "How the network fares" });
    this.verdict = element("p.verdict", {});
    this.who = element("p.note", {});
    this.population = element("section", { hidden: true }, element("div.heading", {}, element("h2", {}, "The population"), this.who), population);
    this.caption = element("p.note", {});
    place.append(element("div.room.network", {}, panel, element("div.stage", {},
      transport, this.population,
      element("div.pair", {},
        element("div.side", {},
          element("section.view", {}, element("h2", {}, "The network"), drawn, this.caption),
          element("section.view.third", {}, element("h2", {}, "How it learns"), learnt)),
        element("div.side", {}, element("section.view.second", {}, decided), element("section.view.fourth", {}, this.facts, this.verdict))),
      closer)));
    closer.className = "pair";
    closer.hidden = panel.inert = studio.replaying; // a recording answers no other questions
    this.knobs = new Knobs(panel, studio, (changes) => this.#change(changes));
    this.multiples = new Multiples(population, { choose: (member) => this.#choose(member) });
    this.drawing = new Drawing(drawn, { choose: (layer, neuron) => this.#look(layer, neuron) });
    this.decision = new Decision(decided, { touched: (x, y) => this.#follow(x, y), back: () => this.#look(null) });
    this.curves = new Curves(learnt, { seek: (epoch) => { this.player.pause(); this.player.seek(Math.round(epoch)); } });
    this.closer = new Closer(closer, studio, () => ({
      epoch: this.frame?.values.epoch ?? 0, member: this.frame?.values.member ?? 0, name: (member) => memberName(this.feed.about, member),
    }));
    this.player = player(transport, {
      rate: RATE, last: studio.state.epochs, unit: "epoch",
      show: (epoch) => this.#show(epoch),
      wanting: (from) => this.#more(from),
      changed: (playing) => { if (!playing) this.#rest(); },
    });
    this.tellProbe = rarely(120, () => this.#probe());
    this.tell = rarely(100, () => this.#tell());
  }

  // Training -------------------------------------------------------------------------------------------------

  get settings() {
    return Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, this.studio.state[name]]));
  }

  #change(changes) {
    const { player: play } = this;
    // Who has seen it learn wants to see what the change does.
    const goOn = play.playing || play.step > 0;
    const beginsAnew = Object.keys(changes).some((name) => name in SETTINGS);
    const reset = "across" in changes || "down" in changes || "columns_count" in changes || "rows_count" in changes;
    this.studio.set({ ...changes, ...(beginsAnew ? { epoch: 0 } : {}), ...(reset ? { member: AHEAD } : {}), ...(this.#fits(changes) ? {} : { look: [] }) });
    this.knobs.follow();
    if (beginsAnew) this.#begin(0, goOn);
  }

  // Whether the neuron that is looked at is still there.
  #fits({ hidden }) {
    const [layer, neuron] = this.studio.state.look;
    return !hidden || layer === undefined || layer === 0 || neuron < (hidden[layer - 1] ?? 0);
  }

  async #begin(epoch = 0, goOn = false) {
    const { state } = this.studio;
    if (state.data === "table" && !state.target) return;
    this.player.pause();
    try {
      await this.feed.begin(this.settings, state.member);
    } catch (error) {
      onlyRefused(error);
      return;
    }
    if (!this.frame) return;
    if (epoch > 0) this.player.seek(epoch);
    else if (goOn) this.player.play();
  }

  #begun(about) {
    this.frame = null;
    this.asked = null;
    this.player.know(0);
    this.player.until(about.epochs);
    this.population.hidden = about.members.length < 2;
    this.multiples.about(about);
    this.drawing.about(about);
    this.decision.about(about);
    this.curves.about(about, this.feed);
    this.closer.forget();
  }

  #came(epoch) {
    this.player.until(this.feed.last);
    this.player.know(epoch);
    if (!this.frame || this.frame.values.epoch < this.player.step) this.#show(this.player.step);
  }

  // The first epoch of a network of another shape has to be compiled.
  #waits() {
    if (this.feed.known > 0) return;
    this.verdict.textContent = "Compiling the program that trains this; the next one of the same shape begins at once.";
    this.studio.say(this.verdict.textContent);
  }

  // How many epochs a shown frame stands for: at a high speed not each is drawn.
  get stride() {
    if (this.studio.replaying) return this.feed.recordedStride;
    return Math.max(1, Math.round((RATE * this.player.speed) / SHOWN));
  }

  async #more(from) {
    if (!this.feed.about || from >= this.feed.last) return;
    await this.feed.more(from, this.stride);
  }

  // Showing --------------------------------------------------------------------------------------------------

  #show(epoch) {
    const frame = this.feed.frame(epoch);
    if (!frame) return;
    if (frame.values.epoch !== epoch && !this.player.playing) this.#exactly(epoch);
    if (frame === this.frame) return;
    this.frame = frame;
    const { look, point } = this.studio.state;
    if (this.feed.about.members.length > 1) this.multiples.show(frame);
    this.drawing.choose(...(look.length ? look : [null, null]));
    this.drawing.show(frame);
    this.decision.show(frame, this.#looked(frame), point);
    this.curves.show(frame);
    this.tell();
    if (point.length) this.tellProbe();
  }

  // An epoch that was leapt over is asked for where one rests on it.
  async #exactly(epoch) {
    if (this.asked === epoch || this.studio.replaying) return;
    this.asked = epoch;
    const found = await this.feed.exactly(epoch).catch(onlyRefused);
    if (found && this.player.step === epoch) this.#show(epoch);
  }

  #looked(frame) {
    const [layer, neuron] = this.studio.state.look;
    const { widths } = this.feed.about.members[frame.values.member];
    if (layer === undefined || layer >= widths.length - 1 || neuron >= widths[layer]) return null;
    if (layer === 0) return { input: true, number: neuron, name: `Input ${this.feed.about.inputs[neuron]}` };
    const before = widths.slice(1, layer).reduce((sum, each) => sum + each, 0);
    return { input: false, number: before + neuron, name: `Neuron ${neuron + 1} of hidden layer ${layer}` };
  }

  // Anew, though the epoch is the same.
  #again() {
    this.frame = null;
    this.#show(this.player.step);
  }

  // Numbers in words, ten times a second: they are to be read.
  #tell() {
    const { frame, feed: { about } } = this;
    if (!frame || !about) return;
    const { shown: own, epoch, member } = frame.values;
    const { metric } = about;
    const facts = [
      ["training", own.training?.[metric]], ["validation", own.validation?.[metric]], ["gap", own.gap],
      ["best epoch", own.best, own.best_scores && `validation ${shown(own.best_scores.validation, 3)}`],
    ];
    if (about.classes.length) facts.push(["right on validation", own.validation?.accuracy, null, (value) => `${shown(100 * value, 3)} %`]);
    else facts.push(["R² on validation", own.validation?.r2]);
    replace(this.facts, ...facts.map(([name, value, note, words]) => element("div", {},
      element("dt", {}, name), element("dd", {}, value === null || value === undefined ? "–" : (words ?? ((each) => shown(each)))(value), note ? element("small", {}, ` ${note}`) : null))));
    expose(this.facts, { epoch, member, training: own.training ?? null, validation: own.validation ?? null, gap: own.gap ?? null, best: own.best ?? null, stop: own.stop ?? null, state: frame.values.states[member] });
    this.verdict.textContent = told(about, frame, this.studio.state);
    this.#name(frame);
  }

  #name(frame) {
    const { about } = this.feed;
    const { member, leader } = frame.values;
    const { rule, rate, parameters, widths } = about.members[member];
    const own = about.members.length > 1 ? `${memberName(about, member)}: ` : "";
    const drop = frame.arrays.dropped ? " Crossed out: switched off by dropout for one sample of the last step." : "";
    this.caption.textContent = `${own}${widths.join("–")}, ${shown(parameters)} weights, ${rule} at rate ${shown(rate)}. Blue is above 0, orange (dashed) below; the wider, the larger.${drop}`;
    if (about.members.length < 2) return;
    const ahead = leader >= 0 ? `★ ${memberName(about, leader)} is ahead on validation. ` : "";
    this.who.textContent = `${ahead}${this.studio.state.member === AHEAD ? "The network below is the one that is ahead; press another to stay with it." : "Press the chosen one again to follow whoever is ahead."}`;
  }

  // Looking --------------------------------------------------------------------------------------------------

  #look(layer, neuron) {
    this.studio.set({ look: layer === null ? [] : [layer, neuron] });
    this.#again();
    const looked = this.frame && this.#looked(this.frame);
    this.studio.say(looked ? looked.name : "The decision");
  }

  async #choose(member) {
    const chosen = this.studio.state.member === member ? AHEAD : member;
    this.studio.set({ member: chosen });
    this.feed.look(chosen);
    const found = await this.feed.exactly(this.player.step).catch(onlyRefused);
    if (found) this.#again();
  }

  #follow(x, y) {
    this.studio.set({ point: [x, y] });
    this.#again();
  }

  async #probe() {
    const { frame, studio } = this;
    const [x, y] = studio.state.point;
    if (!frame || x === undefined) return;
    const { epoch, member } = frame.values;
    const answer = await studio.ask("probe", { x, y, epoch, member }).catch(onlyRefused);
    if (answer && studio.state.point[0] === x && studio.state.point[1] === y) this.drawing.probe(answer.values);
  }

  // What a replay will ask.
  async gather() {
    await this.feed.all();
    const [x, y] = this.studio.state.point;
    if (x === undefined) return;
    for (const { values: { epoch, member } } of this.feed.frames.values()) await this.studio.ask("probe", { x, y, epoch, member });
  }

  // Playing has come to rest: the address names the epoch.
  #rest() {
    if (this.player.step !== this.studio.state.epoch) this.studio.set({ epoch: this.player.step });
    this.#show(this.player.step);
    const { verdict } = this;
    if (verdict.textContent) this.studio.say(`Epoch ${this.player.step}. ${verdict.textContent}`);
  }

  close() {
    for (const part of [this.player, this.multiples, this.drawing, this.decision, this.curves, this.closer]) part.close();
    this.feed.generation += 1;
  }
}

export const room = {
  name: "network",
  title: "Network",
  lead: "A small network learns two coordinates by heart, or what lies behind them. Change anything and it learns anew; put a whole population side by side and see what makes the difference.",
  defaults: { ...SETTINGS, ...LOOKING },
  mount(place, studio) {
    const own = new NetworkRoom(place, studio);
    return {
      unmount: () => own.close(),
      gather: () => own.gather(),
      code: async () => (await studio.ask("code", own.settings)).values.code,
    };
  },
};
