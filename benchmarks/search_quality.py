"""How good a search's model is after a minute: ours, scikit-learn's random search, gradient boosting.

    python benchmarks/search_quality.py [--seconds 60] [--seeds 5] [--sets wine,digits] [--only ours]

All have the same test rows: those of our split with the seed of the line. The rest they divide as they like.

- ours: `couloir.search(minutes=…)` with nothing else set, in a process of its own. The minutes hold all of
  it: imports, compiling, searching, averaging, refitting, the report.
- sklearn: RandomizedSearchCV over a pipeline (impute, scale, one-hot, MLP) on all cores, five folds (for
  diamonds one validation part, since a fit takes long). It is called candidate by candidate, so that it can
  be ended on the second; a candidate that is then in hand is lost. Its clock starts when its workers are
  there, and it goes on to the first candidate's end if that comes late. The best is refitted on all rows
  but the test part, outside of its time.
- boosting: HistGradientBoosting with its defaults on all rows but the test part.

Scores are accuracy, or R² for diamonds. Ours has to be on no set below scikit-learn's MLP by more than one
standard error of the paired differences, and above it on the mean over the sets; the exit code is 1 if not.

Every result goes into the JSON as soon as it is there, and what is there already is not run again: a run
can be cut and continued. --fresh begins anew.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from _shared import SHARED_DATA, machine, table, write_json

if TYPE_CHECKING:
    from couloir.data.dataset import Dataset

TABLES = SHARED_DATA / "tables"
SETS: dict[str, dict[str, Any]] = {
    "breast_cancer": {},
    "wine": {},
    "digits": {},
    "titanic": {"target": "survived", "drop": ["alive"]},
    "diamonds": {"target": "price"},
}
FILES = {name: TABLES / f"{name}.csv" for name in ("titanic", "diamonds")}
WHO = ("ours", "sklearn", "boosting")
LATE = 1.05
"""Ours may take this many times its seconds on the mean before the table says that it was not fair."""

FOLDS = 5
FOLDS_BELOW = 20_000
"""As in our search: with more rows a single validation part is enough."""


# The data, as scikit-learn wants them ---------------------------------------------------------------------


def load(name: str) -> Dataset:
    """One of the sets."""
    import couloir

    return couloir.load(FILES.get(name, name), **SETS[name])


class Rows(NamedTuple):
    """A data set as numbers for scikit-learn: words are numbered, and −1 stands for a missing one."""

    inputs: np.ndarray
    numeric: list[int]
    words: list[int]
    target: np.ndarray
    rest: np.ndarray
    test: np.ndarray


def sklearn_rows(data: Dataset, seed: int) -> Rows:
    """The columns, and the rows that are in our test part and those that are not.

    Numbering words fits nothing: it gives every value a name of another kind.
    """
    import polars as pl

    from couloir.data.splits import split_rows

    split = split_rows(data, seed=seed)
    rest = np.sort(np.concatenate([split.train, split.validation]))
    if isinstance(data.features, np.ndarray):
        inputs = data.features.reshape(len(data), -1).astype(float)
        return Rows(inputs, list(range(inputs.shape[1])), [], data.target, rest, split.test)
    columns, words = [], []
    for number, column in enumerate(data.features.get_columns()):
        if column.dtype.is_numeric():
            columns.append(column.cast(pl.Float64).fill_null(np.nan).to_numpy())
        else:
            words.append(number)
            texts = column.cast(pl.String)
            codes = {text: code for code, text in enumerate(sorted(texts.drop_nulls().unique().to_list()))}
            columns.append(np.array([-1 if text is None else codes[text] for text in texts], float))
    numeric = [number for number in range(len(columns)) if number not in words]
    return Rows(np.column_stack(columns), numeric, words, data.target, rest, split.test)


# scikit-learn's side ----------------------------------------------------------------------------------------


def pipeline(rows: Rows, task: str, seed: int) -> tuple[Any, str]:
    """Imputing, scaling, one-hot, MLP; for regression with a standardised target. And its MLP's prefix."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    prepare = ColumnTransformer([("numbers", numbers, rows.numeric), ("words", words, rows.words)])
    network = (MLPClassifier if task == "classification" else MLPRegressor)(max_iter=200, random_state=seed)
    whole = Pipeline([("prepare", prepare), ("mlp", network)])
    if task == "classification":
        return whole, "mlp__"
    return TransformedTargetRegressor(whole, transformer=StandardScaler()), "regressor__mlp__"


