"""The room of networks: the numbers are those of the engine, the same again, bounded, and the thread ends."""

from __future__ import annotations

import dataclasses
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from couloir.data.sources.planar import planar
from couloir.engine.architectures.mlp import MLP
from couloir.engine.architectures.on_jax import forward
from couloir.engine.epochs import Regularization, member_loss
from couloir.engine.losses import LOSSES
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import numerics, train_population
from couloir.errors import InputError
from couloir.landscapes.planes import flattened, random_plane, shaped
from couloir.selection.problem import Conditions, prepare
from couloir.studio import wire
from couloir.studio.rooms.base import Context
from couloir.studio.rooms.network import pictures, settings
from couloir.studio.rooms.network.ladders import LADDERS
from couloir.studio.rooms.network.live import AHEAD, Live
from couloir.studio.rooms.network.room import NetworkRoom
from couloir.studio.rooms.network.settings import NetworkSettings

SMALL = {"rows": 120, "hidden": [4], "batch": 20, "epochs": 12, "noise": 0.2}


@pytest.fixture
def room(tmp_path):
    found = NetworkRoom(Context(tmp_path))
    yield found
    found.close()


def frame(room, epoch, since=-1, member=-1):
    """A frame as soon as it is there."""
    for _ in range(400):
        found = room.answer("frame", {"epoch": epoch, "since": since, "member": member})
        if not found.values.get("waiting"):
            return found
    raise AssertionError("no frame came")


def directly(given):
    """What `train_population` gives for settings, called without the room, and all weights of all epochs."""
    wanted = NetworkSettings(**{**given, "hidden": tuple(given["hidden"])})
    data = planar(wanted.data, wanted.rows, wanted.noise, wanted.seed)
    problem = prepare(data, Conditions(wanted.seed, wanted.split))
    members = settings.population(wanted, data.task, len(problem.data.train.inputs)).members
    weights = []

    def note(progress):
        networks = progress.networks()
        weights.append([flattened(networks[number]) for number in range(len(members))])

    trained = train_population(members, problem.data, seed=wanted.seed, patience=None, on_epoch=note)
    return problem, members, trained, weights


# Numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"across": "rule"},
        {"data": "hills", "dropout": 0.2, "l2": 0.01, "across": "learning_rate", "columns_count": 3},
        {"data": "gaussians", "across": "width", "columns_count": 3, "seed": 5, "schedule": "cosine"},
    ],
)
def test_a_frame_has_the_numbers_of_the_engine(room, more):
    given = {**SMALL, **more}
    _, members, trained, weights = directly(given)
    begun = room.answer("begin", given)
    assert [each["rule"] for each in begun.values["members"]] == [member.rule.name for member in members]
    metrics = begun.values["metrics"]
    found = frame(room, 12)
    expected = [
        [[[part[epoch][name] for name in metrics] for part in (each.training, each.validation)]
         for each in trained.outcomes]
        for epoch in range(12)
    ]  # fmt: skip
    assert np.isnan(found.arrays["scores"][0]).all()
    np.testing.assert_array_equal(found.arrays["scores"][1:], expected)
    assert found.values["ended"]
    assert trained.outcomes[found.values["leader"]] is trained.winner
    np.testing.assert_array_equal(found.arrays["best"], [each.best_epoch for each in trained.outcomes])
    for number in range(len(members)):
        for epoch in (1, 7, 12):
            own = frame(room, epoch, epoch, number)
            np.testing.assert_array_equal(own.arrays["weights"], weights[epoch - 1][number])


def test_the_first_frame_has_the_weights_that_training_begins_with(room):
    given = {**SMALL, "rate": 1e-7, "rule": "sgd", "restart": 3}
    room.answer("begin", given)
    before, after = frame(room, 0), frame(room, 1)
    assert np.ptp(before.arrays["weights"]) > 0.5
    np.testing.assert_allclose(before.arrays["weights"], after.arrays["weights"], atol=1e-5)
    other = room.answer("begin", {**given, "restart": 4})
    assert other.values["metric"] == "log_loss"
    assert not np.allclose(frame(room, 0).arrays["weights"], before.arrays["weights"], atol=0.1)


