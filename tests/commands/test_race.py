"""The verb race: against plain loops over one network at a time, and what may influence what."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from msgspec import to_builtins
from msgspec.structs import asdict
from scipy import stats
from sklearn import metrics as sklearn_metrics

import couloir
from couloir.commands.train import Run, Silent
from couloir.data.dataset import Dataset
from couloir.data.splits import replicate_rows, split_rows
from couloir.engine.folds import epoch_batches
from couloir.engine.member import Member, initial_network
from couloir.engine.optimizers import RULES
from couloir.engine.training import Progress
from couloir.errors import InputError
from couloir.runs.records import text_of
from couloir.runs.records.learned import Standing

ROWS, FEATURES, CLASSES = 110, 4, 3
TEST = np.arange(ROWS - 20, ROWS)
SEED, EPOCHS, BATCH, HIDDEN = 11, 5, 16, (5,)
SMALL = {"seed": SEED, "epochs": EPOCHS, "batch_size": BATCH, "hidden": HIDDEN, "activation": "tanh"}


def dataset() -> Dataset:
    """Three overlapping classes; the last 20 rows are the test part, whatever their labels."""
    random = np.random.default_rng(0)
    inputs = 3 * random.normal(size=(ROWS, FEATURES)) + 5
    logits = inputs @ random.normal(size=(FEATURES, CLASSES))
    target = np.argmax(logits - logits.mean(axis=0) + 2 * random.normal(size=logits.shape), axis=1)
    return replace(couloir.load((inputs, target), task="classification"), test_rows=TEST)


# A race is a loop over plain trainings ------------------------------------------------------------------

LOOPED = {
    "sgd": optax.sgd,
    "momentum": lambda rate: optax.sgd(rate, momentum=0.9),
    "adam": optax.adam,
}
CUSTOMARY = {"sgd": 0.03, "momentum": 0.01, "adam": 0.001}
REPLICATES = 3
CLOSE = {"rel": 1e-10}


class Rows(NamedTuple):
    """Standardised rows to learn from and rows to be scored on, with their classes."""

    inputs: np.ndarray
    classes: np.ndarray
    other_inputs: np.ndarray
    other_classes: np.ndarray


def standardised(data: Dataset, train: np.ndarray, validation: np.ndarray) -> Rows:
    """Columns of mean 0 and variance 1 over the training rows, cut off at their extremes."""
    raw = np.asarray(data.features, np.float64)
    known = raw[train]
    other = np.clip(raw[validation], known.min(axis=0), known.max(axis=0))
    centre, scale = known.mean(axis=0), known.std(axis=0)
    inputs, others = ((part - centre) / scale for part in (known, other))
    return Rows(inputs, data.target[train], others, data.target[validation])


def answers(network: Any, inputs: Any) -> Any:
    """Logits [sample, class] of a network of one hidden layer."""
    (first, first_bias), (second, second_bias) = network
    return jnp.tanh(inputs @ first.T + first_bias[None, :]) @ second.T + second_bias[None, :]


def mean_loss(network: Any, inputs: Any, classes: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(answers(network, inputs), classes).mean()


gradient = jax.jit(jax.grad(mean_loss))


def scored(network: Any, rows: Rows) -> dict[str, float]:
    """Scikit-learn's scores of a network on rows that it has not learnt from."""
    found = np.asarray(jax.nn.softmax(answers(network, rows.other_inputs)))
    return {
        "log_loss": sklearn_metrics.log_loss(rows.other_classes, found, labels=range(CLASSES)),
        "accuracy": sklearn_metrics.accuracy_score(rows.other_classes, found.argmax(axis=1)),
    }


