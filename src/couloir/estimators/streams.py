"""`partial_fit`: a population that learns from rows as they come, one pass over each call's.

The first call fixes the preparation, the scaling of the target and the population, unless `fit` has done
so: then every member goes on from the winner's network (with `warm_start`: from its own). The networks and
the states of their rules are carried from call to call. Members are judged

- by the validation set, where each call is given one: the best weights of each are kept, and with
  `patience` a member stops after so many calls without improvement;
- otherwise by how well they answer the rows of each call before they learn from them (Dawid 1984), in an
  exponential average, so that the present counts more than the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from couloir.data.encodings import ENCODINGS
from couloir.engine.architectures.architecture import Architecture
from couloir.engine.chunks import ChunkTraining, to_be_changed
from couloir.engine.epochs import TrainingData
from couloir.engine.folds import Folds
from couloir.engine.member import Member
from couloir.engine.outcomes import Outcome, leader
from couloir.engine.placement import plan_chunks
from couloir.engine.training import advance, engine, readers
from couloir.errors import InputError
from couloir.estimators import fitting, keeping
from couloir.model.forward import outputs
from couloir.model.predictor import softmax
from couloir.selection.choosing import none_left
from couloir.selection.evaluation import log_losses
from couloir.selection.problem import Conditions, chosen_metric

STREAM_CHUNK = 16
"""Networks in a chunk, at most; fixed, since what is carried has to fit on another machine too."""

FORGETTING = 0.1
"""How much of the running average of a member's scores each call replaces."""

_KEPT = ("status", "best_epoch", "score", "training", "validation")
"""What of an outcome is carried from call to call: plain values, which can be pickled."""


def learn(estimator: Any, X: Any, y: Any, classes: Any, sample_weight: Any, validation: Any) -> Any:
    """One call of `partial_fit`.

    Args:
        estimator: the classifier or regressor.
        X, y, sample_weight: the rows.
        classes: all labels, needed in the first call of a classifier.
        validation: a pair (X, y), or None.

    Raises:
        ValueError: the data cannot be used, in scikit-learn's words or as an InputError.
    """
    carried, fresh = vars(estimator).get("_stream"), not hasattr(estimator, "model_")
    conditions = fitting.conditions_of(estimator)
    _check(estimator, fresh, carried, classes, validation)
    rows, known, scaling = fitting.read(estimator, X, y, sample_weight, fresh=fresh, classes=classes)
    members = fitting.members_of(estimator, conditions)
    _refuse_neighbours(fitting.encodings_of(members))
    preparations, scaling = fitting.fitted(estimator, rows, fitting.encodings_of(members), known, scaling)
    if carried is None:
        carried = _fresh(estimator, members, validation is not None)
    carried = dict(carried)  # a call that fails must leave nothing behind
    if len(members) != len(carried["outcomes"]):
        raise InputError(
            f"The options make {len(members)} members and made {len(carried['outcomes'])} before: "
            "leave them as they were, or fit a new estimator."
        )
    if carried["calls"]:
        fitting.refuse_other_encodings(estimator, members)
    judged = None
    if validation is not None:
        judged = fitting.read_more(estimator, validation[0], validation[1], fitting.reader(preparations))
    data = fitting.training_data(estimator, preparations, scaling, rows, judged, unseen=known is not None)
    before = known or {}
    asked = {name: each.inputs(rows.features, estimator.precision) for name, each in before.items()}
    outcomes = _one_pass(conditions, members, carried, data, asked)
    vars(estimator).pop("_networks", None)
    metric = chosen_metric(fitting.task_of(estimator), conditions.metric)
    winner = _winner(outcomes, metric, carried["before"])
    model = keeping.model_of(winner, preparations, scaling)
    keeping.keep(estimator, preparations, scaling, metric, winner, outcomes, model)
    estimator._stream = carried
    return estimator


def _refuse_neighbours(encodings: Iterable[str]) -> None:
    """Raise an InputError for encodings that compare rows with all that were learnt from."""
    if found := [name for name in encodings if ENCODINGS[name].neighbours]:
        raise InputError(
            f"The encoding '{found[0]}' compares rows with all that are learnt from, which partial_fit does "
            "not keep: give another encoding, or use fit."
        )


def _check(estimator: Any, fresh: bool, carried: Any, classes: Any, validation: Any) -> None:
    """Raise where a call does not go with those before."""
    if estimator._classifies and fresh and classes is None:
        raise InputError("The first call of partial_fit needs classes: give all labels that will come.")
    known = estimator._classifies and not fresh and classes is not None
    if known and not np.array_equal(np.unique(classes), estimator.classes_):
        raise InputError(
            f"classes is {np.unique(classes).tolist()} and was {estimator.classes_.tolist()} before: "
            "leave it out, or give the same."
        )
    if validation is not None and not (isinstance(validation, tuple) and len(validation) == 2):
        raise InputError("The validation of partial_fit is a pair (X, y): give one, or leave it out.")
    if carried is not None and carried["validated"] != (validation is not None):
        raise InputError("Give partial_fit a validation set with every call or with none.")