@pytest.mark.slow
def test_pictures_are_what_the_network_answers(room):
    given = {**SMALL, "data": "gaussians", "hidden": [5, 3], "activation": "gelu"}
    begun = room.answer("begin", given)
    found = frame(room, 4)
    problem, _, trained, _ = directly(given)
    network = shaped(found.arrays["weights"], trained.outcomes[0].network)
    left, right, bottom, top = begun.values["bounds"]
    side = pictures.OUTPUT
    x = left + (np.arange(side) + 0.5) / side * (right - left)
    y = bottom + (np.arange(side) + 0.5) / side * (top - bottom)
    points = np.array([(across, up) for up in y for across in x])
    inputs = problem.preparation.inputs(pl.DataFrame(points, schema=["x", "y"], orient="row"))
    chances = jax.nn.softmax(forward(network, jnp.asarray(inputs.T), "gelu"), axis=0)
    byte = found.arrays["decision"].ravel().astype(int)
    sure = (np.max(chances, axis=0) - 1 / 3) / (2 / 3)
    np.testing.assert_array_equal(byte // 85, np.argmax(chances, axis=0))
    np.testing.assert_allclose(byte % 85 / 84, sure, atol=0.5 / 84 + 1e-5)
    assert found.arrays["neurons"].shape == (8, pictures.NEURON, pictures.NEURON)
    at = room.answer(
        "probe", {"x": float(points[100, 0]), "y": float(points[100, 1]), "epoch": 4, "member": 0}
    )
    np.testing.assert_allclose(at.values["chances"], chances[:, 100], atol=1e-6)
    hidden = jax.nn.gelu(network[0].weight @ inputs[100] + network[0].bias, approximate=False)
    np.testing.assert_allclose(at.values["neurons"][:5], hidden, atol=1e-6)


def test_a_neurons_picture_is_its_signal_over_the_plane(room):
    room.answer("begin", SMALL)
    found = frame(room, 6)
    left, right, bottom, top = room.answer("begin", SMALL).values["bounds"]
    frame(room, 6)
    side, scales = pictures.NEURON, found.arrays["scales"]
    for row, column in ((0, 0), (5, 20), (23, 11)):
        place = {
            "x": left + (column + 0.5) / side * (right - left),
            "y": bottom + (row + 0.5) / side * (top - bottom),
        }
        signal = room.answer("probe", {**place, "epoch": 6, "member": 0}).values["neurons"]
        seen = (found.arrays["neurons"][:, row, column].astype(float) - 128) / 127 * scales
        np.testing.assert_allclose(seen, signal, atol=float(scales.max()) / 127)


@pytest.mark.slow
def test_the_dropped_neurons_are_those_of_the_engines_step():
    # One epoch of one step of plain descent: the change is −α times the gradient under that very mask.
    data = prepare(planar("moons", 60, 0.1), Conditions(3, (0.5, 0.25, 0.25))).data
    rows = len(data.train.inputs)
    member = Member(
        RULES["sgd"], 0.5, hidden=(6, 5), activation="tanh", batch_size=rows, dropout=0.4, restart=2
    )
    kept = []
    train_population(
        [member],
        data,
        seed=3,
        epochs=2,
        patience=None,
        on_epoch=lambda progress: kept.append(progress.networks()[0]),
    )
    step = pictures.last_step(rows, rows, 3, 2)
    assert step.number == 1
    masks = pictures.dropped(member, 3, step)
    assert [mask.shape for mask in masks] == [(6, rows), (5, rows)]
    scale = 2**24 / (2**24 - round(0.4 * 2**24))

    def loss(network):
        batch = (jnp.asarray(data.train.inputs[step.rows].T), jnp.asarray(data.train.targets[step.rows]))
        signal = batch[0]
        for layer, mask in zip(network[:-1], masks, strict=True):
            signal = jnp.tanh(layer.weight @ signal + layer.bias[:, None]) * jnp.where(mask, 0, scale)
        outputs = network[-1].weight @ signal + network[-1].bias[:, None]
        return jnp.mean(LOSSES["cross_entropy"].per_sample(outputs, batch[1]))

    gradient = jax.grad(loss)(jax.tree.map(jnp.asarray, kept[0]))
    expected = jax.tree.map(lambda weight, slope: weight - 0.5 * slope, kept[0], gradient)
    np.testing.assert_allclose(flattened(kept[1]), flattened(expected), atol=1e-6)
    assert 0.3 < np.mean(np.concatenate(masks)) < 0.5


def test_the_surface_is_the_training_loss_on_a_plane_through_the_weights(room):
    room.answer("begin", SMALL)
    shown = frame(room, 3)
    found = room.answer("surface", {"epoch": 3, "member": 0, "resolution": 11, "reach": 0.5})
    problem, _, trained, _ = directly(SMALL)
    network = shaped(shown.arrays["weights"], trained.outcomes[0].network)
    plane, data = random_plane(network, 0), problem.data

    def loss(x, y):
        none = Regularization(None, None, None)
        batch = tuple(map(jnp.asarray, (data.train.inputs.T, data.train.targets, np.ones(60, np.float32))))
        here = jax.tree.map(jnp.float32, plane.at(x, y))
        design, loss = MLP(activation="tanh"), LOSSES["cross_entropy"].per_sample
        return member_loss(here, batch, none, jax.random.key(0), design, loss)

    assert found.values["centre"] == pytest.approx(float(loss(0, 0)), abs=1e-6)
    for row, column in ((0, 0), (10, 3), (4, 7)):
        expected = loss(found.arrays["x"][column], found.arrays["y"][row])
        assert found.arrays["loss"][row, column] == pytest.approx(float(expected), abs=1e-5)


def test_the_test_part_is_scored_for_the_leader_and_every_look_is_counted(room):
    given = {**SMALL, "across": "rule", "seed": 11}
    problem, members, trained, _ = directly(given)
    room.answer("begin", given)
    frame(room, 12)
    first, second = room.answer("test", {"epoch": 12}).values, room.answer("test", {"epoch": 12}).values
    assert second["looks"] == first["looks"] + 1
    winner = trained.winner
    assert members[first["member"]] == winner.member
    assert first["epoch"] == winner.best_epoch
    inputs = problem.preparation.inputs(problem.dataset.rows(problem.split.test))
    outputs = forward(winner.network, jnp.asarray(inputs.T), "tanh")
    truth = problem.truth(problem.split.test)
    loss = LOSSES["cross_entropy"].per_sample(outputs, jnp.asarray(truth))
    assert first["test"]["log_loss"] == pytest.approx(float(jnp.mean(loss)), abs=1e-6)
    assert first["validation"]["log_loss"] == pytest.approx(winner.score, abs=1e-7)
    assert first["rows"] == len(problem.split.test)


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {"epochs": 3},
        {"across": "learning_rate", "down": "rule", "columns_count": 3, "epochs": 3},
        {"data": "plane", "l1": 0.01, "across": "batch_size", "columns_count": 3, "epochs": 3},
    ],
)
def test_the_python_lines_give_the_same_numbers(room, more):
    given = {**SMALL, **more}
    metric = room.answer("begin", given).values["metrics"]
    found = frame(room, 3)
    space: dict = {}
    exec(room.answer("code", given).values["code"], space)
    own = [[each.validation[-1][name] for name in metric] for each in space["trained"].outcomes]
    np.testing.assert_array_equal(found.arrays["scores"][-1][:, 1], own)


