// The population: everybody's decision over the plane, side by side, with the score; the one that is ahead and
// the one that is looked at are marked. Each is a button.
//
//   const multiples = new Multiples(place, { choose(member) {} });
//   multiples.about(begun);  multiples.show(frame, chosen);

import { canvas, colour, teller } from "../canvas.js";
import { element, replace, shown } from "../dom.js";
import { CLASS_COLOURS, painted, shadesFor, valueColour } from "./shades.js";

const WORDS = { diverged: "diverged", stopped: "stopped" };

// A ladder's value in words.
export function valueName(ladder, value) {
  if (typeof value === "string") return value;
  if (ladder.factors) return `×${shown(value, 2)}`;
  if (ladder.name === "restart") return `draw ${value + 1}`;
  return shown(value, 2);
}

// A member in words, by what it differs in.
export function memberName(begun, member) {
  const { column, row } = begun.members[member];
  const named = (ladder, place) => {
    const value = valueName(ladder, ladder.values[place]);
    return typeof ladder.values[place] === "string" ? value : `${ladder.title} ${value}`;
  };
  const parts = [begun.across && named(begun.across, column), begun.down && named(begun.down, row)];
  return parts.filter(Boolean).join(", ") || `${begun.members[member].rule}`;
}

export class Multiples {
  constructor(place, { choose }) {
    this.place = place;
    this.chooses = choose;
    this.cards = [];
    this.tell = teller(place, () => this.#facts());
  }

  about(begun) {
    const shape = JSON.stringify([begun.across, begun.down]);
    this.begun = begun;
    this.frame = null;
    this.dots = null;
    if (this.shape === shape) return;
    this.shape = shape;
    this.close();
    if (begun.members.length < 2) return replace(this.place);
    this.cards = begun.members.map((_, member) => this.#card(member));
    return replace(this.place, this.#laidOut());
  }

  // One ladder flows over as many rows as it needs; two make a table of pictures.
  #laidOut() {
    const { across, down } = this.begun;
    const nodes = this.cards.map(({ node }) => node);
    if (!down) return element("div.multiples", {}, ...nodes);
    const columns = across ? across.values : [null];
    const head = columns.map((value) => element("div.column", {}, value === null ? "" : valueName(across, value)));
    const rows = down.values.flatMap((value, row) => [
      element("div.line", {}, valueName(down, value)), ...nodes.slice(row * columns.length, (row + 1) * columns.length),
    ]);
    const grid = element("div.multiples.table", {}, element("div.line.quiet", {}, `${down.title} ↓`), ...head, ...rows);
    grid.style.gridTemplateColumns = `auto repeat(${columns.length}, minmax(4.6rem, 1fr))`;
    return element("div.scroll", {}, grid);
  }

  #card(member) {
    const { begun } = this;
    const box = element("span.picture");
    const score = element("span.score", {}, " ");
    const best = element("span.best", {}, " ");
    const name = element("span.name", {}, begun.down ? "" : valueName(begun.across, begun.across.values[begun.members[member].column]));
    const node = element("button.multiple", { type: "button", "aria-pressed": "false", onclick: () => this.chooses(member) },
      begun.down ? null : name, box, score, best);
    const card = { node, score, best, box };
    card.picture = canvas(box, (context, width, height) => this.#draw(card, member, context, width, height), { ratio: 1, label: "" });
    card.picture.node.setAttribute("aria-hidden", "true");
    return card;
  }

  show(frame, chosen) {
    this.frame = frame;
    this.chosen = chosen;
    for (const { picture } of this.cards) picture.invalidate();
    this.tell();
    this.#mark();
  }

  // What stands at the cards, set only where it has changed.
  #mark() {
    const { values } = this.frame;
    this.cards.forEach((card, member) => {
      const { classList } = card.node;
      classList.toggle("ahead", member === values.leader);
      classList.toggle("lost", values.states[member] === "diverged");
      const pressed = String(member === values.member);
      if (card.node.getAttribute("aria-pressed") !== pressed) card.node.setAttribute("aria-pressed", pressed);
    });
  }

  #draw(card, member, context, width, height) {
    const { decisions } = this.frame?.arrays ?? {};
    if (!decisions) return;
    const side = decisions.shape[1];
    const bytes = decisions.subarray(member * side * side, (member + 1) * side * side);
    card.image = painted(bytes, 1, side, shadesFor(this.begun.classes.length), card.image);
    context.imageSmoothingEnabled = true;
    context.drawImage(card.image, 0, 0, width, height);
    context.drawImage(this.#points(width, height, card.picture.density), 0, 0, width, height);
    if (this.frame.values.states[member] === "diverged") struck(context, width, height);
  }

  // The rows that are learnt from as dots; one picture for all cards of a size.
  #points(width, height, density) {
    const key = `${width} ${height} ${density} ${colour("paper")}`;
    if (this.dots?.key === key) return this.dots.node;
    const node = new OffscreenCanvas(Math.round(width * density), Math.round(height * density));
    const context = node.getContext("2d");
    context.scale(density, density);
    const { arrays: { positions, targets, parts }, bounds, classes, range } = this.begun;
    const size = Math.max(0.8, Math.min(1.7, width / 75));
    context.globalAlpha = 0.75;
    for (let row = 0; row < parts.length; row += 1) {
      if (parts[row] !== 0) continue;
      const x = (width * (positions[2 * row] - bounds[0])) / (bounds[1] - bounds[0]);
      const y = height - (height * (positions[2 * row + 1] - bounds[2])) / (bounds[3] - bounds[2]);
      context.fillStyle = classes.length ? colour(CLASS_COLOURS[targets[row]]) : valueColour((targets[row] - range[0]) / (range[1] - range[0]));
      context.beginPath();
      context.arc(x, y, size, 0, 2 * Math.PI);
      context.fill();
    }
    this.dots = { key, node };
    return node;
  }

