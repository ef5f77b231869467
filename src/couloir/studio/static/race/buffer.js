// The steps of all rules that have been answered: asked for in blocks, kept as they come, and forgotten from
// where a knob is turned.

import { growing } from "../growing.js";

const BLOCK = 64;

export class Buffer {
  // `came()` is called when there are more steps.
  constructor(studio, rules, came) {
    this.studio = studio;
    this.came = came;
    this.rules = rules.map((name) => ({
      name, points: growing(2), above: growing(1), endings: growing(1), minima: growing(1),
    }));
    this.generation = 0;
    this.known = -1;
    this.wanted = 0;
    this.running = null;
  }

  // Another race, the same as the present one up to a step; −1: from the start on another one.
  begin(setup, longest, step = -1) {
    this.generation += 1;
    this.setup = setup;
    this.longest = longest;
    this.known = Math.min(this.known, step);
    this.wanted = this.known;
    for (const rule of this.rules) {
      for (const kept of [rule.points, rule.above, rule.endings, rule.minima]) kept.cut(this.known + 1);
    }
  }

  // Resolves as soon as there are so many steps.
  until(step) {
    this.wanted = Math.max(this.wanted, Math.min(step, this.longest));
    this.running ??= this.#run().finally(() => { this.running = null; });
    return this.running;
  }

  async #run() {
    while (this.known < this.wanted) {
      const { generation } = this;
      const first = Math.max(this.known, 0);
      const steps = Math.min(BLOCK, this.longest - first);
      const answer = await this.studio.ask("advance", { ...this.setup, first, steps });
      // A knob has been turned meanwhile: these steps belong to a race that is not run any more.
      if (generation === this.generation) this.#keep(answer);
    }
  }

  #keep({ values, arrays }) {
    const skip = this.known < 0 ? 0 : 1;
    const rows = values.last - values.first + 1;
    this.rules.forEach((rule, k) => {
      const part = (array, width) => array.subarray(width * (k * rows + skip), width * (k + 1) * rows);
      rule.points.push(part(arrays.points, 2));
      rule.above.push(part(arrays.above, 1));
      rule.endings.push(part(arrays.endings, 1));
      rule.minima.push(part(arrays.minima, 1));
    });
    this.known = values.last;
    this.came();
  }

  // The loss above the least at the start, and the lowest one above 0 that is known of any rule.
  range() {
    let lowest = Infinity;
    for (const { above: { values, count } } of this.rules) {
      for (let k = 0; k < count; k += 1) if (values[k] > 0 && values[k] < lowest) lowest = values[k];
    }
    const begun = this.known < 0 ? 1 : this.rules[0].above.values[0];
    return begun > 0 ? { begun, lowest: Math.min(lowest, begun) } : { begun: 1, lowest: 1 };
  }

  // How a rule would be said to have ended at a step, since which step, and at which minimum.
  ending(rule, step) {
    const { endings, minima } = rule;
    const at = Math.min(step, endings.count - 1);
    if (at < 0) return null;
    const [code, minimum] = [endings.values[at], minima.values[at]];
    let since = at;
    while (since > 0 && endings.values[since - 1] === code && minima.values[since - 1] === minimum) since -= 1;
    return { code, minimum, since };
  }
}
