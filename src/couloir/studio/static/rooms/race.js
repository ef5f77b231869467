// The race room: update rules down a surface, from above, in space and as losses, with every knob live.

import { chart } from "../chart.js";
import { button, number, segmented } from "../controls.js";
import { counted, element, expose, rarely, replace, shown } from "../dom.js";
import { place as placed } from "../numbers.js";
import { plane } from "../plane.js";
import { player } from "../playing.js";
import { Buffer } from "../race/buffer.js";
import { differing, settingsAt, setup, surfaceChoice, turned } from "../race/setup.js";
import { Knobs, Rules, SurfaceControls } from "../race/knobs.js";
import { Microscope } from "../race/microscope.js";
import { Tuning } from "../race/tuning.js";
import { RULES } from "../rules.js";
import { LONGEST, MOST_TUNED, RACE } from "../settings.js";
import { space } from "../space.js";
import { look } from "../swatch.js";

const NAMES = Object.keys(RULES);
const RATE = 60; // steps a second: at 60 pictures a second each shows another one
const TURNING = 100; // milliseconds between two turns of a knob that is dragged while the race runs
const DEEPEST = 10; // decades below the loss at the start: the lowest that the chart shows
const GOOD = ["arrived", "escaped"];

const defaults = {
  surface: "rosenbrock", condition: RACE.condition.default, formula: "sin(3x) cos(2y) + (x² + y²)/3", domain: [-3, 3, -3, 3],
  start: [], seed: RACE.seed.default, noise: RACE.noise.default, settings: {}, changes: [],
  shown: NAMES, focus: "adam", steps: 500, step: 0, view: "both", look: false, tuned: false,
};

