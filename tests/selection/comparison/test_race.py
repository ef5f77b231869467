"""What a race says of its scores: by hand, on made-up curves, and over many whole races of equals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
import pytest

import couloir
from couloir.data.dataset import Dataset
from couloir.data.splits import replicate_rows, split_rows
from couloir.engine.epochs import Part
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.outcomes import Outcome, Trained
from couloir.engine.training import Progress
from couloir.runs.records.learned import Interval
from couloir.selection.comparison import race as module
from couloir.selection.comparison.race import (
    Curves,
    Race,
    best_rates,
    curves_table,
    good_range,
    replicate,
    run_race,
    seconds_per_step,
    standing,
    tuning_rates,
    tuning_table,
)
from couloir.selection.problem import Conditions, Problem, prepare

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"

# Made-up races ------------------------------------------------------------------------------------------


def outcome(
    rule: str, rate: float, losses: Sequence[float], accuracies: Sequence[float] | None = None
) -> Any:
    """A member's outcome with these validation scores by epoch; it diverged if the last is no number."""
    shares = accuracies or [0.5] * len(losses)
    scores = [
        {"log_loss": loss, "accuracy": share, "balanced_accuracy": share}
        for loss, share in zip(losses, shares, strict=True)
    ]
    finite = [loss for loss in losses if math.isfinite(loss)]
    return Outcome(
        Member(RULES[rule], rate, epochs=len(losses)),
        "finished" if len(finite) == len(losses) else "diverged",
        losses.index(min(finite)) + 1 if finite else 0,
        min(finite, default=math.nan),
        [{"log_loss": 0.0, "accuracy": 1.0, "balanced_accuracy": 1.0}] * len(losses),
        scores,
    )


def curves(rule: str, values: Any) -> Curves:
    """Curves of one rule whose metrics are all these numbers, [replicate, epoch]."""
    values = np.array(values, float)
    outcomes = [outcome(rule, 0.1, list(row)) for row in values]
    names = ("log_loss", "accuracy", "balanced_accuracy")
    return Curves(outcomes[0].member, outcomes, dict.fromkeys(names, values))


def made_up(
    replicates: dict[str, Any], metric: str = "log_loss", tuning: Sequence[Outcome] = (), steps: int = 7
) -> Race:
    """A race with these validation scores: rule → [replicate, epoch], NaN where it diverged."""
    at_tuned = {name: curves(name, values) for name, values in replicates.items()}
    tried = list(tuning) or [outcome(name, 0.1, [1.0]) for name in replicates]
    folds = [list(fold) for fold in zip(*(each.outcomes for each in at_tuned.values()), strict=True)]
    trained = Trained([tried], metric, 0, 1.0, 0.0)
    tuned = {name: each.outcomes[0] for name, each in at_tuned.items()}
    replicas = Trained(folds, metric, 0, 6.0, 0.0)
    epochs = len(folds[0][0].validation)
    return Race(metric, trained, tuned, at_tuned, at_tuned, 70, 15, steps, replicas, epochs)


NAN = math.nan


# The rates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_rates_are_spread_evenly_over_four_decades_around_the_customary_one(name: str) -> None:
    middle = RULES[name].defaults["learning_rate"]
    rates = tuning_rates(RULES[name], 12)
    assert len(rates) == 12
    assert rates[0] == pytest.approx(middle / 100, rel=1e-3)
    assert rates[-1] == pytest.approx(middle * 100, rel=1e-3)
    ratios = np.divide(rates[1:], rates[:-1])
    assert ratios == pytest.approx([10 ** (4 / 11)] * 11, rel=1e-3)


def test_few_rates() -> None:
    assert tuning_rates(RULES["sgd"], 1) == [0.03]
    assert tuning_rates(RULES["sgd"], 3) == [0.0003, 0.03, 3.0]
    assert tuning_rates(RULES["adam"], 2) == [1e-5, 0.1]


def test_the_best_rate_has_the_best_epoch_and_never_diverged() -> None:
    tried = [
        outcome("sgd", 0.1, [0.9, 0.5, 0.8]),
        outcome("sgd", 1.0, [0.1, NAN]),
        outcome("adam", 0.2, [NAN]),
        outcome("sgd", 0.3, [0.6, 0.55, 0.51]),
        outcome("adam", 0.4, [0.3, NAN]),
        outcome("momentum", 0.4, [0.7, 0.7, 0.7]),
    ]
    found = best_rates(Trained([tried], "log_loss", 0, 1.0, 0.0), "log_loss")
    assert found == {"sgd": tried[0], "momentum": tried[5]}


