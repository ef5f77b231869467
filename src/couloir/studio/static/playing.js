// Plays steps that arrive in batches, at a speed of its own: how fast they are computed does not matter as long
// as the next ones arrive before they are due.
//
//   const play = player(place, {
//     rate: 120,                                 // steps a second at speed 1
//     last: 500,                                 // the last step there will be; Infinity: it goes on
//     unit: "epoch",                             // what a step is called; else "step"
//     show(step) { … },                          // draw this step; called in an animation frame
//     wanting(from) { return promise; },         // more steps are needed after `from`: ask, then know(count)
//     changed(playing) { … },
//   });
//   play.know(count);                            // steps 0 … count are there; may also take some back
//   play.play(); play.pause(); play.seek(step); play.advance(1); play.restart(); play.autoplay();
//   play.step, play.playing
//
// Keys, wherever nothing else needs them: space plays and pauses, arrows go a step, Home and End to the ends.
// `globalThis.couloirFrames` has the milliseconds between the last 1,000 frames that showed another step.

import { flush } from "./canvas.js";
import { othersPlaying, playingStill } from "./other_pages.js";
import { element, shown } from "./dom.js";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 10];
const AHEAD = 1; // seconds that should be known ahead of the play-head
const LEAP = 0.25; // seconds between two pictures for those who want less motion
const SLOW = 50; // milliseconds of a picture from which on it is followed by a rest, if others play as well
const REST = 0.5; // how long that is, in pictures for each of the others
const LONGEST = 2000; // milliseconds of it at most: behind another tab a picture takes as long as one stays away
const FRAMES = 1000;

const calm = matchMedia("(prefers-reduced-motion: reduce)");
globalThis.couloirFrames = [];

class Player {
  constructor(place, options) {
    this.options = { rate: 120, last: Infinity, speed: 1, unit: "step", ...options };
    this.position = 0;
    this.step = 0;
    this.known = 0;
    this.wish = null;
    this.playing = this.asking = false;
    this.drawn = null; // when the last picture was drawn, until the next one could be
    this.turn = 0; // how often it was told to play: a frame that was asked for before then is none of this turn
    this.speed = this.options.speed;
    this.last = this.options.last;
    this.node = this.#controls();
    place.append(this.node);
    this.keys = (event) => this.#key(event);
    document.addEventListener("keydown", this.keys);
    this.#tell();
  }

  // What can be shown -----------------------------------------------------------------------------------------

  know(count) {
    this.known = count;
    if (this.position > count || this.wish !== null) this.seek(this.wish ?? count);
    this.#ask();
    this.#tell();
  }

  // Another last step.
  until(last) {
    this.last = last;
    if (this.position > last) this.seek(last);
    this.#ask();
    this.#tell();
  }

  // The last step that the slider reaches.
  get end() {
    return Number.isFinite(this.last) ? this.last : this.known;
  }