class RaceRoom {
  constructor(place, studio) {
    this.studio = studio;
    this.buffer = new Buffer(studio, NAMES, () => this.#came());
    this.tell = rarely(100, () => this.#tell());
    this.turnRarely = rarely(TURNING, (...turn) => this.#turn(...turn));
    this.#lay(place);
    this.ready = this.#enter(studio.state.step, true);
  }

  #lay(place) {
    const { studio } = this;
    this.panel = element("div.panel", {});
    const [transport, above, inSpace, losses, closer] = ["transport", "picture", "picture", "picture", "closer"].map((name) => element(`div.${name}`));
    this.events = element("ul.events", { "aria-label": "What has happened" });
    this.turns = element("details.turns", { hidden: true });
    this.view = segmented({ label: "View", choices: [["both", "Both"], ["above", "From above"], ["space", "In space"]], value: studio.state.view, on: (view) => this.#look({ view }) });
    this.tune = button({ label: "Tune fairly", help: "Every rule tries the same learning rates on as many steps, and takes the best", on: () => this.#tune(true) });
    this.length = number({ label: "Steps", value: studio.state.steps, min: 10, max: LONGEST, whole: true, on: (steps) => this.#lengthen(steps) });
    this.views = element("div.views", {},
      element("section.view.above", {}, element("h2", {}, "From above"), above),
      element("section.view.inspace", {}, element("h2", {}, "In space"), inSpace),
      element("section.view.losses", {}, element("h2", {}, "Loss"), losses));
    place.append(element("div.room.race", {}, this.panel, element("div.stage", {},
      transport, element("div.bar", {}, this.view.element, this.length.element, this.tune.element),
      this.events, this.views, this.turns, closer)));
    this.map = plane(above, { label: "The surface from above", ratio: 0.96, x: { name: "x", low: 0, high: 1 }, y: { name: "y", low: 0, high: 1 }, onPlace: (x, y, done) => this.#place([x, y], done) });
    this.relief = space(inSpace, { label: "The surface in space", ratio: 1.4, z: { name: "loss" } });
    this.losses = chart(losses, { label: "Loss by step", ratio: 1.55, x: { name: "step" }, y: { name: "loss above the least", kind: "log" }, onSeek: (step) => { this.player.pause(); this.player.seek(step); } });
    this.microscope = new Microscope(closer, studio, {
      seen: (step) => this.#arrows(step),
      opened: (look) => { if (look !== studio.state.look) this.#look({ look }); },
    });
    this.tuning = new Tuning(closer, { closed: () => this.#look({ tuned: false }) });
    this.player = player(transport, {
      rate: RATE, last: studio.state.steps,
      show: (step) => this.#show(step),
      wanting: (from) => this.buffer.until(from + 1),
      changed: (playing) => this.#changed(playing),
    });
  }

  // The race ---------------------------------------------------------------------------------------------------

  // The surface of the state, and on it the race.
  async #enter(step = 0, first = false) {
    const { studio } = this;
    const number_ = (this.entering = (this.entering ?? 0) + 1);
    this.player.pause();
    if (!this.surface) {
      const { values } = await studio.ask("surfaces", {});
      this.surface = new SurfaceControls(this.panel, studio.state, values.surfaces, {
        changed: rarely(TURNING, (changes) => this.#otherSurface(changes)),
        started: (point) => this.#place(point, true),
      });
      this.rules = new Rules(this.panel, {
        shownChanged: (name, yes) => this.#look({ shown: NAMES.filter((each) => (each === name ? yes : studio.state.shown.includes(each))) }),
        focused: (focus) => this.#look({ focus }),
      });
      this.knobs = new Knobs(this.panel, (...turn) => this.turnRarely(...turn), (seed) => this.#anew({ seed }));
    }
    const { values, arrays } = await studio.ask("surface", surfaceChoice(studio.state)).catch(() => ({}));
    if (!values || number_ !== this.entering) return;
    this.about = values;
    this.#draw(values, arrays);
    // First the race is another one: what is known of the old one does not fit the new surface.
    this.#begin();
    this.#look({});
    if (step > 0) this.player.seek(step);
    else if (!studio.replaying) this.player.autoplay();
    if (first && studio.state.tuned) this.#tune(false);
  }

  // Another surface: what was set for the old one says nothing about it, but for its own knobs.
  #otherSurface(changes) {
    const { studio } = this;
    const other = "surface" in changes;
    const afresh = other || "formula" in changes ? { settings: {} } : {};
    studio.set({ ...changes, ...afresh, ...(other || "domain" in changes ? { start: [] } : {}), changes: [], step: 0, tuned: false });
    this.#enter();
  }

  #begin(step = -1) {
    const { studio, buffer, player: play } = this;
    buffer.begin(setup(studio.state), this.about.longest, step);
    this.microscope.forget();
    play.know(Math.max(buffer.known, 0));
    if (step < 0) {
      play.seek(0);
      this.#tracks();
    }
    this.#ahead();
    this.#settings();
  }

  // A little more than is shown, so that a turned knob shows its future at once.
  #ahead() {
    this.buffer.until(this.player.step + 1).catch(() => this.player.pause());
  }

  #came() {
    this.#axes();
    this.player.know(this.buffer.known);
    if (!this.player.playing) this.#tracks();
    this.tell();
  }

  // The race from its start, with other values of the state.
  #anew(changes) {
    this.studio.set({ ...changes, step: 0 });
    this.player.pause();
    this.#begin();
    this.player.autoplay();
  }

  #place(point, done) {
    if (this.studio.replaying || !this.about) return;
    const customary = point.join() === this.about.start.join();
    this.player.pause();
    this.studio.set({ start: customary ? [] : point, changes: [], step: 0 });
    this.#begin();
    this.#handles();
    if (done && document.activeElement?.className !== "handle") this.player.autoplay();
  }

  // A knob at the present step.
  #turn(rule, name, value) {
    const { studio, player: play, about: { settings: first } } = this;
    if (studio.replaying) return;
    const next = turned(play.step, [rule, name, value], first, studio.state);
    if (next.changes.length > RACE.changes.most) {
      studio.complain(`A race remembers ${RACE.changes.most} turned knobs: begin anew with these settings.`);
      return;
    }
    studio.set(next);
    this.#begin(play.step);
    this.tell();
  }

  // The settings of the present step from the beginning on.
  #keepSettings() {
    const { rules, noise } = settingsAt(this.player.step, this.about.settings, this.studio.state);
    this.#anew({ settings: differing(rules, this.about.settings), noise, changes: [] });
  }

  #lengthen(steps) {
    this.studio.set({ steps });
    this.player.until(steps);
    this.#axes();
  }

  async #tune(take) {
    const { studio } = this;
    this.tune.set("Tuning…");
    this.tune.enable(false);
    try {
      const asked = { ...setup(studio.state), changes: [], steps: Math.min(studio.state.steps, MOST_TUNED) };
      // The rates that are found do not depend on those that are there.
      asked.settings = without(asked.settings, "learning_rate");
      const found = await studio.ask("tune", asked);
      this.tuning.show(found);
      const { state } = studio;
      const settings = structuredClone(state.settings);
      for (const [rule, rate] of Object.entries(found.values.chosen)) settings[rule] = { ...settings[rule], learning_rate: rate };
      if (take) this.#anew({ settings: differing(settings, this.about.settings), changes: [], tuned: true });
      if (take) studio.say("Every rule has the best of the learning rates it tried.");
    } catch { /* what is wrong stands on the page */ } finally {
      this.tune.set("Tune fairly");
      this.tune.enable(!studio.replaying);
    }
  }

  // What is seen ------------------------------------------------------------------------------------------------

  #draw(about, { contour, relief }) {
    const { x, y, scale, axes } = about;
    this.map.view({ name: axes[0], low: x[0], high: x[1] }, { name: axes[1], low: y[0], high: y[1] });
    this.map.heights({ x, y, z: contour, shape: contour.shape, scale });
    Object.assign(this.relief.options, { x: { name: axes[0] }, y: { name: axes[1] } });
    this.relief.heights({ x, y, z: relief, shape: relief.shape, scale });
    const lowest = Math.min(...about.minima.map((minimum) => minimum[2]));
    this.minima = about.minima.map(([at, up, loss]) => ({
      x: at, y: up, name: loss <= lowest + 1e-9 * Math.max(1, Math.abs(lowest)) ? "minimum" : "local minimum", symbol: "cross", size: about.minima.length > 12 ? 3 : 6,
    }));
    this.map.marks(this.minima);
    this.relief.marks(about.minima.length > 12 ? this.minima.slice(0, 1) : this.minima);
    this.surface.show(this.studio.state, about);
    this.tuning.hide();
    this.#axes();
  }

  #axes() {
    const { about, studio: { state }, losses } = this;
    const known = about.least !== null;
    const { begun, lowest } = this.buffer.range();
    // By whole pairs of decades, so that the axis does not creep while the race goes on.
    const decades = Math.min(Math.max(2 * Math.ceil(Math.log10(begun / lowest) / 2), 2), DEEPEST);
    const { low, high } = about.scale;
    losses.view({ low: 0, high: state.steps }, known
      ? { name: about.least === 0 ? "loss" : "loss above the least", kind: "log", low: begun / 10 ** decades, high: 10 * begun }
      : { name: "loss", kind: "linear", low, high });
  }

  // Rules on and off, the rule in focus, views and panels: nothing is asked anew for these.
  #look(changes) {
    const { studio } = this;
    studio.set(changes);
    const { state } = studio;
    this.#tracks();
    this.views.dataset.view = state.view;
    this.rules.show(state);
    this.knobs.show(state.focus);
    this.microscope.open(state.look);
    if (!state.tuned) this.tuning.hide();
    this.#settings();
    this.#handles();
    this.tell();
    this.#enable();
  }

  #enable() {
    const yes = !this.studio.replaying;
    for (const each of [this.surface, this.knobs, this.tune, this.length]) each.enable(yes);
  }