  // Scores change at most ten times a second: they are to be read.
  #facts() {
    const { frame, begun } = this;
    if (!frame) return { label: "The population" };
    const { values } = frame;
    const scores = this.cards.map((_, member) => this.#scores(member));
    this.cards.forEach((card, member) => {
      const text = this.#text(member, scores[member]);
      if (card.score.textContent !== text) card.score.textContent = text;
      const best = frame.arrays.best_scores[member];
      const reached = Number.isFinite(best) ? `best ${shown(best, 3)}` : " ";
      if (card.best.textContent !== reached) card.best.textContent = reached;
      card.node.setAttribute("aria-label", `${memberName(begun, member)}: ${text}, ${reached}${member === values.leader ? ", ahead" : ""}`);
    });
    const ahead = values.leader >= 0 ? `; ${memberName(begun, values.leader)} is ahead` : "";
    return {
      label: `${this.cards.length} networks after epoch ${values.epoch}${ahead}`,
      epoch: values.epoch,
      leader: values.leader,
      states: values.states,
      scores: scores.map((each) => each?.[0] ?? null),
      best: Array.from(frame.arrays.best),
      bestscores: Array.from(frame.arrays.best_scores, (score) => (Number.isFinite(score) ? score : null)),
    };
  }

  // The member's present scores on validation; null before the first epoch and where it no longer trains.
  #scores(member) {
    const { arrays: { scores }, values } = this.frame;
    const metrics = this.begun.metrics.length;
    const rows = values.epoch - values.first + 1;
    if (rows < 1) return this.last?.[member] ?? null;
    const at = (((rows - 1) * this.cards.length + member) * 2 + 1) * metrics;
    const own = Array.from(scores.subarray(at, at + metrics));
    return Number.isFinite(own[0]) ? own : null;
  }

  #text(member, scores) {
    const state = this.frame.values.states[member];
    if (WORDS[state] && !scores) return WORDS[state];
    if (!scores) return "–";
    const loss = shown(scores[0], 3);
    return this.begun.classes.length && !this.begun.down ? `${loss} · ${shown(100 * scores[1], 2)} %` : loss;
  }

  close() {
    for (const { picture } of this.cards) picture.close();
    this.cards = [];
  }
}

function struck(context, width, height) {
  context.fillStyle = colour("paper");
  context.globalAlpha = 0.6;
  context.fillRect(0, 0, width, height);
  context.globalAlpha = 1;
  context.lineWidth = 2.5;
  context.strokeStyle = colour("wrong");
  context.beginPath();
  context.moveTo(width * 0.3, height * 0.3);
  context.lineTo(width * 0.7, height * 0.7);
  context.moveTo(width * 0.7, height * 0.3);
  context.lineTo(width * 0.3, height * 0.7);
  context.stroke();
}
