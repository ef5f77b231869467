"""The room of networks: a small network, or a population of them, trained while one looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from couloir.data.dataset import Dataset
from couloir.data.sources.planar import planar
from couloir.engine.architectures.mlp import parameter_count
from couloir.errors import InputError
from couloir.landscapes.measuring import Measure
from couloir.landscapes.planes import random_plane
from couloir.landscapes.slices import loss_slice
from couloir.model.predictor import from_network, softmax
from couloir.model.signals import signals
from couloir.runs import ledger
from couloir.selection import evaluation
from couloir.selection.problem import Conditions, Problem, prepare
from couloir.studio import asking
from couloir.studio.networks import ladders, lines, pictures, settings, tables
from couloir.studio.networks.live import NOT_YET, STATES, Live, Moment
from couloir.studio.networks.settings import DataSettings, Population, Settings
from couloir.studio.rooms import Room, Surroundings
from couloir.studio.wire import Answer

PATIENT = 0.25
"""Seconds that an answer waits for an epoch before it says that there is none yet."""

LEADER = -1
"""In place of a member's number: the one that is ahead."""

MOST_FRAMES = 400
"""Epochs whose scores one answer holds, at most."""


@dataclass(frozen=True)
class Frame:
    """Which epoch is to be seen; the scores come for all epochs after `since`."""

    epoch: int = asking.argument(asking.whole(0, settings.MOST_EPOCHS))
    since: int = asking.argument(asking.whole(-1, settings.MOST_EPOCHS))
    member: int = asking.argument(asking.whole(LEADER, settings.MOST_MEMBERS - 1), LEADER)


@dataclass(frozen=True)
class Probe:
    """A point of the plane, in the columns' units, for a member after an epoch."""

    x: float = asking.argument(asking.number(-1e12, 1e12))
    y: float = asking.argument(asking.number(-1e12, 1e12))
    epoch: int = asking.argument(asking.whole(0, settings.MOST_EPOCHS))
    member: int = asking.argument(asking.whole(0, settings.MOST_MEMBERS - 1))


@dataclass(frozen=True)
class Around:
    """The loss around a member's weights after an epoch: points a side, how far, and which two directions."""

    epoch: int = asking.argument(asking.whole(0, settings.MOST_EPOCHS))
    member: int = asking.argument(asking.whole(0, settings.MOST_MEMBERS - 1))
    resolution: int = asking.argument(asking.whole(11, 61), 41)
    reach: float = asking.argument(asking.number(0.05, 4), 1.0)
    directions: int = asking.argument(asking.whole(0, 1000), 0)


@dataclass(frozen=True)
class Test:
    """After which epoch training is taken to have ended."""

    __test__ = False  # not a test of pytest's

    epoch: int = asking.argument(asking.whole(1, settings.MOST_EPOCHS))


@dataclass(frozen=True)
class Named:
    """A table by its name."""

    table: str = asking.argument(asking.text(200))


@dataclass(frozen=True)
class Staged:
    """The rows, parted and prepared, with the plane that they are drawn in.

    Attributes:
        dropped, rows: a table's columns that are not used, and its rows that could be.
    """

    problem: Problem
    scene: pictures.Scene
    dropped: list[str]
    rows: int