  #ask() {
    const enough = Math.min(this.position + AHEAD * this.options.rate * this.speed, this.last);
    const short = this.playing ? this.known < enough : this.known <= this.position && this.known < this.last;
    if (!short || this.asking || !this.options.wanting) return;
    this.asking = true;
    const before = this.known;
    Promise.resolve(this.options.wanting(this.known))
      .catch(() => this.pause())
      .finally(() => {
        // Whether that was enough is seen in the next frame: an answer without steps does not lead to the
        // same question at once.
        this.asking = false;
        // A step that is wished for while nothing moves has no next frame.
        if (this.wish !== null && !this.playing && this.known > before) this.#ask();
        this.#tell();
      });
  }

  // Moving ----------------------------------------------------------------------------------------------------

  play() {
    if (this.playing) return;
    if (this.step >= this.last) this.#go(0);
    this.wish = null;
    this.playing = true;
    this.before = this.changedAt = performance.now();
    this.drawn = null;
    this.turn += 1;
    this.options.changed?.(true);
    this.#ask();
    this.#tell();
    this.#next(this.turn);
  }

  #next(turn) {
    requestAnimationFrame((now) => { if (turn === this.turn) this.#tick(now); });
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.options.changed?.(false);
    this.#tell();
  }

  // Begins by itself, unless the person wants less motion.
  autoplay() {
    if (!calm.matches) this.play();
  }

  // Goes to a step: at once, or as soon as it is there.
  seek(step) {
    this.wish = step > this.known && step <= this.last ? step : null;
    this.#go(Math.min(Math.max(step, 0), this.known));
    this.#ask();
    flush();
  }

  advance(steps) {
    this.pause();
    this.seek(this.step + steps);
  }

  restart() {
    this.seek(0);
  }

  #go(position) {
    this.position = position;
    const step = Math.floor(position + 1e-9);
    if (step !== this.step) {
      this.step = step;
      this.options.show(step);
    }
    this.#tell();
  }

  #tick(now) {
    if (!this.playing) return;
    const { turn } = this;
    const rest = this.#rest(now);
    if (rest) {
      setTimeout(() => this.#next(turn), rest);
      return;
    }
    this.#next(turn);
    if (calm.matches && now - this.before < LEAP * 1000) return;
    // After a pause of the page itself, as behind another tab, it goes on where it was.
    const passed = Math.min(Math.max(now - this.before, 0), LEAP * 1000);
    this.before = now;
    const before = this.step;
    const due = this.position + whole((passed / 1000) * this.options.rate * this.speed);
    this.#go(Math.min(due, this.known, this.last));
    if (this.step !== before) this.#measured(now);
    flush();
    this.#ask();
    if (this.step >= this.last) this.pause();
    this.drawn = now;
  }

  // Where many pages play and pictures take long, as in twenty windows on two cores, more of them would only keep
  // everybody waiting, the steps that are computed for them included.
  #rest(now) {
    const took = now - (this.drawn ?? now);
    this.drawn = null;
    playingStill();
    return took > SLOW ? Math.min(REST * took * othersPlaying(), LONGEST) : 0;
  }

  #measured(now) {
    const frames = globalThis.couloirFrames;
    frames.push(now - this.changedAt);
    if (frames.length > FRAMES) frames.shift();
    this.changedAt = now;
  }

  close() {
    this.playing = false;
    document.removeEventListener("keydown", this.keys);
    this.node.remove();
  }

  // Controls --------------------------------------------------------------------------------------------------

  #controls() {
    const press = (name, label, act) => element("button", { type: "button", class: name, "aria-label": label, title: label, onclick: act });
    this.button = press("play", "Play", () => (this.playing ? this.pause() : this.play()));
    this.slider = element("input", { type: "range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Step" });
    this.slider.addEventListener("input", () => {
      this.pause();
      this.seek(Number(this.slider.value));
    });
    this.output = element("output", {});
    return element(
      "div", { class: "player", role: "group", "aria-label": "Playback" },
      press("first", "Back to the start", () => this.restart()),
      this.button,
      press("next", `One ${this.options.unit}`, () => this.advance(1)),
      this.slider,
      this.#speeds(),
      this.output,
    );
  }

  #speeds() {
    const speeds = SPEEDS.map((speed) => element("option", { value: speed }, `${shown(speed)}×`));
    const select = element("select", { "aria-label": "Speed", title: "Speed" }, ...speeds);
    select.value = String(this.speed);
    select.addEventListener("change", () => {
      this.speed = Number(select.value);
      this.#ask();
    });
    return select;
  }

  // What the controls show, set only where it has changed: this runs every frame.
  #tell() {
    const state = !this.playing ? "paused" : this.position >= this.known && this.asking ? "waiting" : "playing";
    const { end } = this;
    const text = `${this.options.unit} ${shown(this.step, 9)}${Number.isFinite(this.last) ? ` of ${shown(end, 9)}` : ""}`;
    if (this.node.dataset.state !== state) {
      this.node.dataset.state = state;
      const label = this.playing ? "Pause" : "Play";
      this.button.setAttribute("aria-label", label);
      this.button.title = label;
    }
    if (Number(this.slider.max) !== end) this.slider.max = end;
    if (Number(this.slider.value) !== this.step) this.slider.value = this.step;
    const told = state === "waiting" ? `${text} · computing…` : text;
    if (this.output.textContent !== told) {
      this.output.textContent = told;
      this.node.dataset.step = this.step;
      this.slider.setAttribute("aria-valuetext", told);
    }
  }

  #key(event) {
    const { target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest?.("input, select, textarea, [contenteditable], dialog")) return;
    if (event.key === " " && target.closest?.("button, a, summary")) return;
    const act = {
      " ": () => (this.playing ? this.pause() : this.play()),
      ArrowRight: () => this.advance(1),
      ArrowLeft: () => this.advance(-1),
      Home: () => this.restart(),
      End: () => this.seek(this.known),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

// Nearly a whole number of steps in a frame are made one: at 60 steps a second on a screen with 60 pictures
// each picture shows another step, where 0.99 and 1.01 in turns would show some for twice as long.
function whole(steps) {
  const near = Math.round(steps);
  return near >= 1 && Math.abs(steps - near) < 0.1 * near ? near : steps;
}

export const player = (place, options) => new Player(place, options);
