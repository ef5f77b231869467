"""What helps on small tables, on rows that chose nothing: averages of members, and a penalty.

    python benchmarks/small_tables.py [--seeds 10] [--only iris,wine] [--out small_tables.json]

With few rows, networks learn them by heart, and choosing by the few rows of a validation part is mostly luck.
For every seed, which also splits the rows, the default population is trained; then the 50 best on validation
are averaged in several ways, each at most 10 networks, and scored on the test part:

    greedy                  selection from all of them (Caruana et al. 2004)
    greedy, temperature     the same at the temperature that is best on validation
    in bags                 the mean of selections from random halves of them
    in bags, temperature    the same at the temperature that is best on validation
    in bags, where told     the same, at that temperature only where validation tells that it helps
    --ensemble 10           what that keeps: the last, or the winner where that is told better

and once more with a penalty, `--l2 0.01`: the winner, and what `--ensemble 10` keeps.

Losses are log loss or squared error, means over the seeds; the last column is that over the winner's, the
geometric mean over all sets: below 1 it is better than the default's winner. (That averages are chosen in
bags was found on these tables, split by other seeds.)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _shared import SHARED_DATA, machine, table, write_json

import couloir
from couloir.engine.metrics import DEFAULT_METRIC
from couloir.engine.training import train_population
from couloir.model.predictor import scaled
from couloir.selection.averages import averaged, is_kept
from couloir.selection.candidates import Candidate, best_validated
from couloir.selection.ensemble import best_temperature, log_loss_of, mse_of, select, select_in_bags
from couloir.selection.members import Options
from couloir.selection.problem import Conditions, Problem, plan, prepare

TABLES = SHARED_DATA / "tables"
SETS: dict[str, tuple[Any, dict[str, Any]]] = {
    "iris": ("iris", {}),
    "wine": ("wine", {}),
    "breast_cancer": ("breast_cancer", {}),
    "diabetes": ("diabetes", {}),
    "penguins": (TABLES / "penguins.csv", {"target": "species"}),
    "titanic": (TABLES / "titanic.csv", {"target": "survived", "drop": ["alive"]}),
    "mpg": (TABLES / "mpg.csv", {"target": "mpg"}),
}
MOST = 10
WINNER = "winner"
KEPT = f"--ensemble {MOST}"
PENALTY = 0.01


def losses(problem: Problem, pool: Sequence[Candidate]) -> dict[str, float]:
    """The loss on the test part of the winner, which stands first in the pool, and of every average."""
    truth, true = (problem.truth(rows) for rows in (problem.split.validation, problem.split.test))
    classes = problem.dataset.classes is not None
    score = log_loss_of if classes else mse_of
    raw = problem.dataset.rows(problem.split.test)
    inputs = problem.preparation.inputs(raw)
    answers = np.stack([each.answers for each in pool])
    tested = np.stack([each.models[0].predict_prepared(inputs) for each in pool])
    found = {WINNER: score(tested[0], true)}
    for name, choose in (("greedy", select), ("in bags", select_in_bags)):
        weights = choose(answers, truth, score, most=MOST)
        chosen, mean = (np.tensordot(weights, each, axes=1) for each in (answers, tested))
        found[name] = score(mean, true)
        heat = best_temperature(chosen, truth) if classes else 1.0
        found[f"{name}, temperature"] = score(scaled(mean, heat), true) if classes else found[name]
    average = averaged(pool, problem.preparation, truth, MOST)
    found["in bags, where told"] = score(average.model.answers(raw), true)
    kept = is_kept(average, answers[0], truth, DEFAULT_METRIC[problem.dataset.task])
    found[KEPT] = found["in bags, where told" if kept else WINNER]
    return {name: float(value) for name, value in found.items()}


def pool_of(problem: Problem, conditions: Conditions, options: Options) -> list[Candidate]:
    """A population, trained: its best members on validation, best first."""
    planned = plan(problem, options, conditions)
    trained = train_population(
        planned.members,
        problem.trained_on(planned.members),
        seed=conditions.seed,
        patience=conditions.stop_after,
        metric=planned.metric,
    )
    return best_validated(problem, trained.outcomes, planned.metric)


def measured(names: Sequence[str], seeds: int) -> dict[str, Any]:
    """Per data set and way the losses of every seed, and the ratios to the winner's over all sets."""
    found: dict[str, dict[str, list[float]]] = {}
    for name in names:
        source, loading = SETS[name]
        dataset = couloir.load(source, **loading)
        for seed in range(seeds):
            conditions = Conditions(seed=seed)
            problem = prepare(dataset, conditions)
            ways = losses(problem, pool_of(problem, conditions, Options()))
            penalised = losses(problem, pool_of(problem, conditions, Options(l2=PENALTY)))
            ways |= {f"--l2 {PENALTY}, {way}": penalised[way] for way in (WINNER, KEPT)}
            for way, loss in ways.items():
                found.setdefault(name, {}).setdefault(way, []).append(loss)
        print(f"{name}: {seeds} seeds", file=sys.stderr, flush=True)
    ratios = {
        way: float(
            np.exp(np.mean([np.log(np.mean(own[way]) / np.mean(own[WINNER])) for own in found.values()]))
        )
        for way in next(iter(found.values()))
    }
    return {"machine": machine(), "seeds": seeds, "losses": found, "ratios": ratios}


def report(results: dict[str, Any]) -> str:
    """A row for each way: the mean loss on each set, and the ratio over all."""
    rows = [
        [way, *(f"{np.mean(own[way]):.4g}" for own in results["losses"].values()), f"{ratio:.3f}"]
        for way, ratio in results["ratios"].items()
    ]
    return table(["way", *results["losses"], "over the winner's"], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="how often, with as many splits")
    parser.add_argument("--only", help=f"of {', '.join(SETS)}, with commas")
    parser.add_argument("--out", type=Path, default=Path("small_tables.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(SETS)
    unknown = [name for name in names if name not in SETS]
    if unknown:
        parser.error(f"there is no set '{unknown[0]}': the choices are {', '.join(SETS)}")
    here = [name for name in names if not isinstance(SETS[name][0], Path) or SETS[name][0].exists()]
    if not here:
        parser.error("none of these data are here: ../shared/data beside the project is missing")
    results = measured(here, options.seeds)
    results["left_out"] = [name for name in names if name not in here]
    print(report(results))
    write_json(options.out, results)
    print(f"\nWritten to {options.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