class Networks(Room):
    """A population in training, and what is asked of it."""

    def __init__(self, surroundings: Surroundings) -> None:
        """Nothing is trained yet."""
        super().__init__(surroundings)
        self._live: Live | None = None
        self._settings = Settings()
        self._population = Population([], [])
        self._staged: tuple[DataSettings, Staged] | None = None

    def close(self) -> None:
        """The page has gone: training ends."""
        if self._live is not None:
            self._live.end(seconds=0.5)

    # The data -------------------------------------------------------------------------------------------

    def ask_tables(self, arguments: Mapping[str, Any]) -> Answer:
        """The tables that can be chosen."""
        names = list({**self.surroundings.files, **self.surroundings.uploaded})
        return Answer({"tables": [name for name in names if self.surroundings.table(name).is_file()]})

    def ask_columns(self, arguments: Mapping[str, Any]) -> Answer:
        """A table's columns, and which of them hold numbers."""
        wanted = asking.read(Named, arguments)
        names, numeric = tables.columns(self.surroundings.table(wanted.table))
        return Answer({"columns": names, "numeric": numeric})

    def _stage(self, wanted: DataSettings) -> Staged:
        """The rows as asked for, kept until others are."""
        if self._staged is None or self._staged[0] != wanted:
            dataset: Dataset
            if wanted.data == settings.TABLE:
                table = tables.plane_table(self.surroundings.table(wanted.table), wanted)
                dataset, dropped, rows = table.dataset, table.dropped, table.rows
            else:
                dataset = planar(wanted.data, wanted.rows, wanted.noise, wanted.seed)
                dropped, rows = [], wanted.rows
            problem = prepare(dataset, Conditions(wanted.seed, wanted.split))
            self._staged = wanted, Staged(problem, pictures.Scene(problem), dropped, rows)
        return self._staged[1]

    # Training -------------------------------------------------------------------------------------------

    def ask_begin(self, arguments: Mapping[str, Any]) -> Answer:
        """Train from the beginning; says what is trained, and on which rows."""
        wanted = asking.read(Settings, arguments)
        staged = self._stage(wanted.rows_used)
        data = staged.problem.data
        rows, inputs = data.train.inputs.shape
        population = settings.population(wanted, data.task, rows)
        settings.check_size(wanted, population.members, rows, inputs, data.outputs)
        before = self._live
        if before is not None:
            before.end()
        self._settings, self._population = wanted, population
        self._live = Live(
            population.members, data, wanted.seed, wanted.stop_after, wanted.patience or None, before=before
        )
        return _begun(wanted, population, staged, self._live)

    def ask_frame(self, arguments: Mapping[str, Any]) -> Answer:
        """The population after an epoch: scores, one member's weights and pictures, everybody's decision.

        Where the epoch has not been trained yet, the answer is only that it is waited for.
        """
        wanted = asking.read(Frame, arguments)
        live = self._training()
        moment = live.at(wanted.epoch, PATIENT)
        if moment is None:
            return Answer({"waiting": True, "trained": len(live.moments) - 1})
        epoch = min(wanted.epoch, len(live.moments) - 1)
        number = self._number(wanted.member, moment)
        first = max(wanted.since + 1, epoch + 1 - MOST_FRAMES)
        scores = [each.scores for each in live.moments[first : epoch + 1]]
        none = np.zeros((0, len(live.members), 2, len(live.metrics)))
        return Answer(
            {
                "epoch": epoch,
                "first": first,
                "ended": epoch < wanted.epoch or epoch == self._settings.epochs,
                "member": number,
                "leader": moment.leader,
                "states": [STATES[state] for state in moment.states],
                "shown": _shown(live, moment, number),
            },
            {
                "scores": np.stack(scores) if scores else none,
                "best": moment.best,
                "best_scores": _best_scores(live, moment),
                "stops": moment.stops,
                **self._drawn(epoch, number),
            },
        )

    def _drawn(self, epoch: int, number: int) -> dict[str, np.ndarray]:
        """Pictures of a member, and everybody's decision where there are several."""
        live, scene = self._training(), self._stage(self._settings.rows_used).scene
        member, network = live.members[number], live.network(epoch, number)
        neurons, scales = scene.neuron_pictures(network, member.activation)
        found = {
            "weights": live.moments[epoch].weights[number],
            "neurons": neurons,
            "scales": scales,
            "decision": scene.decision(network, member.activation),
        }
        if len(live.members) > 1:
            everybody = [
                scene.decision(live.network(epoch, each), other.activation, pictures.SMALL)
                for each, other in enumerate(live.members)
            ]
            found["decisions"] = np.stack(everybody)
        if member.dropout and member.hidden and epoch:
            rows = len(live.data.train.inputs)
            step = pictures.last_step(rows, member.batch_size, live.seed, epoch)
            masks = pictures.dropped(member, live.seed, step)
            found["dropped"] = np.concatenate([mask[:, 0] for mask in masks]).astype(np.uint8)
        return found

    def _training(self) -> Live:
        if self._live is None:
            raise InputError("Nothing is trained yet: begin first.")
        return self._live

    def _number(self, asked: int, moment: Moment) -> int:
        """A member's number, where one was asked for, or the leader's."""
        if asked >= len(self._population.members):
            raise InputError(f"There is no member {asked}: there are {len(self._population.members)}.")
        return max(moment.leader, 0) if asked == LEADER else asked

    def _seen(self, epoch: int, member: int) -> tuple[Live, Moment]:
        """The training and a moment of it that has been reached already."""
        live = self._training()
        if epoch >= len(live.moments):
            raise InputError(f"Epoch {epoch} has not been trained yet: ask for one that has been shown.")
        moment = live.moments[epoch]
        self._number(member, moment)
        return live, moment

    # Looking closer -------------------------------------------------------------------------------------

    def ask_probe(self, arguments: Mapping[str, Any]) -> Answer:
        """What every neuron of a member gives for one point of the plane."""
        wanted = asking.read(Probe, arguments)
        live, _ = self._seen(wanted.epoch, wanted.member)
        scene = self._stage(self._settings.rows_used).scene
        inputs = scene.prepared(np.array([[wanted.x, wanted.y]]))
        network = live.network(wanted.epoch, wanted.member)
        *hidden, outputs = signals(network, inputs, live.members[wanted.member].activation)
        values: dict[str, Any] = {
            "inputs": inputs[0],
            "neurons": np.concatenate([*hidden, np.zeros((1, 0))], axis=1)[0],
        }
        if scene.classes:
            values["chances"] = softmax(outputs)[0]
        else:
            values["value"] = float(scene.problem.preparation.restore(outputs[:, 0])[0])
        return Answer(values)

    def ask_surface(self, arguments: Mapping[str, Any]) -> Answer:
        """The training loss on a plane through a member's weights, in two random directions."""
        wanted = asking.read(Around, arguments)
        live, _ = self._seen(wanted.epoch, wanted.member)
        member, data = live.members[wanted.member], live.data
        scale = 1.0 if data.target_scale is None else float(data.target_scale[0]) ** 2
        measure = Measure(data.train.inputs, data.train.targets, member.activation, member.loss, scale)
        plane = random_plane(live.network(wanted.epoch, wanted.member), wanted.directions)
        reach = (-wanted.reach, wanted.reach)
        found = loss_slice(plane, measure, reach, reach, wanted.resolution)
        return Answer(
            {
                "centre": found.centre[0],
                "lowest": float(np.nanmin(found.loss)),
                "rows": found.rows,
                "metric": live.metric,
                "titles": list(plane.titles),
            },
            {"x": found.x, "y": found.y, "loss": found.loss},
        )

    def ask_test(self, arguments: Mapping[str, Any]) -> Answer:
        """Score the member that is ahead on validation, with its best weights, on the test part.

        Every look is counted: in the session's answers, and in the ledger that the commands use.
        """
        wanted = asking.read(Test, arguments)
        live, moment = self._seen(wanted.epoch, 0)
        if moment.leader == NOT_YET:
            raise InputError("No network has a score on validation that can be chosen by: train one first.")
        problem = self._stage(self._settings.rows_used).problem
        number, rows = moment.leader, problem.split.test
        best = int(moment.best[number])
        model = from_network(live.network(best, number), live.members[number].activation, problem.preparation)
        looks = ledger.enter(problem.dataset.fingerprint, rows, "couloir studio, the room of networks")
        answers, truth = model.answers(problem.dataset.rows(rows)), problem.truth(rows)
        scores = live.moments[best].scores[number]
        return Answer(
            {
                "member": number,
                "epoch": best,
                "rows": len(rows),
                "looks": looks,
                "test": evaluation.scores(answers, truth),
                "intervals": evaluation.intervals(answers, truth, live.seed),
                "training": dict(zip(live.metrics, scores[0], strict=True)),
                "validation": dict(zip(live.metrics, scores[1], strict=True)),
            }
        )

    def ask_code(self, arguments: Mapping[str, Any]) -> Answer:
        """The Python lines that train what these settings ask for."""
        wanted = asking.read(Settings, arguments)
        staged = self._stage(wanted.rows_used)
        data = staged.problem.data
        members = settings.population(wanted, data.task, len(data.train.inputs)).members
        return Answer({"code": lines.python_lines(wanted, members, staged.dropped, staged.rows)})