RATES = (0.001, 0.01, 0.1, 1.0, 10.0)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        # Within a tenth of 1.0 on both sides of it; 1.1 itself is.
        ([2.0, 1.1, 1.0, 1.09, 3.0], (0.01, 1.0)),
        # A good rate beyond a bad one is not in the range.
        ([1.05, 1.101, 1.0, 2.0, 1.01], (0.1, 0.1)),
        # The range ends at what was tried, and at what diverged.
        ([1.0, 1.0, NAN, 1.0, 1.0], (0.001, 0.01)),
        ([9.0, 9.0, 1.05, 1.04, 1.0], (0.1, 10.0)),
        ([NAN, NAN, 5.0, NAN, NAN], (0.1, 0.1)),
        ([NAN] * 5, None),
    ],
)
def test_the_good_range_by_hand(losses: list[float], expected: tuple[float, float] | None) -> None:
    tried = [outcome("sgd", rate, [loss]) for rate, loss in zip(RATES, losses, strict=True)]
    assert good_range(tried, "log_loss") == expected
    assert good_range(tried[::-1], "log_loss") == expected, "whatever the order they come in"


def test_the_good_range_is_of_losses_even_where_rules_are_raced_by_accuracy() -> None:
    tried = [outcome("sgd", rate, [loss], [0.9]) for rate, loss in ((0.1, 1.0), (0.2, 1.05), (0.3, 1.2))]
    assert good_range(tried, "accuracy") == (0.1, 0.2)


@pytest.mark.parametrize(
    ("rate", "tried", "expected"),
    [
        (0.1, RATES, None),
        (0.001, RATES, "lowest"),
        (10.0, RATES, "highest"),
        (0.1, (0.1,), None),
    ],
)
def test_a_best_rate_at_the_edge_is_marked(rate: float, tried: Sequence[float], expected: str | None) -> None:
    made = made_up({"sgd": [[0.5]]}, tuning=[outcome("sgd", each, [1.0]) for each in tried])
    at = replace(made.at_tuned["sgd"], member=replace(made.at_tuned["sgd"].member, learning_rate=rate))
    (found,) = standing(replace(made, at_tuned={"sgd": at}))
    assert (found.learning_rate, found.at_edge) == (rate, expected)


# Replicates: scores, targets, ranks ---------------------------------------------------------------------


def test_best_and_last_scores_and_who_diverged() -> None:
    found = curves("sgd", [[0.9, 0.4, 0.6], [0.3, 0.2, 0.1], [NAN] * 3])
    assert found.best("log_loss") == pytest.approx([0.4, 0.1, NAN], nan_ok=True)
    assert found.best("accuracy") == pytest.approx([0.9, 0.3, NAN], nan_ok=True)
    assert found.final("log_loss") == pytest.approx([0.6, 0.1, NAN], nan_ok=True)
    assert found.diverged == 1


def test_the_first_epoch_at_a_target_by_hand() -> None:
    found = curves("sgd", [[0.9, 0.4, 0.6], [0.3, 0.2, 0.1], [NAN] * 3, [0.5, 0.5, 0.5]])
    assert found.epochs_to("log_loss", np.array([0.6, 0.05, 1.0, 0.5])).tolist() == [2, math.inf, math.inf, 1]
    assert found.epochs_to("accuracy", np.array([0.95, 0.25, 0.0, 0.5])).tolist() == [
        math.inf,
        1,
        math.inf,
        1,
    ]
    assert found.epochs_to("log_loss", np.full(4, NAN)).tolist() == [math.inf] * 4


FOUR = {
    "sgd": [[0.9, 0.5, 0.6], [0.8, 0.7, 0.65]],
    "momentum": [[0.4, 0.3, 0.2], [0.5, 0.5, 0.4]],
    "adam": [[0.6, 0.4, 0.41], [0.3, 0.35, 0.3]],
    "adamw": [[0.7, 0.7, 0.7], [NAN, NAN, NAN]],
}


