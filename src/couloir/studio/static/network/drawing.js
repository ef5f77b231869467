// The network: every neuron with its map over the plane, every weight as a line, as wide as it is large, in the
// colour of its sign (below zero dashed); neurons that dropout has switched off are crossed out.
//
//   const drawing = new Drawing(place, { choose(layer, neuron) {} });
//   drawing.about(begun);  drawing.show(frame);  drawing.choose(layer, neuron);  drawing.probe(values);

import { canvas, colour, font, teller } from "../canvas.js";
import { shown } from "../dom.js";
import { painted, shadesFor, signedShades } from "./shades.js";

const TOP = 22; // for the names of the layers
const TEXT = 15; // under a neuron

export class Drawing {
  constructor(place, { choose }) {
    this.place = place;
    this.chosen = null;
    this.told = null;
    this.frame = null;
    this.chooses = choose;
    this.picture = canvas(place, (context, width) => this.#draw(context, width), { label: "The network" });
    this.node = this.picture.node;
    this.node.tabIndex = 0;
    this.node.addEventListener("pointerdown", (event) => this.#pressed(event));
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.tell = teller(this.node, () => this.#facts());
    this.observer = new ResizeObserver(() => this.#measure());
    this.observer.observe(place);
  }

  about(begun) {
    this.begun = begun;
    this.inputs = null;
    this.frame = null;
    this.told = null;
  }

  show(frame) {
    this.frame = frame;
    const { widths } = this.begun.members[frame.values.member];
    if (this.widths?.join() !== widths.join()) {
      this.widths = widths;
      this.#measure();
    }
    this.picture.invalidate();
    this.tell();
  }

  choose(layer, neuron) {
    this.chosen = layer === null ? null : [layer, neuron];
    this.picture.invalidate();
  }

  probe(values) {
    this.told = values;
    this.picture.invalidate();
  }

  close() {
    this.observer.disconnect();
    this.picture.close();
  }

  // Where everything is --------------------------------------------------------------------------------------

  #measure() {
    if (!this.widths) return;
    const width = this.place.clientWidth;
    const rows = Math.max(...this.widths);
    const across = width / this.widths.length;
    this.size = Math.round(Math.min(rows > 10 ? 30 : 46, Math.max(18, across * 0.5)));
    this.pitch = this.size + (rows > 10 ? 9 : TEXT + 4);
    const height = TOP + rows * this.pitch + 8;
    if (this.height !== height) {
      this.height = height;
      this.picture.box.style.height = `${height}px`;
    }
    this.picture.invalidate();
  }

  // The middle of a neuron.
  #at(layer, neuron, width) {
    const margin = this.size / 2 + 4;
    const x = margin + (layer * (width - 2 * margin)) / (this.widths.length - 1);
    const middle = TOP + (this.height - TOP - 8) / 2;
    return [x, middle + (neuron - (this.widths[layer] - 1) / 2) * this.pitch - (this.pitch - this.size) / 2 + 2];
  }

  #nearest(x, y) {
    let [best, far] = [null, this.size * 0.75];
    this.widths.forEach((count, layer) => {
      for (let neuron = 0; neuron < count; neuron += 1) {
        const [left, top] = this.#at(layer, neuron, this.picture.width);
        const away = Math.max(Math.abs(left - x), Math.abs(top - y));
        if (away < far) [best, far] = [[layer, neuron], away];
      }
    });
    return best;
  }

  #pressed(event) {
    const { left, top } = this.node.getBoundingClientRect();
    const found = this.widths && this.#nearest(event.clientX - left, event.clientY - top);
    const same = found && this.chosen && found.join() === this.chosen.join();
    this.#take(same ? null : found);
  }

