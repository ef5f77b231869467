// How a network fares, in sentences.

import { counted, shown } from "../dom.js";

const RISEN = 1.1; // validation has risen when it is so many times its best

export function told(begun, frame, settings) {
  const { epoch, member, shown: own, states } = frame.values;
  if (epoch === 0) return "Before the first step: the weights are as they were drawn.";
  if (states[member] === "diverged") {
    const last = own.best ? ` It is frozen at the weights of epoch ${shown(own.best)}.` : "";
    return `Diverged: the loss or a weight stopped being a number.${last} A smaller learning rate may help.`;
  }
  return [stopped(own, states[member], settings), fitted(own, begun.metric)].filter(Boolean).join(" ");
}

function stopped(own, state, { patience, epochs }) {
  if (own.stop === null || own.stop === undefined) return "";
  const would = state === "stopped" ? `Early stopping ended it in epoch ${shown(own.stop)}`
    : `Early stopping would have ended it in epoch ${shown(own.stop)}`;
  const spared = state === "stopped" && own.stop < epochs ? `, ${shown(epochs - own.stop)} before the last` : "";
  return `${would}${spared}, after ${counted(patience, "epoch")} without improvement on validation, and keeps epoch ${shown(own.kept)}${later(own)}.`;
}

// Whether it was too early.
function later(own) {
  return own.best > own.kept ? `; a better one came later, epoch ${shown(own.best)}` : "";
}

function fitted(own, metric) {
  const now = own.validation?.[metric];
  const best = own.best_scores?.validation;
  if (now === null || now === undefined || !best) return "";
  const gap = `the gap is ${shown(own.gap, 3)}`;
  const training = own.training[metric];
  if (now > RISEN * best && own.gap > Math.max(own.best_scores.gap, 0) && training < own.best_scores.training) {
    return `Overfitting: training has gone on falling, to ${shown(training, 3)}, while validation has risen from ${shown(best, 3)} to ${shown(now, 3)}; ${gap}.`;
  }
  if (now > RISEN * best) return `Validation is ${shown(now, 3)}, above its best, ${shown(best, 3)} in epoch ${shown(own.best)}.`;
  if (own.gap > 0.25 * training) return `Validation lies above training: ${gap}.`;
  return "Validation keeps up with training.";
}