def test_the_target_of_a_replicate_is_what_half_of_the_rules_reach() -> None:
    # The best are 0.5, 0.2, 0.4, 0.7 and 0.65, 0.4, 0.3, none: the second of four is 0.4 in both.
    made = made_up(FOUR)
    assert made.targets().tolist() == [0.4, 0.4]
    by_rule = {each.rule: each for each in standing(made)}
    reached = {name: (each.reached, each.steps_to_target) for name, each in by_rule.items()}
    # Half of two replicates is one: the earlier epoch counts, in steps of which there are 7 an epoch.
    assert reached == {"sgd": (0, None), "momentum": (2, 7.0), "adam": (2, 7.0), "adamw": (0, None)}


def test_targets_where_more_is_better() -> None:
    # The highest are 0.9, 0.4, 0.6, 0.7 and 0.8, 0.5, 0.35, none: the means 0.85, 0.45, 0.475.
    made = made_up(FOUR, "accuracy")
    assert made.targets().tolist() == [0.7, 0.5]
    assert made.at_tuned["sgd"].epochs_to("accuracy", made.targets()).tolist() == [1, 1]
    assert made.ranking() == ["sgd", "adam", "momentum", "adamw"]


def test_three_rules_share_the_target_of_the_second() -> None:
    made = made_up({"sgd": [[0.5]], "adam": [[0.2]], "adamw": [[0.3]]})
    assert made.targets().tolist() == [0.3]


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_nobody_reaches_a_target_where_most_have_diverged(metric: str) -> None:
    made = made_up({"sgd": [[0.5], [0.5]], "adam": [[NAN], [0.2]], "adamw": [[NAN], [0.3]]}, metric)
    targets = made.targets()
    assert np.isnan(targets).tolist() == [True, False]
    assert made.at_tuned["sgd"].epochs_to(metric, targets)[0] == math.inf


def test_steps_to_the_target_are_the_lower_median_over_replicates() -> None:
    """Of rules in pairs the better is the target; here sgd is, always at its last epoch or earlier."""
    epochs = {1: [0.1, 0.1, 0.1], 2: [0.9, 0.1, 0.1], 3: [0.9, 0.8, 0.1]}
    worse = [[0.5, 0.5, 0.5]]
    for arrivals, median in (((3, 1, 2), 2), ((1, 2, 3, 3), 2), ((3, 3, 1, 3), 3), ((2,), 2)):
        made = made_up({"sgd": [epochs[n] for n in arrivals], "adam": worse * len(arrivals)}, steps=10)
        sgd, adam = standing(made)
        assert (sgd.rule, sgd.reached, sgd.steps_to_target) == ("sgd", len(arrivals), 10.0 * median)
        assert (adam.reached, adam.steps_to_target, adam.seconds_to_target) == (0, None, None)


def test_a_target_that_is_reached_in_less_than_half_of_the_replicates_has_no_steps() -> None:
    ahead, behind = [[0.1]], [[0.5]]
    made = made_up({"sgd": ahead * 2 + behind * 3, "adam": behind * 2 + ahead * 3})
    found = {each.rule: (each.reached, each.steps_to_target) for each in standing(made)}
    assert found == {"sgd": (2, None), "adam": (3, 7.0)}


def test_seconds_are_a_member_s_share_of_what_all_took() -> None:
    """Six seconds for two rules in three replicates of two epochs of 7 steps."""
    made = made_up({"sgd": [[0.5, 0.1]] * 3, "adam": [[0.3, 0.2]] * 3})
    assert seconds_per_step(made) == pytest.approx(6 / (2 * 3 * 2 * 7))
    sgd = standing(made)[0]
    assert sgd.seconds_to_target == pytest.approx(2 * 7 * 6 / 84)


def test_rules_that_diverged_come_last_and_are_not_compared() -> None:
    made = made_up(
        {
            "adamw": [[NAN], [NAN], [NAN]],
            "sgd": [[0.01], [NAN], [0.01]],
            "momentum": [[0.5], [0.6], [0.7]],
            "adam": [[0.4], [0.5], [0.7]],
        }
    )
    assert made.ranking() == ["adam", "momentum", "sgd", "adamw"]
    tested = {(pair.first, pair.second) for pair in made.pairs() if pair.different is not None}
    assert tested == {("adam", "momentum")}
    by_rule = {each.rule: each for each in standing(made)}
    assert [by_rule[name].best is None for name in made.ranking()] == [False, False, True, True]
    assert [by_rule[name].diverged for name in made.ranking()] == [0, 0, 1, 3]
    said = made.verdicts()
    assert "sgd diverged in 1 of 3 replicates and is not compared." in said
    assert "adamw diverged in 3 of 3 replicates and is not compared." in said


