"""The room of networks: a small network, or a population of them, trained while one looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any

import numpy as np

from couloir.data.sources.planar import planar
from couloir.engine.architectures.mlp import parameter_count
from couloir.errors import InputError
from couloir.landscapes.measuring import Measure
from couloir.landscapes.planes import random_plane
from couloir.landscapes.slices import loss_slice
from couloir.model.forward import signals
from couloir.model.predictor import from_network, softmax
from couloir.runs import ledger
from couloir.selection import evaluation
from couloir.selection.problem import Conditions, Problem, prepare
from couloir.studio import asking
from couloir.studio.rooms.base import Context, Room
from couloir.studio.rooms.network import ladders, lines, pictures, settings, tables
from couloir.studio.rooms.network.live import NOT_YET, STATES, Live, Moment
from couloir.studio.rooms.network.settings import DataSettings, NetworkSettings, Population
from couloir.studio.wire import Answer

PATIENT = 0.25
"""Seconds that an answer waits for an epoch before it says that there is none yet."""

LEADER = -1
"""In place of a member's number: the one that is ahead."""

MOST_FRAMES = 400
"""Epochs whose scores one answer holds, at most."""


Epoch = Annotated[int, asking.whole(0, settings.MOST_EPOCHS)]
Number = Annotated[int, asking.whole(0, settings.MOST_MEMBERS - 1)]
Shown = Annotated[int, asking.whole(LEADER, settings.MOST_MEMBERS - 1)]
Since = Annotated[int, asking.whole(-1, settings.MOST_EPOCHS)]
Coordinate = Annotated[float, asking.number(-1e12, 1e12)]


@dataclass(frozen=True)
class Staged:
    """The rows, parted and prepared, with the plane that they are drawn in."""

    table: tables.PlaneTable
    problem: Problem
    scene: pictures.Scene