  #take(found) {
    const [layer, neuron] = found ?? [null, null];
    const output = layer === this.widths.length - 1;
    this.chooses(output ? null : layer, output ? null : neuron);
  }

  #key(event) {
    if (event.key === "Escape") return this.#take(null);
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || event.ctrlKey || event.altKey || event.metaKey) return undefined;
    event.preventDefault();
    const [layer, neuron] = this.chosen ?? [0, 0];
    const to = this.chosen ? Math.min(Math.max(layer + way[0], 0), this.widths.length - 2) : 0;
    const row = this.chosen ? neuron + way[1] : 0;
    return this.#take([to, Math.min(Math.max(row, 0), this.widths[to] - 1)]);
  }

  // Drawing --------------------------------------------------------------------------------------------------

  #draw(context, width) {
    if (!this.frame || !this.widths) return;
    const { arrays } = this.frame;
    const side = arrays.neurons.shape[1];
    this.atlas = painted(arrays.neurons, arrays.neurons.shape[0], side, signedShades(), this.atlas);
    const { inputs } = this.begun.arrays;
    this.inputs = painted(inputs, inputs.shape[0], side, signedShades(), this.inputs);
    this.#drawNames(context, width);
    this.#drawWeights(context, width);
    let first = 0;
    this.widths.forEach((count, layer) => {
      for (let neuron = 0; neuron < count; neuron += 1) this.#drawNeuron(context, width, layer, neuron, first, side);
      if (layer > 0) first += count;
    });
  }

  #drawNames(context, width) {
    context.font = font(12);
    context.fillStyle = colour("quiet");
    context.textBaseline = "top";
    const last = this.widths.length - 1;
    this.widths.forEach((_, layer) => {
      const [x] = this.#at(layer, 0, width);
      context.textAlign = layer === 0 ? "left" : layer === last ? "right" : "center";
      const at = layer === 0 ? 1 : layer === last ? width - 1 : x;
      const name = layer === 0 ? "inputs" : layer === last ? "outputs" : width < 520 ? `${layer}` : `hidden ${layer}`;
      context.fillText(name, at, 2);
    });
  }

  #drawWeights(context, width) {
    const { weights } = this.frame.arrays;
    let at = 0;
    context.lineCap = "butt";
    for (let layer = 1; layer < this.widths.length; layer += 1) {
      const [before, own] = [this.widths[layer - 1], this.widths[layer]];
      for (let to = 0; to < own; to += 1) {
        for (let from = 0; from < before; from += 1, at += 1) {
          this.#drawWeight(context, width, layer, from, to, weights[at]);
        }
      }
      at += own; // the biases
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  #drawWeight(context, width, layer, from, to, weight) {
    const off = this.#isOff(layer - 1, from) || this.#isOff(layer, to);
    const size = Math.abs(weight);
    const [x0, y0] = this.#at(layer - 1, from, width);
    const [x1, y1] = this.#at(layer, to, width);
    const [left, right] = [x0 + this.size / 2, x1 - this.size / 2];
    const bend = (right - left) * 0.45;
    const chosen = this.#touches(layer, from, to);
    context.globalAlpha = off ? 0.12 : chosen ? 1 : this.chosen ? 0.18 : Math.min(0.9, 0.25 + 0.5 * size);
    context.lineWidth = 0.4 + 6 * Math.tanh(size / 3);
    context.strokeStyle = colour(off ? "quiet" : weight < 0 ? "wrong" : "right");
    context.setLineDash(weight < 0 ? [5, 3] : []);
    context.beginPath();
    context.moveTo(left, y0);
    context.bezierCurveTo(left + bend, y0, right - bend, y1, right, y1);
    context.stroke();
  }

  // Whether a weight goes into or out of the neuron that is looked at.
  #touches(layer, from, to) {
    if (!this.chosen) return false;
    const [own, neuron] = this.chosen;
    return (own === layer && neuron === to) || (own === layer - 1 && neuron === from);
  }

  // Whether dropout had switched a neuron off in the step that the frame shows.
  #isOff(layer, neuron) {
    const { dropped } = this.frame.arrays;
    if (!dropped || layer < 1 || layer >= this.widths.length - 1) return false;
    return dropped[this.#first(layer) + neuron] === 1;
  }

  // The number of a layer's first neuron among all hidden ones.
  #first(layer) {
    return this.widths.slice(1, layer).reduce((sum, each) => sum + each, 0);
  }

  #drawNeuron(context, width, layer, neuron, first, side) {
    const { size } = this;
    const [x, y] = this.#at(layer, neuron, width);
    const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
    const last = layer === this.widths.length - 1;
    const off = this.#isOff(layer, neuron);
    context.fillStyle = colour("paper");
    context.fillRect(left, top, size, size);
    context.globalAlpha = off ? 0.15 : 1;
    context.imageSmoothingEnabled = true;
    if (last) this.#drawOutput(context, left, top, size, neuron);
    else context.drawImage(layer ? this.atlas : this.inputs, 0, (layer ? first + neuron : neuron) * side, side, side, left, top, size, size);
    context.globalAlpha = 1;
    const chosen = this.chosen && this.chosen[0] === layer && this.chosen[1] === neuron;
    context.lineWidth = chosen ? 3 : 1;
    context.strokeStyle = colour(chosen ? "ink" : "quiet");
    context.strokeRect(left + 0.5, top + 0.5, size - 1, size - 1);
    if (off) crossed(context, left, top, size);
    this.#drawText(context, layer, neuron, first, x, top + size + 2);
  }

  // An output is told by the whole decision.
  #drawOutput(context, left, top, size, neuron) {
    const { decision } = this.frame.arrays;
    const { classes } = this.begun;
    const side = decision.shape[0];
    const key = `output${neuron}`;
    if (!classes.length) {
      this[key] = painted(decision, 1, side, shadesFor(0), this[key]);
    } else {
      const levels = Math.floor(256 / classes.length);
      const own = decision.map((byte) => (Math.floor(byte / levels) === neuron ? byte : neuron * levels));
      this[key] = painted(own, 1, side, shadesFor(classes.length), this[key]);
    }
    context.drawImage(this[key], left, top, size, size);
  }

  #drawText(context, layer, neuron, first, x, top) {
    if (this.pitch - this.size < TEXT) return;
    const text = this.#text(layer, neuron, first);
    if (!text) return;
    context.font = font(11.5);
    context.textBaseline = "top";
    const last = layer === this.widths.length - 1;
    context.textAlign = layer === 0 ? "left" : last ? "right" : "center";
    context.fillStyle = colour("ink");
    context.fillText(text, layer === 0 ? x - this.size / 2 : last ? x + this.size / 2 : x, top);
  }

  // Under a neuron: what it gives for the point that is probed, or its name where it has one.
  #text(layer, neuron, first) {
    const { told, begun } = this;
    const last = layer === this.widths.length - 1;
    if (told) {
      if (layer === 0) return shown(told.inputs[neuron], 3);
      if (!last) return shown(told.neurons[first + neuron], 3);
      return told.chances ? `${shown(100 * told.chances[neuron], 3)} %` : shown(told.value, 3);
    }
    const name = layer === 0 ? begun.inputs[neuron] : last ? begun.classes[neuron] ?? begun.target : "";
    return name.length > 12 ? `${name.slice(0, 11)}…` : name;
  }

  // In words and numbers -------------------------------------------------------------------------------------

  #facts() {
    const { frame, widths, begun } = this;
    if (!frame) return { label: "The network" };
    const { arrays, values } = frame;
    const off = arrays.dropped ? Array.from(arrays.dropped) : [];
    const count = off.reduce((sum, each) => sum + each, 0);
    const hidden = widths.length > 2 ? `hidden layers of ${widths.slice(1, -1).join(", ")} neurons` : "no hidden layer";
    const drop = off.length ? `. Dropout has switched off ${count} of ${off.length} neurons for one sample of the last step` : "";
    return {
      label: `A network with ${widths[0]} inputs, ${hidden} and ${widths.at(-1)} outputs after epoch ${values.epoch}${drop}. Arrow keys look at single neurons`,
      epoch: values.epoch,
      member: values.member,
      widths,
      weights: Array.from(arrays.weights),
      dropped: off,
      parameters: begun.members[values.member].parameters,
    };
  }
}

function crossed(context, left, top, size) {
  context.lineWidth = 2;
  context.strokeStyle = colour("wrong");
  context.beginPath();
  context.moveTo(left + 3, top + 3);
  context.lineTo(left + size - 3, top + size - 3);
  context.moveTo(left + size - 3, top + 3);
  context.lineTo(left + 3, top + size - 3);
  context.stroke();
}