def trained_alone(name: str, rate: float, rows: Rows, seed: int) -> list[dict[str, float]]:
    """One network, batch by batch with Optax, scored after every epoch."""
    start = initial_network(
        Member(RULES["sgd"], 0.1, hidden=HIDDEN, activation="tanh"), seed, FEATURES, CLASSES, float
    )
    network, rule, scores = [tuple(layer) for layer in start], LOOPED[name](rate), []
    state, count = rule.init(network), len(rows.inputs)
    for epoch in range(1, EPOCHS + 1):
        order = epoch_batches(count, BATCH, seed, epoch)[0].ravel()[:count]
        for first in range(0, count, BATCH):
            batch = order[first : first + BATCH]
            slope = gradient(network, rows.inputs[batch], rows.classes[batch])
            change, state = rule.update(slope, state, network)
            network = optax.apply_updates(network, change)
        scores.append(scored(network, rows))
    return scores


@dataclass
class LoopedRace:
    """What the race should find: trainings by rule, rate and replicate, each a list of scores by epoch."""

    tuning: dict[str, dict[float, list[dict[str, float]]]]
    tuned_rate: dict[str, float]
    replicates: dict[tuple[str, str], list[list[dict[str, float]]]]
    sizes: list[tuple[int, int]]

    def best(self, name: str, rate: str = "tuned", metric: str = "log_loss") -> list[float]:
        pick = max if metric == "accuracy" else min
        return [pick(each[metric] for each in run) for run in self.replicates[name, rate]]


@pytest.fixture(scope="module")
def looped() -> Iterator[LoopedRace]:
    data = dataset()
    split = split_rows(data, seed=SEED)
    rest = np.sort(np.concatenate([split.train, split.validation]))
    with jax.enable_x64(True):
        rows = standardised(data, split.train, split.validation)
        tuning = {
            name: {
                rate: trained_alone(name, rate, rows, SEED) for rate in (middle / 100, middle, middle * 100)
            }
            for name, middle in CUSTOMARY.items()
        }
        tuned = {
            name: min(rates, key=lambda rate: min(scores["log_loss"] for scores in rates[rate]))
            for name, rates in tuning.items()
        }
        seeds = range(SEED + 1, SEED + 1 + REPLICATES)
        parts = [replicate_rows(data, rest, len(split.validation) / len(rest), seed) for seed in seeds]
        replicates = {
            (name, kind): [
                trained_alone(name, rate[name], standardised(data, *part), seed)
                for part, seed in zip(parts, seeds, strict=True)
            ]
            for name in LOOPED
            for kind, rate in (("tuned", tuned), ("customary", CUSTOMARY))
        }
        yield LoopedRace(tuning, tuned, replicates, [(len(train), len(other)) for train, other in parts])


@pytest.fixture(scope="module")
def raced() -> Run:
    return couloir.race(
        dataset(), optimizer=list(LOOPED), rates=3, replicates=REPLICATES, precision="float64", **SMALL
    )


def entry(run: Run, name: str) -> Standing:
    (found,) = [each for each in run.record.standing if each.rule == name]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOPED)
def test_the_response_to_the_learning_rate_is_that_of_plain_trainings(
    name: str, raced: Run, looped: LoopedRace
) -> None:
    table = raced.tables["tuning"].filter(rule=name).sort("learning_rate")
    runs = sorted(looped.tuning[name].items())
    assert table["learning_rate"].to_list() == pytest.approx([rate for rate, _ in runs], rel=1e-3)
    losses = [[scores["log_loss"] for scores in run] for _, run in runs]
    assert table["best_loss"].to_list() == pytest.approx([min(each) for each in losses], **CLOSE)
    assert table["final_loss"].to_list() == pytest.approx([each[-1] for each in losses], **CLOSE)
    assert table["best_epoch"].to_list() == [each.index(min(each)) + 1 for each in losses]
    found = entry(raced, name)
    assert found.learning_rate == pytest.approx(looped.tuned_rate[name])
    assert found.customary_rate == CUSTOMARY[name]
    edges = {0: "lowest", 1: None, 2: "highest"}
    tuned_at = [rate for rate, _ in runs].index(looped.tuned_rate[name])
    assert found.at_edge == edges[tuned_at]
    best = [min(each) for each in losses]
    good = [rate for (rate, _), loss in zip(runs, best, strict=True) if loss <= 1.1 * min(best)]
    assert found.good_range == pytest.approx([good[0], good[-1]])  # of three, no gap is possible here
    assert [best[0] <= 1.1 * min(best), best[2] <= 1.1 * min(best)] != [True, True]