def test_who_diverged_while_tuning_is_counted_and_left_out() -> None:
    tuning = [
        outcome("sgd", 0.1, [0.9]),
        outcome("sgd", 1.0, [NAN]),
        outcome("adam", 0.1, [NAN]),
        outcome("adam", 1.0, [NAN]),
    ]
    made = made_up({"sgd": [[0.5], [0.4]]}, tuning=tuning)
    assert made.left_out == ["adam"]
    assert made.verdicts() == ["adam diverged at every learning rate and is left out."]
    assert standing(made)[0].tuning_diverged == 1
    assert tuning_table(made)["best_loss"].to_list() == [0.9, None, None, None]
    assert tuning_table(made)["diverged_epoch"].to_list() == [None, 1, 1, 1]


def test_one_replicate_makes_no_claims() -> None:
    made = made_up({"sgd": [[0.5]], "adam": [[0.1]]})
    assert made.verdicts() == ["One replicate alone cannot show which differences are real."]
    assert made.pairs()[0].difference == pytest.approx(-0.4)
    assert standing(made)[0].best["log_loss"] == Interval(mean=0.1, low=None, high=None)


def test_curves_have_a_row_for_every_epoch_that_was_run_and_no_numbers_that_are_none() -> None:
    table = curves_table(made_up({"sgd": [[0.5, 0.4], [NAN, NAN]]}))
    assert len(table) == 2 * 2 * 2  # at the tuned and at the customary rate
    assert table.filter(rate="tuned", replicate=0)["validation_loss"].to_list() == [0.5, 0.4]
    assert table.filter(rate="tuned", replicate=1)["validation_loss"].to_list() == [None, None]


# Rows, and what reaches what ----------------------------------------------------------------------------

CONDITIONS = Conditions(seed=4)


@pytest.fixture(scope="module")
def data() -> Dataset:
    random = np.random.default_rng(8)
    classes = np.arange(100) % 2
    inputs = random.normal(size=(100, 4)) + classes[:, None]
    return couloir.load((inputs, classes), task="classification")


@pytest.fixture(scope="module")
def problem(data: Dataset) -> Problem:
    return prepare(data, CONDITIONS)


