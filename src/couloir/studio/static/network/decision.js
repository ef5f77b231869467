// What the network decides over the plane, or what one of its neurons answers, with the rows.

import { element, replace, shown } from "../dom.js";
import { plane } from "../plane.js";
import { CLASS_COLOURS, CLASS_SYMBOLS, painted, shadesFor, signedShades, valueColour } from "./shades.js";

const PARTS = ["training", "validation", "test"];

export class Decision {
  // `touched(x, y)` is told where a person has pressed; `back()` that the decision is wanted again.
  constructor(place, { touched, back }) {
    this.title = element("h2", {}, "What it decides");
    this.back = element("button", { type: "button", hidden: true, onclick: back }, "Back to the decision");
    this.box = element("div", {});
    this.legend = element("p.note");
    place.append(element("div.heading", {}, this.title, this.back), this.box, this.legend);
    this.touched = touched;
    this.looked = null;
  }

  about(begun) {
    const [left, right, bottom, top] = begun.bounds;
    const [x, y] = begun.columns;
    this.begun = begun;
    const [across, up] = [{ name: x, low: left, high: right }, { name: y, low: bottom, high: top }];
    if (this.names !== begun.columns.join("\n")) {
      this.names = begun.columns.join("\n");
      this.map?.close();
      this.map = plane(this.box, { label: "Decision map", x: across, y: up, ratio: 1, onPlace: (...place) => this.touched(...place) });
    } else {
      this.map.view(across, up);
    }
    this.map.points(this.#points());
    this.#explain();
  }

  #points() {
    const { arrays: { positions, targets, parts }, classes, range } = this.begun;
    return Array.from(parts, (part, row) => {
      const own = classes.length ? targets[row] : 0;
      const symbol = CLASS_SYMBOLS[own];
      return {
        x: positions[2 * row], y: positions[2 * row + 1],
        colour: classes.length ? CLASS_COLOURS[own] : valueColour((targets[row] - range[0]) / (range[1] - range[0])),
        symbol: part === 1 ? `${symbol}-open` : symbol,
        size: part === 2 ? 1.8 : 3.4,
      };
    });
  }

  #explain() {
    const { classes, sizes, target, range } = this.begun;
    const counts = [sizes.train, sizes.validation, sizes.test];
    const looks = ["filled", "open", "small"];
    const parts = PARTS.map((part, index) => `${looks[index]}: ${shown(counts[index])} ${part} rows`).join(", ");
    const what = classes.length
      ? classes.map((name, index) => `${name} ${CLASS_SYMBOLS[index].replace("-up", "")}s`).join(", ")
      : `${target} from ${shown(range[0], 3)} to ${shown(range[1], 3)}`;
    replace(this.legend, `${what}; ${parts}. Press anywhere to follow a point through the network.`);
  }

  show(frame, looked, point) {
    const { decision, neurons } = frame.arrays;
    const { classes } = this.begun;
    if (looked) {
      const side = neurons.shape[1];
      const bytes = looked.input ? this.begun.arrays.inputs : neurons;
      const from = looked.number * side * side;
      this.small = painted(bytes.subarray(from, from + side * side), 1, side, signedShades(), this.small);
    } else {
      this.large = painted(decision, 1, decision.shape[0], shadesFor(classes.length), this.large);
    }
    this.map.image(looked ? this.small : this.large);
    if (this.looked !== (looked?.name ?? "")) {
      this.looked = looked?.name ?? "";
      this.title.textContent = looked ? looked.name : "What it decides";
      this.back.hidden = !looked;
    }
    const mark = point.length ? [{ x: point[0], y: point[1], name: "point", symbol: "cross", size: 8 }] : [];
    if (this.marked !== mark.length + point.join()) {
      this.marked = mark.length + point.join();
      this.map.marks(mark);
    }
  }

  close() {
    this.map?.close();
  }
}