# The same again, and ends -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_settings_give_the_same_bytes(room, tmp_path):
    given = {**SMALL, "across": "rule", "dropout": 0.3}

    def answers(from_room):
        begun = wire.packed(1, from_room.answer("begin", given))
        return begun, [wire.packed(1, frame(from_room, epoch, epoch - 1, 2)) for epoch in range(5)]

    first = answers(room)
    room.answer("begin", {**given, "rate": 0.1})
    frame(room, 3)
    assert answers(room) == first
    other = NetworkRoom(Context(tmp_path))
    assert answers(other) == first
    other.close()


def test_training_waits_for_whoever_looks():
    data = prepare(planar("moons", 120, 0.2, 0), Conditions()).data
    member = Member(RULES["adam"], 0.01, hidden=(4,), batch_size=20, epochs=2000)
    live = Live([member], data, seed=0, patience=None, stop_after=None)
    assert live.at(1, seconds=60) is live.moments[1]
    for _ in range(100):
        if len(live.moments) == 1 + AHEAD + 1:
            break
        time.sleep(0.05)
    time.sleep(0.3)
    assert len(live.moments) == 1 + AHEAD + 1
    assert live.at(60, seconds=60) is live.moments[60]
    live.end(seconds=60)
    assert not live.thread.is_alive()


def threads():
    """Those that train, in whatever room."""
    return [each for each in threading.enumerate() if each.name == "couloir-studio-network"]


def test_closing_and_new_settings_end_the_thread(tmp_path):
    room = NetworkRoom(Context(tmp_path))
    room.answer("begin", {**SMALL, "epochs": 2000})
    frame(room, 1)
    (first,) = threads()
    room.answer("begin", {**SMALL, "epochs": 2000, "rate": 0.02})
    frame(room, 1)
    (second,) = threads()
    assert second is not first
    assert not first.is_alive()
    room.close()
    assert threads() == []


def test_a_member_that_diverges_is_marked_and_the_others_go_on(room):
    room.answer(
        "begin",
        {
            **SMALL,
            "data": "plane",
            "rule": "sgd",
            "rate": 100,
            "across": "learning_rate",
            "activation": "relu",
        },
    )
    found = frame(room, 12)
    states = found.values["states"]
    assert "diverged" in states
    lost = states.index("diverged")
    assert np.isfinite(frame(room, 12, 11, lost).arrays["weights"]).all()
    wire.packed(1, found)