def _begun(wanted: Settings, population: Population, staged: Staged, live: Live) -> Answer:
    """What is trained, and on which rows."""
    problem, scene = staged.problem, staged.scene
    split, dataset = problem.split, problem.dataset
    parts = np.zeros(len(dataset), np.uint8)
    parts[split.validation], parts[split.test] = 1, 2
    inputs, scales = scene.input_pictures()
    return Answer(
        {
            "task": live.data.task,
            "classes": [str(label) for label in dataset.classes or ()],
            "columns": list(dataset.column_names),
            "target": dataset.target_name,
            "inputs": list(problem.preparation.feature_names),
            "metric": live.metric,
            "metrics": live.metrics,
            "bounds": scene.bounds,
            "range": problem.preparation.restore(np.array([scene.low, scene.high])),
            "sizes": split.sizes,
            "available": staged.rows,
            "members": [
                {
                    "column": place.column,
                    "row": place.row,
                    "rule": member.rule.name,
                    "rate": member.learning_rate,
                    "activation": member.activation,
                    "batch": member.batch_size,
                    "dropout": member.dropout,
                    "widths": list(widths),
                    "parameters": parameter_count(widths),
                }
                for place, member, widths in zip(
                    population.places, population.members, live.widths, strict=True
                )
            ],
            "across": _ladder(wanted.across, population.across, wanted),
            "down": _ladder(wanted.down, population.down, wanted),
        },
        {
            "places": scene.places,
            "targets": problem.truth(np.arange(len(dataset))),
            "parts": parts,
            "inputs": inputs,
            "scales": scales,
        },
    )