@pytest.mark.parametrize("name", LOOPED)
@pytest.mark.parametrize("kind", ["tuned", "customary"])
def test_curves_are_those_of_plain_trainings(name: str, kind: str, raced: Run, looped: LoopedRace) -> None:
    table = raced.tables["curves"].filter(rule=name, rate=kind).sort("replicate", "epoch")
    for column, metric in (("validation_loss", "log_loss"), ("validation_accuracy", "accuracy")):
        expected = [scores[metric] for run in looped.replicates[name, kind] for scores in run]
        assert table[column].to_list() == pytest.approx(expected, **CLOSE)


def interval_by_hand(values: list[float], sizes: list[tuple[int, int]]) -> dict[str, float]:
    """Nadeau and Bengio's interval of a mean over replicates."""
    (train, validation), count = sizes[0], len(values)
    half = stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) * math.sqrt(1 / count + validation / train)
    mean = sum(values) / count
    return {"mean": mean, "low": mean - half, "high": mean + half}


@pytest.mark.parametrize("name", LOOPED)
def test_scores_at_the_tuned_and_at_the_customary_rate(name: str, raced: Run, looped: LoopedRace) -> None:
    assert len(set(looped.sizes)) == 1
    found, final = entry(raced, name), [run[-1] for run in looped.replicates[name, "tuned"]]
    for metric in ("log_loss", "accuracy"):
        tuned, customary = looped.best(name, "tuned", metric), looped.best(name, "customary", metric)
        last = [scores[metric] for scores in final]
        for given, values in ((found.best, tuned), (found.customary_best, customary), (found.final, last)):
            expected = interval_by_hand(values, looped.sizes)
            assert asdict(given[metric]) == pytest.approx(expected, **CLOSE)


@pytest.mark.slow
def test_some_rules_are_better_at_their_tuned_rate(looped: LoopedRace) -> None:
    """Else tuned and customary scores would be the same numbers, and the test above say little."""
    assert [name for name in LOOPED if looped.tuned_rate[name] != CUSTOMARY[name]]
    finals = [run[-1]["log_loss"] for run in looped.replicates["adam", "tuned"]]
    assert finals != looped.best("adam")


def test_steps_and_seconds_to_what_half_of_the_rules_reach(raced: Run, looped: LoopedRace) -> None:
    # Of three rules the second best is the target, replicate by replicate.
    targets = [sorted(looped.best(name)[number] for name in LOOPED)[1] for number in range(REPLICATES)]
    assert raced.record.target.metric == "log_loss"
    assert raced.record.target.value == pytest.approx(sum(targets) / REPLICATES, **CLOSE)
    steps_per_epoch = math.ceil(looped.sizes[0][0] / BATCH)
    assert raced.record.steps_per_epoch == steps_per_epoch
    for name in LOOPED:
        runs, epochs = looped.replicates[name, "tuned"], []
        for run, target in zip(runs, targets, strict=True):
            there = [scores["log_loss"] <= target * (1 + 1e-12) for scores in run]
            epochs.append(there.index(True) + 1 if True in there else math.inf)
        found, median = entry(raced, name), sorted(epochs)[1]
        assert found.reached == sum(map(math.isfinite, epochs))
        assert found.steps_to_target == (steps_per_epoch * median if math.isfinite(median) else None)
        assert (found.seconds_to_target is None) == math.isinf(median)
    reached = [each for each in raced.record.standing if each.steps_to_target]
    seconds = [each.seconds_to_target / each.steps_to_target for each in reached]
    assert seconds == pytest.approx([seconds[0]] * len(seconds)), "a step is as long for every rule"
    assert seconds[0] > 0
    assert 0 < len(reached) < len(LOOPED), "some reach it, and some do not"