  #handles() {
    const { state, replaying } = this.studio;
    const [x, y] = state.start.length ? state.start : this.about.start;
    this.surface.place([x, y]);
    if (!replaying) this.map.handles([{ name: "start", x, y, colour: "ink", symbol: "circle-open", size: 5, move: (...at) => this.#place(at.slice(0, 2), at[2]) }]);
  }

  // The rules that are shown; while the race rests, faintly where the one in focus will go.
  #tracks() {
    const { studio: { state }, player: { playing } } = this;
    this.shown = this.buffer.rules.filter(({ name }) => state.shown.includes(name));
    const looks = ({ name }) => ({
      name, ...look(name),
      width: name === state.focus ? 2.6 : 1.8, ghost: name === state.focus && !playing,
    });
    const lines = this.shown.map((rule) => ({ ...looks(rule), points: rule.points }));
    this.map.paths(lines);
    this.relief.paths(lines);
    this.losses.series(this.shown.map((rule) => ({ ...looks(rule), values: rule.above })));
  }

  #show(step) {
    this.map.show(step);
    this.relief.show(step);
    this.losses.show(step);
    this.tell();
  }

  #changed(playing) {
    if (!playing) this.studio.set({ step: this.player.step });
    if (this.about) this.#tracks();
    this.tell();
  }

  // At most ten times a second: settings, endings, the microscope.
  #tell() {
    if (!this.buffer.setup) return;
    if (!this.player.playing) this.studio.set({ step: this.player.step });
    this.#settings();
    this.#endings();
    const { state } = this.studio;
    this.microscope.look(setup(state), state.focus, this.player.step, this.buffer.longest);
  }

  #settings() {
    const { state } = this.studio;
    const { rules, noise } = settingsAt(this.player.step, this.about.settings, state);
    this.rules.rates(rules);
    this.knobs.set(rules, noise, state.seed);
    this.#changes(state.changes);
  }

  #changes(changes) {
    const key = JSON.stringify(changes);
    if (key === this.listed) return;
    this.listed = key;
    this.turns.hidden = !changes.length;
    const items = changes.map(([step, rule, name, value]) => element("li", {},
      button({ label: `step ${shown(step)}`, help: "Go there", on: () => { this.player.pause(); this.player.seek(step); } }).element,
      rule === "noise" ? ` noise ${shown(value)}` : ` ${rule}: ${name.replace("_", " ")} ${shown(value)}`));
    replace(this.turns, element("summary", {}, `${counted(changes.length, "knob")} turned on the way`),
      element("ol", {}, ...items),
      this.studio.replaying ? null : element("div.row", {},
        button({ label: "Start anew with these settings", on: () => this.#keepSettings() }).element,
        button({ label: "Forget them", on: () => this.#anew({ changes: [] }) }).element));
  }

  #endings() {
    const { endings: names, minima } = this.about;
    const found = this.shown.map((rule) => {
      const ending = this.buffer.ending(rule, this.player.step);
      const kind = ending ? names[ending.code] : "on its way";
      const at = ending && ending.minimum >= 0 ? ` at ${placed(minima[ending.minimum][0], minima[ending.minimum][1])}` : "";
      return { rule: rule.name, kind, since: ending?.since ?? 0, text: `${kind}${at}` };
    });
    this.rules.endings(Object.fromEntries(found.map(({ rule, kind, since }) => [rule, { kind, since }])));
    const happened = found.filter(({ kind }) => kind !== "on its way").sort((a, b) => b.since - a.since);
    const text = happened.map(({ rule, text, since }) => `step ${shown(since)}: ${rule} ${text}`);
    if (text.join() !== this.happened) {
      this.happened = text.join();
      replace(this.events, ...happened.map(({ rule, kind }, k) => element("li", { data: { rule, kind, good: String(GOOD.includes(kind)) } }, text[k])));
      if (text.length && this.player.playing) this.studio.say(text[0]);
    }
    expose(this.events, { endings: Object.fromEntries(found.map(({ rule, kind }) => [rule, kind])) });
  }

  #arrows(step) {
    const { focus } = this.studio.state;
    if (!step) return this.map.arrows([]);
    const [x, y] = step.point;
    const { change, downhill } = step.arrows;
    this.map.arrows([
      { x, y, dx: downhill[0], dy: downhill[1], colour: "quiet", width: 2 },
      { x, y, dx: change[0], dy: change[1], colour: focus, width: 3 },
    ]);
  }

  // For an export: everything that its replay will ask.
  async gather() {
    await this.ready;
    await this.buffer.until(this.studio.state.steps);
    for (let first = 0; this.studio.state.look && first < this.studio.state.steps; first += 16) {
      await this.microscope.look(setup(this.studio.state), this.studio.state.focus, first, this.buffer.longest);
    }
  }

  async code() {
    await this.ready;
    const { state } = this.studio;
    const rules = state.shown.length ? state.shown : NAMES;
    return (await this.studio.ask("code", { ...setup(state), steps: state.steps, rules })).values.code;
  }

  unmount() {
    this.player.close();
    for (const each of [this.map, this.relief, this.losses, this.tuning]) each.close();
  }
}

function without(settings, name) {
  return Object.fromEntries(Object.entries(settings).map(([rule, own]) => [rule, Object.fromEntries(Object.entries(own).filter(([each]) => each !== name))]));
}

export const room = {
  name: "race",
  title: "Race",
  lead: "Eight update rules down one surface. Place the start, turn any knob while they run, and see who arrives, who is stuck, and who is thrown out.",
  defaults,
  mount(place, studio) {
    const race = new RaceRoom(place, studio);
    return { unmount: () => race.unmount(), gather: () => race.gather(), code: () => race.code() };
  },
};
