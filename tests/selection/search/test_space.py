"""The search space: read, shown, and turned into members and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.placement import Cohort
from couloir.errors import InputError
from couloir.selection import portfolio
from couloir.selection.members import Options
from couloir.selection.search.entries import Choices, Fixed, Range
from couloir.selection.search.space import Space
from searches import RULES_SPACE

CLASSES = "classification"


def read(folder: Path, text: str, task: str = CLASSES, rows: int = 1000) -> Space:
    path = folder / "space.toml"
    path.write_text(text, "utf-8")
    return Space.read(path, task, rows)


def test_the_default_space_is_around_the_portfolio() -> None:
    entries = Space.default(CLASSES, portfolio.ROWS).entries
    assert entries["optimizer"] == Fixed("adamw")
    assert entries["schedule"] == Fixed("one_cycle")
    assert entries["encoding"] == Choices(
        ("standard", "piecewise", "robust", "piecewise+neighbours", "robust+neighbours")
    )
    assert entries["layers"] == Choices((2, 3))
    assert entries["l1"] == Fixed(0.0)
    assert entries["epochs"] == Range(10, 40, log=True, whole=True)
    assert entries["loss"] == Fixed("cross_entropy")
    assert Space.default("regression", 1000).entries["loss"] == Fixed("mse")
    assert Space.default(CLASSES, 1000, plain=True).entries["encoding"] == Fixed("standard")


@pytest.mark.parametrize("rows", [1, 40, 700, 3000, 50_000, 1_000_000])
@pytest.mark.parametrize("task", [CLASSES, "regression"])
def test_every_setting_of_the_portfolio_lies_in_the_default_space(task: str, rows: int) -> None:
    space = Space.default(task, rows)
    for member in portfolio.members(task, rows):
        found = space.parameters(member)
        assert found is not None
        again = space.member(found)
        assert replace(again, numbers={}) == replace(member, numbers={})
        assert again.hyper() == member.hyper()


@pytest.mark.parametrize(
    ("rows", "epochs"),
    [
        (48_000, Range(5, 20, log=True, whole=True)),
        (1, Range(74, 100, log=True, whole=True)),
        (16, Range(37, 100, log=True, whole=True)),
        (10**9, Fixed(3)),
    ],
)
def test_epochs_are_sized_to_the_rows(rows: int, epochs: Range | Fixed) -> None:
    """Sixteen times the rows are gone through half as often; never more than 100 times, or fewer than 3."""
    space = Space.default(CLASSES, rows)
    assert space.entries["epochs"] == epochs
    assert space.entries["batch_size"] == Fixed(portfolio.batch_size(rows))


def test_trials_of_one_cycle_alone_come_to_rest_at_their_end(tmp_path: Path) -> None:
    assert Space.default(CLASSES, 1000).to_the_end
    assert not read(tmp_path, 'schedule = ["one_cycle", "constant"]').to_the_end
    assert not Space.default(CLASSES, 1000).with_values({"schedule": ["cosine"]}).to_the_end


MINE = """
optimizer = ["adam", "optax.lion"]   # a comment
learning_rate = { low = 1e-4, high = 0.1, log = true }
hidden = ["64,32", "none"]
dropout = { low = 0.0, high = 0.4, step = 0.2 }
epochs = 7
noise = 0.5
"""


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_what_is_shown_reads_back_to_the_same_space(tmp_path: Path, task: str) -> None:
    for space in (Space.default(task, 500), read(tmp_path, MINE, task)):
        # rows differ, so an entry that show left out would come back as another default
        assert read(tmp_path, space.show(), task, rows=40) == space
        assert Space.from_json(space.to_json()) == space


def test_names_left_out_take_the_default_and_the_other_way_to_say_it_is_dropped(tmp_path: Path) -> None:
    space, default = read(tmp_path, MINE), Space.default(CLASSES, 1000)
    assert space.entries["l2"] == default.entries["l2"]
    assert {"rate", "layers", "width"}.isdisjoint(space.entries)
    assert read(tmp_path, "") == default


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("drop_out = 0.1", "In space.toml: there is no hyperparameter 'drop_out': did you mean 'dropout'"),
        ('optimizer = "adm"', "In space.toml, optimizer: there is no optimizer 'adm': did you mean 'adam'"),
        ("l2 = { low = 1.0, high = 0.1 }", "In space.toml, l2: low = 1 is not below high = 0.1"),
        ("dropout = 1.0", "In space.toml, dropout: the dropout 1.0 cannot be used"),
        ("rate = 1.0\nlearning_rate = 0.1", "'rate' and 'learning_rate' say the same thing"),
        ('width = 8\nhidden = "8"', "'width' and 'hidden' say the same thing"),
        ("l2 = 1\nl1 = = 2", "line 2"),
        ("l2 = 1\nl2 = 2\n", "line 2"),
        ("[space]\nl2 = 1", "no hyperparameter 'space'"),
        (
            'activation = ["relu", "relu-tanh"]',
            "In space.toml, activation: the activation 'relu-tanh' is for 2 hidden layers, and the network "
            "has 3 hidden layers",
        ),
        ('activation = "relu-tanh"\nhidden = ["8,8", "4,4,4"]', "the network has 3 hidden layers"),
        ('activation = "relu-tahn"\nlayers = 2', "did you mean 'tanh'"),
    ],
)
def test_mistakes_in_the_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert "space.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_activations_of_each_layer_where_all_networks_have_as_many(tmp_path: Path) -> None:
    text = 'activation = ["relu", "relu-tanh"]\nhidden = ["8,4", "none"]\nepochs = 3\noptimizer = "adam"\n'
    space = read(tmp_path, text)
    assert read(tmp_path, space.show()) == space
    deep = Member(RULES["adam"], 0.001, hidden=(8, 4), activation="relu-tanh", epochs=3)
    found = space.parameters(deep, nearest=True)
    assert found is not None
    assert (found["hidden"], found["activation"]) == ("8,4", "relu-tanh")
    again = space.member(found)
    assert (again.hidden, again.activation) == ((8, 4), "relu-tanh")
    assert space.member(found | {"hidden": "none"}).activation == "relu"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no search space '.*none\.toml'"):
        Space.read(tmp_path / "none.toml", CLASSES, 100)
    with pytest.raises(InputError, match="cannot be read"):
        Space.read(tmp_path, CLASSES, 100)
    (tmp_path / "bytes.toml").write_bytes(b"l2 = \xff")
    with pytest.raises(InputError, match="UTF-8"):
        Space.read(tmp_path / "bytes.toml", CLASSES, 100)


def test_momentum_is_searched_only_for_rules_that_have_one(tmp_path: Path) -> None:
    assert "momentum" in RULES_SPACE.distributions
    assert "momentum" not in Space.default(CLASSES, 1000).searched
    assert "momentum" in read(tmp_path, 'optimizer = ["adam", "nesterov"]').searched
    assert "momentum" not in read(tmp_path, 'optimizer = ["adam", "sgd"]').searched


def test_distributions_are_those_of_the_searched_names() -> None:
    space = Space.default(CLASSES, 1000)
    assert tuple(space.distributions) == space.searched
    assert {"l1", "warmup", "batch_size", "loss"}.isdisjoint(space.searched)


def sampled(space: Space, count: int = 40) -> list[dict[str, object]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    return [study.ask(space.distributions).params for _ in range(count)]


def test_trials_that_share_the_static_names_share_a_program(tmp_path: Path) -> None:
    for space in (Space.default(CLASSES, 1000), RULES_SPACE, read(tmp_path, MINE)):
        trials = sampled(space)
        static = {name: trials[0][name] for name in space.static}
        members = [space.member(trial | static) for trial in trials]
        assert len({Cohort.of(member) for member in members}) == 1
        assert len({member.rule for member in members}) == 1
    own = {"layers", "width", "activation"}
    assert set(RULES_SPACE.static) == own | {"optimizer", "batch_size", "noise"}
    assert set(Space.default(CLASSES, 1000).static) == own | {"encoding", "epochs"}


def test_a_member_has_the_trials_values() -> None:
    space = RULES_SPACE
    trial = {
        "optimizer": "nesterov",
        "rate": 0.5,
        "momentum": 0.85,
        "schedule": "cosine",
        "batch_size": 64,
        "layers": 2,
        "width": 16,
        "activation": "silu",
        "l2": 1e-3,
        "dropout": 0.1 + 0.2,
        "noise": 0.2,
    }
    assert space.member(trial) == Member(
        rule=RULES["nesterov"],
        learning_rate=0.5 * RULES["nesterov"].defaults["learning_rate"],
        numbers={"momentum": 0.85},
        hidden=(16, 16),
        activation="silu",
        batch_size=64,
        l2=1e-3,
        dropout=0.3,
        noise=0.2,
        schedule="cosine",
    )
    assert not space.member(trial | {"optimizer": "adam"}).numbers


def test_members_of_an_own_space(tmp_path: Path) -> None:
    space = read(tmp_path, MINE)
    trial = space.parameters(space.member(sampled(space)[0]))
    assert trial is not None
    member = space.member(trial | {"hidden": "64,32", "optimizer": "optax.lion", "learning_rate": 0.01})
    assert (member.hidden, member.rule.name, member.learning_rate) == ((64, 32), "optax.lion", 0.01)
    assert (member.epochs, member.noise) == (7, 0.5)
    linear = space.member(trial | {"hidden": "none", "dropout": 0.4, "activation": "silu"})
    assert (linear.hidden, linear.dropout, linear.activation) == ((), 0.0, "relu")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dropout": 0.25}, "The dropout 0.25 is not in the space"),
        ({"width": 17}, "The width 17 is not in the space"),
        ({"activation": "elu"}, "not in the space"),
        ({"rate": "1"}, "not in the space"),
        ({"droput": 0.1}, "did you mean 'dropout'"),
        ({"epochs": 100}, "no searched hyperparameter 'epochs'"),
    ],
)
def test_parameters_outside_the_space(change: dict[str, object], words: str) -> None:
    space = RULES_SPACE
    with pytest.raises(InputError, match=words):
        space.member(sampled(space, 1)[0] | change)


def test_a_missing_parameter() -> None:
    space = RULES_SPACE
    trial = sampled(space, 1)[0]
    del trial["noise"]
    with pytest.raises(InputError, match="no 'noise'"):
        space.member(trial)


def test_parameters_are_the_inverse_of_member(tmp_path: Path) -> None:
    wide = "layers = { low = 0, high = 2 }"
    for space in (Space.default(CLASSES, 1000), RULES_SPACE, read(tmp_path, MINE), read(tmp_path, wide)):
        for trial in sampled(space):
            member = space.member(trial)
            back = space.parameters(member)
            assert back is not None
            assert space.member(back) == member


def test_members_outside_the_space_have_no_parameters() -> None:
    space = RULES_SPACE
    inside = space.member(sampled(space, 1)[0])
    for change in (
        {"l2": 0.0},
        {"dropout": 0.25},
        {"batch_size": 33},
        {"hidden": (16, 32)},
        {"hidden": (16,) * 4},
        {"activation": "elu"},
        {"epochs": 50},
        {"learning_rate": 1e9},
        {"restart": 1},
    ):
        assert space.parameters(replace(inside, **change)) is None, change
    assert space.parameters(inside) is not None


def test_a_population_of_rules_enters_by_its_nearest_parameters() -> None:
    space = RULES_SPACE
    for member in Options().members(CLASSES):
        nearest = space.parameters(member, nearest=True)
        assert nearest is not None
        moved = space.member(nearest)
        # No penalty is not in a logarithmic range; all else is kept as it is.
        numbers = {name: value for name, value in member.hyper().items() if name == "momentum"}
        assert moved == replace(member, l2=1e-7, numbers=numbers)
        other = space.parameters(replace(member, activation="elu"), nearest=True)
        assert other == nearest, "another name moves to the first that is there"
    assert space.with_values({"optimizer": ["adam"]}).parameters(member, nearest=True) is None