def _ladder(name: str, values: list[Any], wanted: Settings) -> dict[str, Any] | None:
    """A ladder for the page: its name, its title, and its values."""
    if name == ladders.NONE:
        return None
    if name == "learning_rate" and "rule" not in (wanted.across, wanted.down):
        values = [wanted.rate * value for value in values]
        return {"name": name, "title": ladders.LADDERS[name].title, "values": values, "factors": False}
    factors = name == "learning_rate"
    return {"name": name, "title": ladders.LADDERS[name].title, "values": values, "factors": factors}


def _best_scores(live: Live, moment: Moment) -> np.ndarray:
    """Every member's best score so far on validation, by which they are ranked; NaN before the first."""
    place = live.metrics.index(live.metric)
    return np.array([live.moments[best].scores[number, 1, place] for number, best in enumerate(moment.best)])


def _shown(live: Live, moment: Moment, number: int) -> dict[str, Any]:
    """How the member that is drawn fares: its scores on the loss, and the gap between them."""
    place = live.metrics.index(live.metric)
    training, validation = (float(part[place]) for part in moment.scores[number])
    best, stop = int(moment.best[number]), int(moment.stops[number])
    found: dict[str, Any] = {
        "training": dict(zip(live.metrics, moment.scores[number, 0], strict=True)),
        "validation": dict(zip(live.metrics, moment.scores[number, 1], strict=True)),
        "gap": validation - training,
        "best": best or None,
        "stop": None,
    }
    if stop != NOT_YET:  # what stopping keeps is the best epoch of then, not of now
        found |= {"stop": stop, "kept": stop - (live.stop_after or 0)}
    if best:
        scores = live.moments[best].scores[number, :, place]
        found["best_scores"] = {"training": float(scores[0]), "validation": float(scores[1])}
        found["best_scores"]["gap"] = float(scores[1] - scores[0])
    return found