def test_the_ranking_and_the_pairs_are_those_of_the_plain_trainings(raced: Run, looped: LoopedRace) -> None:
    means = {name: float(np.mean(looped.best(name))) for name in LOOPED}
    order = sorted(LOOPED, key=lambda name: means[name])
    assert [each.rule for each in raced.record.standing] == order
    assert raced.record.winner.optimizer == order[0]
    train, validation = looped.sizes[0]
    p_values = []
    for pair in raced.record.pairs:
        gaps = np.subtract(looped.best(pair.first), looped.best(pair.second))
        assert pair.difference == pytest.approx(gaps.mean(), **CLOSE)
        assert gaps.mean() <= 0
        t = gaps.mean() / math.sqrt((1 / REPLICATES + validation / train) * gaps.var(ddof=1))
        p_values.append(2 * stats.t.sf(abs(t), REPLICATES - 1))
        assert pair.p == pytest.approx(p_values[-1], rel=1e-8)
    assert len(p_values) == 3
    # Holm: the smallest of three times 3, the next times 2 and not below it, the last not below that.
    adjusted, least = {}, 0.0
    for times, p in zip((3, 2, 1), sorted(p_values), strict=True):
        least = adjusted[p] = max(least, min(1.0, times * p))
    for pair, p in zip(raced.record.pairs, p_values, strict=True):
        assert pair.p_adjusted == pytest.approx(adjusted[p], rel=1e-8)
        assert pair.different == (adjusted[p] < 0.05)


# What may influence what --------------------------------------------------------------------------------

SHORT = {**SMALL, "optimizer": ["sgd", "adam"], "rates": 3, "replicates": 2}


@pytest.fixture(scope="module")
def short() -> Run:
    return couloir.race(dataset(), **SHORT)


def poisoned(data: Dataset, rows: np.ndarray) -> Dataset:
    """The data with other labels and absurd features in the rows named."""
    target, features = data.target.copy(), np.array(data.features)
    target[rows] = (target[rows] + 1) % CLASSES
    features[rows] = 1000 * features[rows] - 7
    return replace(data, target=target, features=features)


def without(record: Any, *names: str) -> Any:
    """A record without some of its entries, at any depth."""
    if isinstance(record, dict):
        return {key: without(value, *names) for key, value in record.items() if key not in names}
    return [without(each, *names) for each in record] if isinstance(record, list) else record


def test_the_test_part_influences_nothing_but_the_test_scores(short: Run) -> None:
    other = couloir.race(poisoned(dataset(), TEST), **SHORT)
    # All that the record has is the same, but the test, clocks, and how the data are described.
    free = ("test", "seconds", "microseconds", "seconds_to_target", "throughput", "created", "ledger", "data")
    same = without(to_builtins(other.record), *free)
    assert same == without(to_builtins(short.record), *free)
    assert {"standing", "pairs", "verdicts", "winner", "validation", "target"} <= set(same)
    for name in ("tuning", "curves"):
        assert other.tables[name].equals(short.tables[name])
    for name in ("history", "leaderboard", "predictions"):
        assert getattr(other, name).equals(getattr(short, name))
    assert other.model.preparation == short.model.preparation
    for ours, theirs in zip(short.model.layers, other.model.layers, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert other.test["log_loss"] > short.test["log_loss"], "the poison shows where it may: in the score"
    assert len(short.record.test.confusion) == CLASSES


def test_a_row_that_is_learnt_from_does_matter(short: Run) -> None:
    """The comparison above can fail: the same poison in twenty other rows changes all of it."""
    other = couloir.race(poisoned(dataset(), np.arange(20)), **SHORT)
    assert not other.tables["curves"].equals(short.tables["curves"])
    assert not other.tables["tuning"].equals(short.tables["tuning"])
    assert other.record.standing != short.record.standing


# What is written and read back --------------------------------------------------------------------------


def test_a_race_is_saved_and_read_back(short: Run, tmp_path: Path) -> None:
    folder = short.save(tmp_path)
    again = couloir.open_run(folder)
    assert again.record == short.record
    assert text_of(again.record) + "\n" == (folder / "run.json").read_text("utf-8")
    assert again.record.kind == "race"
    assert set(again.tables) == {"tuning", "curves"}
    for name, table in short.tables.items():
        assert again.tables[name].equals(table)
    data = dataset()
    assert again.predict((data.features, data.target)).tolist() == short.model.predict(data.features).tolist()
    page = (folder / "report.html").read_text("utf-8")
    assert short.record.verdicts
    assert [verdict for verdict in short.record.verdicts if verdict not in page] == []


def test_the_winner_is_the_first_of_the_standing_trained_at_its_tuned_rate(short: Run) -> None:
    record, first = short.record, short.record.standing[0]
    assert record.winner.optimizer == first.rule
    assert record.winner.learning_rate == first.learning_rate
    board = short.leaderboard.filter(member=record.winner.member)
    assert board["learning_rate"].to_list() == [first.learning_rate]
    assert record.validation["log_loss"] == pytest.approx(board["validation_loss"][0], rel=1e-5)
    assert record.n_trainings == 2 * 3 + 2 * 2 * 2
    assert len(short.tables["curves"]) == 2 * 2 * 2 * EPOCHS
    assert record.left_out == []
    assert record.status == "complete"


def test_the_test_part_is_scored_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path))
    runs = [couloir.race(dataset(), **SHORT) for _ in range(2)]
    assert [run.record.ledger.times_scored for run in runs] == [1, 2]
    assert [each.name for each in runs[0].record.finalists] == ["winner"]


