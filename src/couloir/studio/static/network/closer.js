// On request: the loss around the present weights, and the test.

import { button } from "../controls.js";
import { element, expose, replace, shown } from "../dom.js";
import { plane } from "../plane.js";
import { onlyRefused } from "../wire.js";

const RESOLUTION = 41;

export class Closer {
  // `now()` gives { epoch, member, name } of what is shown.
  constructor(place, studio, now) {
    this.studio = studio;
    this.now = now;
    this.surface = element("div", {});
    this.facts = element("p.note", {});
    this.verdict = element("p", { class: "verdict", role: "status" });
    const look = button({ label: "Show the loss around these weights", on: () => this.around() });
    const test = button({ label: "Score on test", kind: "strong", on: () => this.score() });
    place.append(
      element("section.view", {}, element("h2", {}, "The loss around"), element("div.row", {}, look.element), this.surface, this.facts),
      element("section.view", {}, element("h2", {}, "The test"),
        element("p.note", {}, "Once, at the end: the network that is ahead on validation, with its best weights, on rows that nothing was chosen by. Every look is counted."),
        element("div.row", {}, test.element), this.verdict));
  }

  // Another training has begun.
  forget() {
    this.map?.close();
    this.map = null;
    replace(this.facts);
    replace(this.verdict);
    expose(this.verdict, { test: "", looks: "" });
  }

  async around() {
    const { epoch, member } = this.now();
    const answer = await this.studio.ask("surface", { epoch, member, resolution: RESOLUTION }).catch(onlyRefused);
    if (!answer) return;
    const { values, arrays } = answer;
    const ends = (axis) => [axis[0], axis.at(-1)];
    const [x, y] = [ends(arrays.x), ends(arrays.y)];
    this.map ??= plane(this.surface, {
      label: "Training loss around the weights", ratio: 1.3,
      x: { name: values.titles[0], low: x[0], high: x[1] }, y: { name: values.titles[1], low: y[0], high: y[1] },
    });
    this.map.heights({ x, y, z: arrays.loss, shape: arrays.loss.shape });
    this.map.marks([{ x: 0, y: 0, name: "these weights", symbol: "star", colour: "wrong", size: 7 }]);
    this.facts.textContent = `Training loss at epoch ${shown(epoch)} in two random directions, each neuron changed by up to its own length: `
      + `${shown(values.centre)} here, ${shown(values.lowest)} at the lowest point that is shown.`;
    expose(this.surface, { epoch, centre: values.centre, lowest: values.lowest });
  }

  async score() {
    const { epoch, name } = this.now();
    const answer = await this.studio.ask("test", { epoch }).catch(onlyRefused);
    if (!answer) return;
    const { values } = answer;
    const [metric] = Object.keys(values.test);
    const classes = "accuracy" in values.test;
    const interval = (key, factor, unit) => `${shown(factor * values.test[key], 3)}${unit} (95 %: ${shown(factor * values.intervals[key][0], 3)} to ${shown(factor * values.intervals[key][1], 3)})`;
    const score = classes ? `${interval("accuracy", 100, " % right")}, log loss ${shown(values.test.log_loss, 3)}` : `mean squared error ${interval("mse", 1, "")}`;
    const looks = values.looks === null ? "" : values.looks === 1 ? " This was the first look at this test part." : ` This was look ${shown(values.looks)} at this test part: the more looks, the less it tells.`;
    this.verdict.textContent = `${name(values.member)}, epoch ${shown(values.epoch)}, on ${shown(values.rows)} test rows: ${score}. `
      + `Validation had said ${shown(values.validation[metric], 3)}.${looks}`;
    expose(this.verdict, { test: values.test, looks: values.looks, member: values.member });
  }

  close() {
    this.map?.close();
  }
}