def space(prefix: str) -> dict[str, Any]:
    """What the random search draws from."""
    from scipy.stats import loguniform

    ranges = {
        "hidden_layer_sizes": [(32,), (64,), (128,), (64, 64), (128, 64)],
        "alpha": loguniform(1e-6, 1e-1),
        "learning_rate_init": loguniform(1e-4, 1e-1),
        "activation": ["relu", "tanh"],
        "batch_size": [32, 64, 128, 256],
        "solver": ["adam", "sgd"],
        "early_stopping": [True, False],
    }
    return {prefix + name: choices for name, choices in ranges.items()}


def divisions(task: str, rows: int, seed: int) -> Any:
    """How a candidate is judged: by five folds, or with many rows by one validation part."""
    from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold

    if rows >= FOLDS_BELOW:
        return ShuffleSplit(1, test_size=0.15 / 0.85, random_state=seed)
    kind = StratifiedKFold if task == "classification" else KFold
    return kind(FOLDS, shuffle=True, random_state=seed)


def one_candidate(rows: Rows, task: str, seed: int, number: int) -> dict[str, Any]:
    """RandomizedSearchCV with one candidate, the number-th of this seed."""
    from sklearn.model_selection import RandomizedSearchCV

    estimator, prefix = pipeline(rows, task, seed)
    cv = divisions(task, len(rows.rest), seed)
    draw = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    search = RandomizedSearchCV(estimator, space(prefix), n_iter=1, cv=cv, refit=False, random_state=draw)
    with contextlib.suppress(ValueError):  # weights overflowed in every fold: a candidate without a score
        search.fit(rows.inputs[rows.rest], rows.target[rows.rest])
        return {"number": number, "score": float(search.best_score_), "parameters": search.best_params_}
    return {"number": number, "score": math.nan, "parameters": {}}


def candidates(name: str, seed: int) -> None:
    """Try candidates on all cores for ever, and print a line of JSON for each; ended from outside."""
    from joblib import Parallel, delayed

    data = load(name)
    rows, cores = sklearn_rows(data, seed), machine()["cores"]
    with Parallel(
        n_jobs=cores, return_as="generator_unordered", pre_dispatch=2 * cores, batch_size=1
    ) as all_:
        list(all_(delayed(warm_up)() for _ in range(2 * cores)))
        print("ready", flush=True)
        tasks = (delayed(one_candidate)(rows, data.task, seed, number) for number in range(10**6))
        for found in all_(tasks):
            print(json.dumps(found), flush=True)


def warm_up() -> None:
    """Import what a worker needs."""
    import sklearn.compose
    import sklearn.model_selection
    import sklearn.neural_network  # noqa: F401


def sklearn_search(name: str, seed: int, seconds: float) -> dict[str, Any]:
    """The random search for so many seconds, its best refitted, and that one's test score."""
    tried, spent = until_deadline(["--candidates", name, str(seed)], seconds)
    # A candidate that failed, as one whose weights overflowed, has no score.
    finite = [each for each in tried if math.isfinite(each["score"])]
    data = load(name)
    rows = sklearn_rows(data, seed)
    estimator, _ = pipeline(rows, data.task, seed)
    best = max(finite, key=lambda each: each["score"], default={"score": None, "parameters": {}})
    began = time.perf_counter()
    with quietly():
        estimator.set_params(**best["parameters"]).fit(rows.inputs[rows.rest], rows.target[rows.rest])
    return {
        "score": float(estimator.score(rows.inputs[rows.test], rows.target[rows.test])),
        "spent": spent,
        "after": time.perf_counter() - began,
        "trials": len(tried),
        "chosen_by": best["score"],
        "parameters": best["parameters"],
    }