# Races that end early, or are odd -----------------------------------------------------------------------


class Impatient(Silent):
    """Somebody who presses Ctrl-C after an epoch of the replicates, or of the tuning."""

    def __init__(self, epoch: int, folds: int) -> None:
        self.when, self.stages = (epoch, folds), []

    def epoch(self, progress: Progress) -> None:
        if (progress.epoch, len(progress.folds)) == self.when:
            signal.raise_signal(signal.SIGINT)

    def stage(self, what: str) -> None:
        self.stages.append(what)


def test_an_interrupted_race_has_equal_epochs_for_all(short: Run) -> None:
    watcher = Impatient(2, folds=2)
    run = couloir.race(dataset(), observer=watcher, **SHORT)
    assert run.record.status == "interrupted"
    assert any("interrupted" in stage for stage in watcher.stages)
    assert run.record.epochs == 2
    counted = run.tables["curves"].group_by("rule", "rate", "replicate").len()
    assert counted["len"].to_list() == [2] * 8
    whole = short.tables["curves"].filter(short.tables["curves"]["epoch"] <= 2)
    assert run.tables["curves"].equals(whole), "what was raced is the beginning of the whole race"
    assert run.tables["tuning"].equals(short.tables["tuning"])


def test_an_interruption_while_tuning_ends_in_a_run_that_says_so() -> None:
    run = couloir.race(dataset(), observer=Impatient(2, folds=1), **SHORT)
    assert run.record.status == "interrupted"
    assert set(run.history.group_by("member").len()["len"]) == {2}
    assert run.record.epochs == 1
    assert run.tables["curves"]["epoch"].unique().to_list() == [1]


def exploding(name: str = "exploding") -> Any:
    """A rule whose weights are no numbers after its first step."""
    return replace(
        RULES["sgd"],
        name=name,
        update=lambda g, state, w, h: (jax.tree.map(lambda leaf: leaf * jnp.nan, g), state),
    )


@pytest.fixture(scope="module")
def alone() -> Run:
    """Regression, one replicate, and one rule that is left, since the other diverges at every rate."""
    random = np.random.default_rng(5)
    inputs = random.normal(size=(70, 3))
    target = 20 + 7 * inputs @ [1.0, -2.0, 0.5] + random.normal(size=70)
    data = couloir.load((inputs, target), task="regression")
    return couloir.race(data, optimizer=["adam", exploding()], rates=2, replicates=1, **SMALL)