def divided(data: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a replicate: those outside of the test part, with the shares that the run's split has."""
    split = split_rows(data, seed=CONDITIONS.seed)
    rest = np.concatenate([split.train, split.validation])
    return replicate_rows(data, rest, len(split.validation) / len(rest), seed)


def test_replicates_divide_what_is_not_in_the_test_part(data: Dataset, problem: Problem) -> None:
    split, seen = split_rows(data, seed=CONDITIONS.seed), [divided(data, seed) for seed in range(5, 9)]
    parts = [replicate(problem, CONDITIONS, seed) for seed in range(5, 9)]
    for part, (train, validation) in zip(parts, seen, strict=True):
        assert part.validation is not None
        assert (len(part.train.inputs), len(part.validation.inputs)) == (len(train), len(validation))
        together = np.sort(np.concatenate([train, validation, split.test]))
        assert together.tolist() == list(range(len(data)))
        assert len(validation) == pytest.approx(len(split.validation), abs=1)
        assert part.train.targets.tolist() == data.target[train].tolist()
        assert part.validation.targets.tolist() == data.target[validation].tolist()
    assert len({validation.tobytes() for _, validation in seen}) == 4


def test_a_replicate_is_prepared_by_its_own_training_rows_alone(data: Dataset, problem: Problem) -> None:
    clean = replicate(problem, CONDITIONS, 5)
    train, validation = divided(data, 5)
    assert np.intersect1d(np.union1d(train, validation), problem.split.test).size == 0
    features = np.array(data.features)
    features[np.setdiff1d(np.arange(100), train)] *= -1000
    other = replicate(replace(problem, dataset=replace(data, features=features)), CONDITIONS, 5)
    assert np.array_equal(other.train.inputs, clean.train.inputs)
    assert other.validation is not None
    assert clean.validation is not None
    assert not np.array_equal(other.validation.inputs, clean.validation.inputs)
    known = np.asarray(data.features)[train]
    assert clean.train.inputs == pytest.approx((known - known.mean(axis=0)) / known.std(axis=0), abs=1e-5)


SMALL = [
    Member(RULES[name], 0.1, hidden=(3,), activation="tanh", batch_size=24, epochs=3)
    for name in ("sgd", "adam")
]


def raced(problem: Problem) -> tuple[Race, dict[tuple[int, int], list[np.ndarray]]]:
    """A race, and every replicate's weights after its last epoch."""
    last: dict[tuple[int, int], list[np.ndarray]] = {}

    def note(progress: Progress) -> None:
        if len(progress.folds) == 3:
            for fold in range(3):
                for number, network in progress.networks(fold).items():
                    last[fold, number] = [np.asarray(leaf) for leaf in jax.tree.leaves(network)]

    return run_race(problem, SMALL, CONDITIONS, "log_loss", 2, 3, note), last


@pytest.mark.slow
def test_the_validation_labels_of_a_replicate_reach_nothing_that_is_fitted(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, networks = raced(problem)

    def poisoned(problem: Problem, conditions: Conditions, seed: int) -> Any:
        part = replicate(problem, conditions, seed)
        if seed != CONDITIONS.seed + 2:
            return part
        assert part.validation is not None
        return replace(part, validation=Part(part.validation.inputs, 1 - part.validation.targets))

    # A race has no argument for its replicates' rows, and labels changed in the data would move rows.
    monkeypatch.setattr(module, "replicate", poisoned)
    dirty, elsewhere = raced(problem)
    assert networks.keys() == elsewhere.keys() == {(fold, n) for fold in range(3) for n in range(4)}
    for place, leaves in networks.items():
        assert all(np.array_equal(a, b) for a, b in zip(leaves, elsewhere[place], strict=True))
    for fold, (ours, theirs) in enumerate(zip(clean.replicas.folds, dirty.replicas.folds, strict=True)):
        for one, other in zip(ours, theirs, strict=True):
            assert one.training == other.training
            assert (one.validation == other.validation) == (fold != 1), "the poison shows where it may"
    for one, other in zip(clean.tuning.outcomes, dirty.tuning.outcomes, strict=True):
        assert (one.training, one.validation) == (other.training, other.validation)
    assert {name: each.member for name, each in clean.tuned.items()} == {
        name: each.member for name, each in dirty.tuned.items()
    }


# Whole races of equals ----------------------------------------------------------------------------------

RACES = 40


@pytest.fixture(scope="module")
def null_races() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        import null_races

        return null_races


@pytest.mark.slow
def test_races_of_one_rule_against_itself_declare_few_differences(null_races: Any) -> None:
    """Forty of them; benchmarks/null_races.py runs the two hundred of which at most 21 may."""
    assert (null_races.most_allowed(200), null_races.most_allowed(RACES)) == (21, 8)
    found = [null_races.declared(null_races.null_race(seed)) for seed in range(RACES)]
    assert sum(each.ours for each in found) <= 8
    # Pairs tested at 0.05 without any correction: the races do hold differences to be taken in by.
    assert sum(each.plain for each in found) > 8


def test_the_benchmark_prints_and_writes_its_counts(
    null_races: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert null_races.main(["--races", "2", "--out", str(tmp_path / "null.json")]) == 0
    written = json.loads((tmp_path / "null.json").read_text("utf-8"))
    assert (written["races"], written["at_most"], written["passed"]) == (2, null_races.most_allowed(2), True)
    assert set(written["declared"]) == {"ours", "plain", "plain_with_holm"}
    assert "of 2 races of equals declare a difference" in capsys.readouterr().out


@pytest.mark.slow
def test_a_rule_that_learns_nothing_is_told_from_its_equals(null_races: Any) -> None:
    """The same race with easier data, where one of the eight sets all weights to 0: so it can be declared."""

    def forget(gradient: Any, state: Any, params: Any, hyper: Any) -> Any:
        return jax.tree.map(lambda w: -w, params), state

    members = [replace(each, epochs=40) for each in null_races.MEMBERS]
    members[3] = replace(members[3], rule=replace(members[3].rule, update=forget))
    race = null_races.null_race(0, members, apart=4.0)
    name = members[3].rule.name
    assert race.at_tuned[name].best("log_loss") == pytest.approx([math.log(2)] * 10, rel=1e-6)
    declared = [pair for pair in race.pairs() if pair.different]
    assert [pair.second for pair in declared] == [name] * 7
    assert race.ranking()[-1] == name
    assert name in race.verdicts()[0]