def until_deadline(
    arguments: Sequence[str], seconds: float, script: str = __file__
) -> tuple[list[dict[str, Any]], float]:
    """What a process of a script prints within so many seconds of being ready; at least one line."""
    lines: Queue[str | None] = Queue()
    process = subprocess.Popen(
        [sys.executable, script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        start_new_session=True,
    )
    reader = threading.Thread(target=_read_lines, args=(process, lines), daemon=True)
    reader.start()
    try:
        if lines.get() is None:
            raise RuntimeError(f"The search of {arguments} ended before it began.")
        began, found = time.perf_counter(), []
        while (left := began + seconds - time.perf_counter()) > 0 or not found:
            with contextlib.suppress(Empty):
                line = lines.get(timeout=left if left > 0 else None)
                if line is None:
                    raise RuntimeError(f"The search of {arguments} ended by itself.")
                found.append(json.loads(line))
        return found, time.perf_counter() - began
    finally:
        _end(process)
        reader.join(timeout=5)


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and its workers, which are in the session that was started for it.

    Joblib's tracker of shared memory outlives the signal, cleans up after the others, and ends by itself.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(timeout=5)
            return


def _read_lines(process: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """On one thread, and without scikit-learn's warnings that a network has not converged.

    Two threads that wait for each other beside other work took a hundred times as long; nothing here is
    timed against anything.
    """
    import warnings

    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        yield


def boosting(name: str, seed: int, seconds: float) -> dict[str, Any]:
    """HistGradientBoosting with its defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    data = load(name)
    rows = sklearn_rows(data, seed)
    kind = HistGradientBoostingClassifier if data.task == "classification" else HistGradientBoostingRegressor
    inputs = rows.inputs.copy()
    inputs[:, rows.words] = np.where(inputs[:, rows.words] < 0, np.nan, inputs[:, rows.words])
    began = time.perf_counter()
    model = kind(categorical_features=rows.words or None, random_state=seed)
    with quietly():
        model.fit(inputs[rows.rest], rows.target[rows.rest])
    score = float(model.score(inputs[rows.test], rows.target[rows.test]))
    return {"score": score, "spent": time.perf_counter() - began}


# Our side ---------------------------------------------------------------------------------------------------


def ours(name: str, seed: int, seconds: float) -> dict[str, Any]:
    """`couloir.search` in a process of its own."""
    command = [sys.executable, __file__, "--ours", name, str(seed), str(seconds)]
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "process": time.perf_counter() - began}


def our_search(name: str, seed: int, seconds: float) -> None:
    """Search, and print a line of JSON; the run folder is thrown away."""
    import couloir
    from couloir.data.splits import split_rows

    with tempfile.TemporaryDirectory(prefix="couloir-search-") as folder:
        began = time.perf_counter()
        data = load(name)
        run = couloir.search(data, minutes=seconds / 60, seed=seed, out=folder)
        spent = time.perf_counter() - began
    test = set(split_rows(data, seed=seed).test.tolist())
    if test & set(run.predictions["row"].to_list()) or run.record.data.split.test != len(test):
        raise RuntimeError("The search has not left the test rows out that the others are tested on.")
    found = {
        "score": run.test["accuracy" if data.task == "classification" else "r2"],
        "spent": spent,
        "trials": run.record.search.trials,
        "headline": run.record.headline.name,
    }
    print(json.dumps(found))


# The whole run ----------------------------------------------------------------------------------------------

RUNS = {"ours": ours, "sklearn": sklearn_search, "boosting": boosting}
Result = dict[str, Any]


def measure(
    path: Path, sets: Sequence[str], seeds: int, seconds: float, who: Sequence[str], fresh: bool = False
) -> dict[str, Any]:
    """Run what is not there yet, and write after each."""
    stored = [] if fresh or not path.exists() else json.loads(path.read_text())["results"]
    missing = [name for name in sets if name in FILES and not FILES[name].exists()]
    there = {_key(each) for each in stored}
    for seed in range(seeds):
        for name in (name for name in sets if name not in missing):
            for each in who:
                key = (name, seed, each, seconds)
                if key in there:
                    continue
                found = {"set": name, "seed": seed, "who": each, "seconds": seconds}
                stored.append({**found, **RUNS[each](name, seed, seconds)})
                write_json(path, {"results": stored})
                print(f"{name}, seed {seed}, {each}: {stored[-1]['score']:.4f}", file=sys.stderr, flush=True)
    asked = [each for each in stored if each["set"] in sets and each["seed"] < seeds]
    asked = [each for each in asked if each["seconds"] == seconds]
    return {
        "machine": machine(),
        "seconds": seconds,
        "left_out": missing,
        "sets": [line for name in sets if (line := summary(name, asked))],
        "overall": overall([summary(name, asked) for name in sets], sets),
        "results": stored,
    }


def _key(result: Result) -> tuple[str, int, str, float]:
    return result["set"], result["seed"], result["who"], result["seconds"]


def summary(name: str, results: Sequence[Result]) -> dict[str, Any] | None:
    """Mean scores on a set, and ours less scikit-learn's over the seeds that both have."""
    scores = {
        who: {e["seed"]: e["score"] for e in results if (e["set"], e["who"]) == (name, who)} for who in WHO
    }
    if not any(scores.values()):
        return None
    paired = [
        scores["ours"][seed] - scores["sklearn"][seed] for seed in scores["ours"] if seed in scores["sklearn"]
    ]
    difference = statistics.fmean(paired) if paired else None
    error = statistics.stdev(paired) / math.sqrt(len(paired)) if len(paired) > 1 else None
    return {
        "set": name,
        "means": {who: statistics.fmean(found.values()) for who, found in scores.items() if found},
        "seeds": len(paired),
        "difference": difference,
        "error": error,
        "passed": None if difference is None or error is None else difference >= -error,
        "spent": {
            who: statistics.fmean(e["spent"] for e in results if (e["set"], e["who"]) == (name, who))
            for who, found in scores.items()
            if found
        },
        "trials": {
            who: statistics.fmean(e["trials"] for e in results if (e["set"], e["who"]) == (name, who))
            for who in ("ours", "sklearn")
            if scores[who]
        },
    }


def overall(lines: Sequence[dict[str, Any] | None], sets: Sequence[str]) -> dict[str, Any] | None:
    """The mean difference over the sets; None unless every set has one."""
    differences = [
        line["difference"] for line in lines if line is not None and line["difference"] is not None
    ]
    if len(differences) < len(sets):
        return None
    mean = statistics.fmean(differences)
    return {"difference": mean, "passed": mean > 0}


def report(results: dict[str, Any]) -> str:
    """The table."""
    rows = []
    for line in results["sets"]:
        means, spent = line["means"], line["spent"]
        rows.append(
            [
                line["set"],
                *(f"{means[who]:.4f}" if who in means else "–" for who in WHO),
                "–" if line["difference"] is None else f"{line['difference']:+.4f}",
                "–" if line["error"] is None else f"{line['error']:.4f}",
                {True: "pass", False: "FAIL", None: "–"}[line["passed"]],
                str(line["seeds"]),
                *(f"{spent[who]:.0f}" if who in spent else "–" for who in ("ours", "sklearn")),
                *(
                    f"{line['trials'][who]:.0f}" if who in line["trials"] else "–"
                    for who in ("ours", "sklearn")
                ),
            ]
        )
    heading = ["set", "couloir", "sklearn MLP", "boosting", "couloir − MLP", "error", "not below", "seeds"]
    text = table([*heading, "couloir s", "MLP s", "couloir trials", "MLP trials"], rows)
    if whole := results["overall"]:
        verdict = "pass" if whole["passed"] else "FAIL"
        text += f"\n\nMean over the sets: {whole['difference']:+.4f} above scikit-learn's MLP: {verdict}."
    late = [e["set"] for e in results["sets"] if e["spent"].get("ours", 0) > LATE * results["seconds"]]
    if late:
        text += (
            f"\n\nOurs took more than its {results['seconds']:g} s on {', '.join(late)}: no fair comparison."
        )
    if results["left_out"]:
        text += f"\n\nLeft out, since their data are not here: {', '.join(results['left_out'])}."
    return text


def passed(results: dict[str, Any]) -> bool:
    """Whether no verdict that could be given is a miss."""
    verdicts = [line["passed"] for line in results["sets"]] + [(results["overall"] or {}).get("passed")]
    return False not in verdicts


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parsed(arguments)
    if options.candidates:
        candidates(options.candidates[0], int(options.candidates[1]))
        return 0
    if options.ours:
        our_search(options.ours[0], int(options.ours[1]), float(options.ours[2]))
        return 0
    with tempfile.TemporaryDirectory(prefix="couloir-search-quality-") as home:
        # The test ledger counts what a person's own runs have looked at: a benchmark is none of them.
        os.environ["COULOIR_HOME"] = home
        results = measure(
            options.out, options.sets, options.seeds, options.seconds, options.only, options.fresh
        )
    write_json(options.out, results)
    print(report(results))
    print(f"\nWritten to {options.out}.")
    return 0 if passed(results) else 1


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)}, with commas")
    parser.add_argument("--only", default=",".join(WHO), help=f"of {', '.join(WHO)}, with commas")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each search")
    parser.add_argument("--fresh", action="store_true", help="forget what the JSON holds")
    parser.add_argument(
        "--out", type=Path, default=Path("search_quality.json"), help="the JSON that is continued"
    )
    # How this script starts itself: one side of one line.
    parser.add_argument("--candidates", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--ours", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for what, known in (("sets", SETS), ("only", WHO)):
        names = getattr(options, what).split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            parser.error(f"--{what} does not know '{unknown[0]}': the choices are {', '.join(known)}")
        setattr(options, what, names)
    if options.seeds < 1 or not options.seconds > 0:
        parser.error("--seeds and --seconds have to be above 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
