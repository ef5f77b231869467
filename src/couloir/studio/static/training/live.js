// A population in training: where it stands, who is ahead, the curves as they fill in, and the way to end it.

import { chart } from "../chart.js";
import { button } from "../controls.js";
import { element, expose, replace, shown } from "../dom.js";
import { axisKind, boardTable, bytes, duration, ruleCurves } from "../tables.js";

const capital = (text) => text[0].toUpperCase() + text.slice(1);
const KEEPS = ["train", "race", "search"];
const BETWEEN = "compiling the program";

export class Live {
  constructor(place, cancel) {
    this.place = place;
    this.ending = false;
    this.stop = button({ label: "", on: () => cancel(this.ending) });
    this.title = element("h2");
    this.status = element("p.status", { role: "status" });
    this.bar = element("progress", { "aria-label": "Epochs" });
    this.board = element("div");
    this.facts = element("dl.facts");
    this.curves = element("div.view");
    replace(place, this.title, this.status, this.bar, element("div.row", {}, this.stop.element),
      element("div.views.wide", {}, element("div.view", {}, this.board, this.facts), this.curves));
  }

  show(job, title) {
    const { state, epoch, sentence } = job;
    const failed = state === "failed";
    this.place.hidden = false;
    this.ending = job.ending;
    this.title.textContent = title;
    this.status.textContent = failed ? sentence : said(job);
    this.status.className = failed ? "trouble" : "status";
    this.bar.hidden = this.stop.element.hidden = state !== "running";
    this.stop.set(job.ending ? "End at once, keeping nothing" : KEEPS.includes(job.verb) ? "Cancel, keeping what was learnt" : "Cancel");
    if (epoch) {
      this.bar.max = epoch.epochs;
      this.bar.value = epoch.epoch;
      this.#showBoard(epoch);
      this.#showCurves(epoch);
    } else this.bar.removeAttribute("value");
    replace(this.facts, ...facts(job).flatMap(([label, text]) => [element("dt", {}, label), element("dd", {}, text)]));
    expose(this.place, { epoch: epoch?.epoch ?? 0, stage: job.stage, memory: job.memory });
  }

  hide() {
    this.place.hidden = true;
    this.clear();
  }

  // Another job begins: nothing of the last one stays.
  clear() {
    this.losses?.close();
    this.losses = this.drawn = null;
    replace(this.board);
  }

  #showBoard({ board, metric }) {
    const name = metric.replaceAll("_", " ");
    replace(this.board, boardTable({
      title: "Ahead now", heads: ["rule", `best ${name}`, "rate", "epoch", "networks"],
      rows: board.map(({ rule, score, learning_rate: rate, best_epoch: epoch, counts, members }) => [
        { text: rule }, { text: shown(score, 3), value: score }, { text: shown(rate, 3), value: rate },
        { text: shown(epoch, 3), value: epoch }, { text: ends(counts, members) },
      ]),
    }));
  }

  #showCurves({ metric, board, epochs: last }) {
    const curves = board.map(({ rule, epochs, curve }) => ({ name: rule, epochs, values: curve }));
    const kind = axisKind(metric, curves);
    if (this.drawn !== `${metric} ${kind}`) {
      this.losses?.close();
      const name = metric.replaceAll("_", " ");
      this.losses = chart(this.curves, {
        label: `Validation ${name} by epoch, the best of every rule`, legend: true,
        x: { name: "epoch" }, y: { name: `validation ${name}`, kind, cap: 3 },
      });
      this.drawn = `${metric} ${kind}`;
    }
    this.losses.view({ low: 0, high: last }, null);
    this.losses.series(ruleCurves(curves));
  }
}

function said({ stage, epoch, ending }) {
  if (ending) return epoch ? "Ending in good order: choosing among what has been learnt …" : "Ending …";
  const over = epoch && (epoch.epoch === epoch.epochs || !epoch.counts.training);
  if (!epoch || (over && stage !== BETWEEN)) return `${capital(stage)} …`;
  const left = epoch.left === null ? "" : `, at most ${duration(epoch.left)} left`;
  const what = stage === BETWEEN ? "Epoch" : `${capital(stage)}: epoch`;
  return `${what} ${epoch.epoch} of ${epoch.epochs}${left}`;
}

function facts({ epoch, seconds, memory }) {
  const found = [["time", duration(seconds)], ["memory", bytes(memory)]];
  if (!epoch) return found;
  const counts = Object.entries(epoch.counts).filter(([, count]) => count)
    .map(([status, count]) => `${shown(count)} ${status}`);
  return [["networks", counts.join(", ")], ...found];
}

// How the networks of a rule fare: "5 of 8 training, 2 diverged".
function ends(counts, members) {
  const away = ["diverged", "stopped", "left"].filter((status) => counts[status])
    .map((status) => `${counts[status]} ${status}`);
  const there = counts.training ? [`${counts.training} of ${members}`] : [];
  return [...there, ...away].join(", ") || `${members} finished`;
}
