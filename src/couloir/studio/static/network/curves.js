// Loss by epoch: of the network that is looked at on training and validation; in a population everybody's on
// validation, thinner.

import { chart } from "../chart.js";
import { rarely } from "../dom.js";
import { legend } from "../legend.js";
import { METRICS } from "../options.js";
import { look } from "../swatch.js";
import { memberName, valueName } from "./multiples.js";
import { ladderColour } from "./shades.js";

const FEW = 9; // curves that are named one by one
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

export class Curves {
  // `seek(epoch)` is told where a person has pressed.
  constructor(place, { seek }) {
    this.place = place;
    this.seek = seek;
    this.grown = rarely(250, () => this.chart?.series(this.series));
  }

  about(begun, feed) {
    this.begun = begun;
    this.feed = feed;
    this.member = null;
    const many = begun.members.length > FEW;
    const kind = `${many} ${begun.metric}`;
    if (this.kind !== kind) {
      this.kind = kind;
      this.chart?.close();
      this.chart = chart(this.place, {
        label: "Loss by epoch", x: { name: "epoch" }, y: { name: METRICS[begun.metric].words, kind: "log", cap: 20 },
        ratio: 2, legend: !many, onSeek: (epoch) => this.seek(epoch),
      });
    }
    this.names ??= legend(this.place);
    this.names.set(many ? this.#entries() : []);
    this.chart.view({ low: 0, high: begun.epochs }, null);
  }

  show(frame) {
    const { member, epoch, shown: own, leader } = frame.values;
    if (this.member !== member) this.#series(member);
    this.grown();
    this.chart.show(epoch);
    const marks = [];
    if (own.best) marks.push({ x: own.best, name: "best", colour: "right", dash: "dot" });
    if (own.stop !== null && own.stop !== undefined) marks.push({ x: own.stop, name: "early stop", colour: "wrong" });
    const said = JSON.stringify([marks, leader]);
    if (this.marked !== said) {
      this.marked = said;
      this.chart.marks(marks);
    }
  }

  #series(member) {
    this.member = member;
    this.marked = null;
    const { curves } = this.feed;
    const place = this.begun.metrics.indexOf(this.begun.metric);
    const others = this.begun.members.length > 1
      ? this.begun.members.map((_, other) => ({ name: memberName(this.begun, other), values: curves[other][1][place], width: other === member ? 3 : 1.3, ...this.#look(other) }))
      : [{ name: "validation", values: curves[0][1][place], colour: "right", dash: "solid", symbol: "circle" }];
    const name = this.begun.members.length > 1 ? `training of ${memberName(this.begun, member)}` : "training";
    this.series = [{ name, values: curves[member][0][place], colour: "quiet", dash: "dash", symbol: "square" }, ...others];
    this.chart.series(this.series);
  }

  // A rule's own look; else a colour from faint to full along the columns, and a dash for each row.
  #look(member) {
    const { across, down, members } = this.begun;
    const { column, row, rule } = members[member];
    if (across?.name === "rule") {
      return { ...look(rule), ...(down ? { dash: DASHES[row % DASHES.length] } : {}) };
    }
    const last = Math.max(1, (across?.values.length ?? 1) - 1);
    return { colour: ladderColour(across ? column / last : 0.5), dash: DASHES[row % DASHES.length], symbol: "circle" };
  }

  // Of many members only what colours and dashes stand for.
  #entries() {
    const { across, down, members } = this.begun;
    const at = (column, row) => this.#look(members.findIndex((each) => each.column === column && each.row === row));
    const columns = across.values.map((value, column) => ({ name: typeof value === "string" ? value : `${across.title} ${valueName(across, value)}`, ...at(column, 0), dash: "solid" }));
    const rows = down ? down.values.map((value, row) => ({ name: `${down.title} ${valueName(down, value)}`, ...at(0, row), colour: "ink", symbol: null })) : [];
    return [...columns, ...rows];
  }

  close() {
    this.names?.close();
    this.chart?.close();
  }
}