def _fresh(estimator: Any, members: Sequence[Member], validated: bool) -> dict[str, Any]:
    """What is carried from call to call, before the first."""
    return {
        "calls": 0,
        "seed": fitting.seed_of(estimator.random_state),
        "validated": validated,
        "outcomes": [{name: getattr(Outcome(member), name) for name in _KEPT} for member in members],
        "states": None,
        "before": None,
        "start": _networks_of_fit(estimator, members),
    }


def _networks_of_fit(estimator: Any, members: Sequence[Member]) -> list[Any] | None:
    """What each member starts from after a `fit`: its own network if kept, or else the winner's.

    A member of another shape than the winner, or of another encoding, starts afresh (None).
    """
    if not hasattr(estimator, "model_"):
        return None
    own = vars(estimator).get("_networks")
    if own is not None and estimator._encodings == [member.encoding for member in members]:
        return list(own)
    winner = estimator._network
    alike = [estimator.winner_.get(name, "mlp") for name in ("architecture", "hidden", "encoding")]
    return [
        winner if [member.architecture, list(member.hidden), member.encoding] == alike else None
        for member in members
    ]


def _one_pass(
    conditions: Conditions,
    members: Sequence[Member],
    carried: dict[str, Any],
    data: Mapping[str, TrainingData],
    asked: Mapping[str, np.ndarray],
) -> list[Outcome]:
    """Train every member on the rows once; `asked` are their inputs as prepared before they were learnt from.

    Both are given for each encoding.

    Returns the outcomes, and carries on what has to be.
    """
    outcomes = [
        Outcome(member, **_copied(kept)) for member, kept in zip(members, carried["outcomes"], strict=True)
    ]
    metric = chosen_metric(next(iter(data.values())).task, conditions.metric)
    number = carried["calls"] + 1
    patience = conditions.patience if carried["validated"] else None
    machine = conditions.machine
    with engine(conditions.precision), ThreadPoolExecutor(machine.workers) as pool:
        parts = []
        for name, own in data.items():
            folds = Folds.of([0], [own], [carried["seed"]], conditions.precision, filled=True, encoding=name)
            inputs, some = own.train.inputs.shape[1], readers(members, name)
            chunks = plan_chunks(some, inputs, own.outputs, machine, STREAM_CHUNK)
            parts += [ChunkTraining(chunk, [outcomes], folds, metric) for chunk in chunks]
        _take_up(parts, carried)
        _judge_before(carried, parts, data, asked)
        advance(parts, number, patience, conditions.precision, pool)
        for part in parts:
            part.collect()
        carried["start"] = None
        carried["states"] = [jax.tree.leaves(jax.device_get(part.state)) for part in parts]
    for outcome in outcomes:  # a stream has no budget to come to the end of
        outcome.status = "training" if outcome.status == "finished" else outcome.status
    carried["calls"] = number
    carried["outcomes"] = [{name: getattr(outcome, name) for name in _KEPT} for outcome in outcomes]
    return outcomes


def _copied(kept: dict[str, Any]) -> dict[str, Any]:
    """What is carried of an outcome, with lists of its own."""
    return {name: list(value) if isinstance(value, list) else value for name, value in kept.items()}


def _take_up(parts: Sequence[ChunkTraining], carried: dict[str, Any]) -> None:
    """Give every chunk the state that it had after the call before, or one to begin with."""
    for number, part in enumerate(parts):
        part.begin(carried["start"])
        if carried["states"] is not None:
            state = jax.tree.unflatten(jax.tree.structure(part.state), carried["states"][number])
            part.state = to_be_changed(state)


def _judge_before(
    carried: dict[str, Any],
    parts: Sequence[ChunkTraining],
    data: Mapping[str, TrainingData],
    asked: Mapping[str, np.ndarray],
) -> None:
    """Take note of how well each member answers the rows before it learns from them."""
    if carried["validated"] or carried["calls"] == 0:
        return
    scores = np.full(len(carried["outcomes"]), np.nan)
    for part in parts:
        networks = jax.device_get(part.state.networks)
        for slot, number in enumerate(part.chunk.slots):
            network, name = part.network(networks, 0, slot), part.members[slot].encoding
            scores[number] = _loss(network, part.program.design, data[name], asked[name])
    before = carried["before"]
    carried["before"] = scores if before is None else (1 - FORGETTING) * before + FORGETTING * scores


def _loss(network: Any, design: Architecture, data: TrainingData, asked: np.ndarray) -> float:
    """A network's weighted mean log loss, or squared error in standardised units, on the rows."""
    parts, inputs = design.parts(network), np.asarray(asked, np.float64)
    answers = outputs(design, parts, inputs, data.outputs, data.task)
    if data.task == "classification":
        losses = log_losses(softmax(answers), data.train.targets)
    else:
        losses = np.mean((answers - data.train.targets) ** 2, axis=1)
    return float(np.average(losses, weights=data.sample_weights))


def _winner(outcomes: Sequence[Outcome], metric: str, before: np.ndarray | None) -> Outcome:
    """The member that predicts until the next call."""
    winner = leader(outcomes, metric)
    if before is not None:
        alive = [
            (score, number)
            for number, score in enumerate(before)
            if outcomes[number].status != "diverged" and np.isfinite(score)
        ]
        winner = outcomes[min(alive)[1]] if alive else None
    if winner is None:
        raise none_left(len(outcomes))
    return winner