@pytest.mark.slow
def test_a_rule_that_diverges_at_every_rate_is_left_out_and_named(alone: Run) -> None:
    record = alone.record
    assert [each.rule for each in record.standing] == ["adam"]
    assert record.left_out == ["exploding"]
    assert record.verdicts == ["exploding diverged at every learning rate and is left out."]
    assert alone.tables["tuning"].filter(rule="exploding")["status"].to_list() == ["diverged"] * 2
    assert alone.tables["tuning"].filter(rule="exploding")["best_loss"].to_list() == [None] * 2
    assert alone.tables["curves"]["rule"].unique().to_list() == ["adam"]


def test_one_rule_and_one_replicate_have_scores_and_no_claims(alone: Run) -> None:
    record = alone.record
    assert record.pairs == []
    best = record.standing[0].best
    assert set(best) == {"mse", "mae", "r2"}
    assert best["mse"].mean == pytest.approx(
        alone.tables["curves"].filter(rate="tuned")["validation_loss"].min()
    )
    assert best["r2"].mean == alone.tables["curves"].filter(rate="tuned")["validation_r2"].max()
    assert best["mse"].low is best["mse"].high is None
    assert record.metric == "mse"
    # What half of one rule reaches is its own best, at the epoch that was best.
    curve = alone.tables["curves"].filter(rate="tuned").sort("epoch")["validation_loss"].to_list()
    assert record.standing[0].steps_to_target == (curve.index(min(curve)) + 1) * record.steps_per_epoch
    assert record.target.value == pytest.approx(min(curve))


def test_the_odd_race_is_written_and_read_back(alone: Run, tmp_path: Path) -> None:
    folder = alone.save(tmp_path)
    assert couloir.open_run(folder).record == alone.record
    assert "exploding diverged at every learning rate" in (folder / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_races_by_accuracy_are_won_by_the_most_accurate() -> None:
    run = couloir.race(dataset(), **{**SHORT, "rates": 1}, metric="accuracy")
    curves = run.tables["curves"].filter(rate="tuned")
    best = {
        (rule, number): curves.filter(rule=rule, replicate=number)["validation_accuracy"].max()
        for rule in ("sgd", "adam")
        for number in range(2)
    }
    means = {rule: np.mean([best[rule, number] for number in range(2)]) for rule in ("sgd", "adam")}
    assert means["sgd"] != means["adam"]
    order = sorted(means, key=lambda rule: -means[rule])
    assert [each.rule for each in run.record.standing] == order
    for each in run.record.standing:
        assert each.best["accuracy"].mean == pytest.approx(means[each.rule])
        assert each.at_edge is None
        assert each.learning_rate == each.customary_rate
    (pair,) = run.record.pairs
    assert (pair.first, pair.second) == tuple(order)
    assert pair.difference == pytest.approx(means[order[1]] - means[order[0]])
    # Of two rules the better one's score is the target.
    targets = [max(best[rule, number] for rule in means) for number in range(2)]
    assert run.record.target.metric == "accuracy"
    assert run.record.target.value == pytest.approx(np.mean(targets))


# A person's mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"hidden": ((4,), (8,))}, "one and the same network"),
        ({"l2": [0.0, 0.1]}, "one value of every option but the optimizer"),
        ({"restarts": 3}, "no option 'restarts'"),
        ({"epochs": [5, 10]}, "one and the same network"),
        ({"learning_rate": [0.1, 0.2]}, "every rule's learning rate itself"),
        ({"optimizer": ["adma"]}, "'adam'"),
        ({"optimizer": [RULES["adam"], replace(RULES["sgd"], name="adam")]}, "Two rules are called 'adam'"),
        ({"optimizer": exploding()}, "Every rule diverged at every learning rate"),
        ({"rates": 0}, "rates 0"),
        ({"replicates": 0}, "replicates 0"),
        ({"metric": "mse"}, "classification"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_mistake_ends_in_a_sentence(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        couloir.race(dataset(), **{"optimizer": "sgd", "rates": 1, "replicates": 1, **SMALL, **given})
    assert told in str(caught.value)