class NetworkRoom(Room):
    """A population in training, and what is asked of it."""

    def __init__(self, context: Context) -> None:
        """Nothing is trained yet."""
        super().__init__(context)
        self._live: Live | None = None
        self._settings = NetworkSettings()
        self._population = Population()
        self._staged: tuple[DataSettings, Staged] | None = None

    def close(self) -> None:
        """The page has gone: training ends."""
        if self._live is not None:
            self._live.end(seconds=0.5)

    # The data -------------------------------------------------------------------------------------------

    def ask_tables(self) -> Answer:
        """The tables that can be chosen."""
        return Answer({"tables": [name for name, path in self.context.tables.items() if path.is_file()]})

    def ask_columns(self, table: Annotated[str, asking.text(200)]) -> Answer:
        """A table's columns, and which of them hold numbers."""
        names, numeric = tables.columns(self.context.table(table))
        return Answer({"columns": names, "numeric": numeric})

    def _stage(self, asked: DataSettings) -> Staged:
        """The rows as asked for, kept until others are."""
        if self._staged is None or self._staged[0] != asked:
            if asked.data == settings.TABLE:
                table = tables.plane_table(self.context.table(asked.table), asked)
            else:
                dataset = planar(asked.data, asked.rows, asked.noise, asked.seed)
                table = tables.PlaneTable(dataset, [], asked.rows)
            problem = prepare(table.dataset, Conditions(asked.seed, asked.split))
            self._staged = asked, Staged(table, problem, pictures.Scene(problem))
        return self._staged[1]

    # Training -------------------------------------------------------------------------------------------

    def ask_begin(self, asked: NetworkSettings) -> Answer:
        """Train from the beginning; says what is trained, and on which rows."""
        staged = self._stage(asked.rows_used)
        data = staged.problem.data
        rows, inputs = data.train.inputs.shape
        population = settings.population(asked, data.task, rows)
        settings.check_size(asked, population.members, rows, inputs, data.outputs)
        before = self._live
        if before is not None:
            before.end()
        self._settings, self._population = asked, population
        self._live = Live(
            population.members, data, asked.seed, asked.stop_after, asked.patience or None, before=before
        )
        return _begun(asked, population, staged, self._live)

    def ask_frame(self, epoch: Epoch, since: Since, member: Shown = LEADER) -> Answer:
        """The population after an epoch: one member's weights and pictures, everybody's decision.

        Scores come for all epochs after `since`. Where the epoch has not been trained yet, the answer is only
        that it is waited for.
        """
        live = self._training()
        moment = live.at(epoch, PATIENT)
        if moment is None:
            return Answer({"waiting": True, "trained": len(live.moments) - 1})
        asked, epoch = epoch, min(epoch, len(live.moments) - 1)
        number = self._number(member, moment)
        first = max(since + 1, epoch + 1 - MOST_FRAMES)
        scores = [each.scores for each in live.moments[first : epoch + 1]]
        none = np.zeros((0, len(live.members), 2, len(live.metrics)))
        return Answer(
            {
                "epoch": epoch,
                "first": first,
                "ended": epoch < asked or epoch == self._settings.epochs,
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

    def ask_probe(self, x: Coordinate, y: Coordinate, epoch: Epoch, member: Number) -> Answer:
        """What every neuron of a member gives for one point of the plane, in the columns' units."""
        live, _ = self._seen(epoch, member)
        scene = self._stage(self._settings.rows_used).scene
        inputs = scene.prepared(np.array([[x, y]]))
        network = live.network(epoch, member)
        *hidden, outputs = signals(network, inputs, live.members[member].activation)
        neurons = np.concatenate([*hidden, np.zeros((1, 0))], axis=1)[0]
        values: dict[str, Any] = {"inputs": inputs[0], "neurons": neurons}
        if scene.classes:
            values["chances"] = softmax(outputs)[0]
        else:
            values["value"] = float(scene.problem.preparation.restore(outputs[:, 0])[0])
        return Answer(values)

    def ask_surface(
        self,
        epoch: Epoch,
        member: Number,
        resolution: Annotated[int, asking.whole(11, 61)] = 41,
        reach: Annotated[float, asking.number(0.05, 4)] = 1.0,
        directions: Annotated[int, asking.whole(0, 1000)] = 0,
    ) -> Answer:
        """The training loss on a plane through a member's weights, in two random directions.

        Points a side, how far the plane goes, and which two directions, are asked for too.
        """
        live, _ = self._seen(epoch, member)
        own, data = live.members[member], live.data
        scale = 1.0 if data.target_scale is None else float(data.target_scale[0]) ** 2
        measure = Measure(data.train.inputs, data.train.targets, own.design, own.loss, scale)
        plane = random_plane(live.network(epoch, member), directions)
        ends = (-reach, reach)
        found = loss_slice(plane, measure, ends, ends, resolution)
        return Answer(
            {"centre": found.centre[0], "lowest": float(np.nanmin(found.loss)), "titles": list(plane.titles)},
            {"x": found.x, "y": found.y, "loss": found.loss},
        )

    def ask_test(self, epoch: Annotated[int, asking.whole(1, settings.MOST_EPOCHS)]) -> Answer:
        """Score the member that is ahead on validation by then, with its best weights, on the test part.

        Every look is counted: in the session's answers, and in the ledger that the commands use.
        """
        live, moment = self._seen(epoch, 0)
        if moment.leader == NOT_YET:
            raise InputError("No network has a score on validation that can be chosen by: train one first.")
        problem = self._stage(self._settings.rows_used).problem
        number, rows = moment.leader, problem.split.test
        best = int(moment.best[number])
        model = from_network(live.network(best, number), live.members[number].design, problem.preparation)
        looks = ledger.enter(problem.dataset.fingerprint, rows, "couloir studio, the room of networks")
        answers, truth = model.answers(problem.dataset.rows(rows)), problem.truth(rows)
        scores = live.moments[best].scores[number]
        values = {
            "test": evaluation.scores(answers, truth),
            "intervals": evaluation.intervals(answers, truth, live.seed),
            "validation": dict(zip(live.metrics, scores[1], strict=True)),
        }
        return Answer({"member": number, "epoch": best, "rows": len(rows), "looks": looks, **values})

    def ask_code(self, asked: NetworkSettings) -> Answer:
        """The Python lines that train what these settings ask for."""
        staged = self._stage(asked.rows_used)
        data = staged.problem.data
        members = settings.population(asked, data.task, len(data.train.inputs)).members
        return Answer({"code": lines.python_lines(asked, members, staged.table)})


def _begun(asked: NetworkSettings, population: Population, staged: Staged, live: Live) -> Answer:
    """What is trained, and on which rows."""
    problem, scene = staged.problem, staged.scene
    split, dataset = problem.split, problem.dataset
    parts = np.zeros(len(dataset), np.uint8)
    parts[split.validation], parts[split.test] = 1, 2
    places = product(range(len(population.down)), range(len(population.across)))
    members = zip(places, population.members, live.widths, strict=True)
    return Answer(
        {
            "classes": [str(label) for label in dataset.classes or ()],
            "columns": list(dataset.column_names),
            "target": dataset.target_name,
            "inputs": list(problem.preparation.feature_names),
            "metric": live.metric,
            "metrics": live.metrics,
            "bounds": scene.bounds,
            "range": problem.preparation.restore(np.array([scene.low, scene.high])),
            "sizes": split.sizes,
            "members": [
                {
                    "column": column,
                    "row": row,
                    "rule": member.rule.name,
                    "rate": member.learning_rate,
                    "widths": list(widths),
                    "parameters": parameter_count(widths),
                }
                for (row, column), member, widths in members
            ],
            "across": _ladder(asked.across, population.across, asked),
            "down": _ladder(asked.down, population.down, asked),
        },
        {
            "positions": scene.positions,
            "targets": problem.truth(np.arange(len(dataset))),
            "parts": parts,
            "inputs": scene.input_pictures()[0],
        },
    )


def _ladder(name: str, values: Sequence[Any], asked: NetworkSettings) -> dict[str, Any] | None:
    """A ladder for the page: its name, its title, its values, and whether they are factors on a rate."""
    if name == ladders.NONE:
        return None
    rates = name == "learning_rate"
    factors = rates and "rule" in (asked.across, asked.down)
    if rates and not factors:
        values = [asked.rate * value for value in values]
    return {"name": name, "title": ladders.LADDERS[name].title, "values": values, "factors": factors}


def _best_scores(live: Live, moment: Moment) -> np.ndarray:
    """Every member's best score so far on validation, by which they are ranked; NaN before the first."""
    loss = live.metrics.index(live.metric)
    return np.array([live.moments[best].scores[number, 1, loss] for number, best in enumerate(moment.best)])


def _shown(live: Live, moment: Moment, number: int) -> dict[str, Any]:
    """How the member that is drawn fares: its scores on the loss, and the gap between them."""
    loss = live.metrics.index(live.metric)
    training, validation = (float(part[loss]) for part in moment.scores[number])
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
        learnt, held_out = live.moments[best].scores[number, :, loss].tolist()
        found["best_scores"] = {"training": learnt, "validation": held_out, "gap": held_out - learnt}
    return found