def test_early_stopping_is_marked_where_the_engine_would_have_stopped(room):
    given = {**SMALL, "rate": 0.3, "epochs": 60, "patience": 5}
    room.answer("begin", given)
    marked = frame(room, 60)
    room.answer("begin", {**given, "train_on": False})
    stopped = frame(room, 60)
    assert stopped.values["states"] == ["stopped"]
    assert stopped.values["ended"]
    assert marked.values["states"] == ["finished"]
    assert marked.arrays["stops"][0] == stopped.values["epoch"] == stopped.arrays["stops"][0]


# Bounds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rows": 6000}, "from 30 to 5,000"),
        ({"epochs": 3000}, "epochs"),
        ({"hidden": [4, 4, 4, 4, 4]}, "hidden"),
        ({"hidden": [17]}, "hidden"),
        ({"rate": float("nan")}, "rate"),
        ({"rule": "adan"}, "adam"),
        ({"data": "table"}, "no data file yet"),
        ({"validation": 0.6, "test": 0.5}, "10 % to learn from"),
        ({"across": "rule", "down": "rule"}, "both differ in update rule"),
        ({"across": "rule", "down": "l2", "rows_count": 4}, "at most 24"),
        ({"rows": 5000, "batch": 1, "epochs": 2000}, "updates"),
        ({"hidden": [16] * 4, "across": "rule", "down": "l2", "epochs": 2000}, "too much to keep"),
        ({"layers": 3}, "layers"),
    ],
)
def test_what_is_out_of_bounds_is_one_sentence(room, given, sentence):
    with pytest.raises(InputError, match=sentence):
        room.answer("begin", given)


def test_asks_that_come_too_early_or_for_nobody(room):
    with pytest.raises(InputError, match="begin first"):
        room.answer("frame", {"epoch": 0, "since": -1})
    room.answer("begin", SMALL)
    with pytest.raises(InputError, match="not been trained yet"):
        room.answer("probe", {"x": 0, "y": 0, "epoch": 12, "member": 0})
    with pytest.raises(InputError, match="no member 3"):
        room.answer("frame", {"epoch": 0, "since": -1, "member": 3})


@pytest.mark.parametrize("name", LADDERS)
def test_every_ladder_makes_members_that_differ_in_it(name):
    found = settings.population(
        NetworkSettings(across=name, columns_count=5, data="moons"), "classification", 200
    )
    assert len({str(dataclasses.replace(member)) for member in found.members}) == len(found.members) >= 5
    two = settings.population(NetworkSettings(across=name, columns_count=2), "classification", 200)
    assert len(two.members) == (len(RULES) if name == "rule" else 2)


# A person's own table ---------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    generator = np.random.default_rng(0)
    size, weight = generator.uniform(0, 10, (2, 90))
    frame = pl.DataFrame(
        {
            "size": size,
            "name": [f"n{n % 7}" for n in range(90)],
            "weight": [None if n == 5 else w for n, w in enumerate(weight.tolist())],
            "kind": np.where(size > weight, "big", "small"),
        }
    )
    path = tmp_path / "things.csv"
    frame.write_csv(path)
    return path


@pytest.mark.slow
def test_two_columns_of_a_table_are_trained_on(table, monkeypatch):
    room = NetworkRoom(Context(table.parent, {"things.csv": table}))
    assert room.answer("tables", {}).values["tables"] == ["things.csv"]
    columns = room.answer("columns", {"table": "things.csv"}).values
    assert columns["numeric"] == ["size", "weight"]
    assert set(columns["columns"]) == {"size", "name", "weight", "kind"}
    given = {**SMALL, "data": "table", "table": "things.csv", "x": "size", "y": "weight", "target": "kind"}
    for rows in (500, 60):
        begun = room.answer("begin", {**given, "rows": rows})
        assert begun.values["classes"] == ["big", "small"]
        assert sum(begun.values["sizes"].values()) == min(rows, 89)
        found = frame(room, 12)
        monkeypatch.chdir(table.parent)
        space: dict = {}
        exec(room.answer("code", {**given, "rows": rows}).values["code"], space)
        own = [each.validation[-1]["log_loss"] for each in space["trained"].outcomes]
        np.testing.assert_array_equal(found.arrays["scores"][-1][:, 1, 0], own)
    with pytest.raises(InputError, match="holds no numbers"):
        room.answer("begin", {**given, "x": "name"})
    with pytest.raises(InputError, match="three columns"):
        room.answer("begin", {**given, "x": "weight"})
    room.close()


def test_masks_are_none_without_dropout():
    step = pictures.last_step(50, 20, 0, 1)
    assert step.number == 2
    assert len(step.rows) == 10
    member = Member(RULES["adam"], 0.01, hidden=(3,), batch_size=20)
    with numerics("float32"):
        assert not pictures.dropped(member, 0, step)[0].any()
