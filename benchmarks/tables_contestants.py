"""Who is judged in `tables.py`, each as a program of its own: python tables_contestants.py WORK.json.

A contestant gets the rows to learn from and the rows to answer, and gives answers: class probabilities
[sample, class], classes in sorted order, or numbers [sample]. Fitting and answering are timed together, with
all that prepares the columns, and without what is imported. The last line printed is JSON: scores and times.

The peers run with a Python of their own, which need not have couloir: nothing here imports it but `ours`.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

STOPPING_SHARE, PATIENCE, MOST_TREES = 0.15, 50, 1000
"""Trees are counted on this share of the training rows, where they go on for so many without a gain."""

SPLIT_OF_OURS = (0.85, 0.15, 0.0)
"""Ours keeps no test rows of its own: the rows that judge are those of the benchmark."""


@dataclass(frozen=True)
class Rows:
    """What a contestant gets.

    Attributes:
        table: the name; `path`, the CSV file; `target`, its column; `classes`, sorted, or None for a number.
        learnt, judged: features of the rows to learn from and to answer; numbers, and texts as categories.
        truth: the target of `learnt`: class numbers, or the numbers themselves.
        train, judge: the numbers of these rows in the file.
        seed, threads: for what is drawn at random, and how many threads it may have.
        given: further options, for ours alone.
    """

    table: str
    path: Path
    target: str
    classes: list[str] | None
    learnt: Any
    judged: Any
    truth: np.ndarray
    train: np.ndarray
    judge: np.ndarray
    seed: int
    threads: int
    given: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """The columns of categories."""
        return [name for name in self.learnt.columns if str(self.learnt[name].dtype) == "category"]

    def stopping_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the rows among `learnt` that are learnt from, and of those that say when to stop."""
        from sklearn.model_selection import train_test_split

        stratify = None if self.classes is None else self.truth
        everything = np.arange(len(self.truth))
        return train_test_split(
            everything, test_size=STOPPING_SHARE, random_state=self.seed, stratify=stratify
        )


def read_rows(work: dict[str, Any]) -> tuple[Rows, np.ndarray]:
    """The rows of a piece of work, and the truth of those that judge.

    Categories are those of the training rows: another one is missing. A column of dates is a number of days.
    """
    import pandas as pd

    target, kind = work["target"], {work["target"]: str} if work["task"] == "classification" else None
    frame = pd.read_csv(work["path"], dtype=kind, keep_default_na=False, na_values=[""])
    truth, classes = frame.pop(target).to_numpy(), None
    if work["task"] == "classification":
        classes, truth = np.unique(truth.astype(str), return_inverse=True)
    for name, form in work["dates"].items():
        frame[name] = (pd.to_datetime(frame[name], format=form) - pd.Timestamp("1970-01-01")).dt.days
    train, judge = np.array(work["train"]), np.array(work["judge"])
    learnt, judged = (frame.iloc[rows].reset_index(drop=True) for rows in (train, judge))
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            known = sorted(learnt[name].dropna().unique())
            for part in (learnt, judged):
                part[name] = part[name].where(part[name].isin(known)).astype(pd.CategoricalDtype(known))
    rows = Rows(
        table=work["table"],
        path=Path(work["path"]),
        target=target,
        classes=None if classes is None else classes.tolist(),
        learnt=learnt,
        judged=judged,
        truth=truth[train],
        train=train,
        judge=judge,
        seed=work["seed"],
        threads=work["threads"],
        given=work["given"],
    )
    return rows, truth[judge]


# The peers ----------------------------------------------------------------------------------------------


def answers_of(model: Any, features: Any, rows: Rows) -> np.ndarray:
    """Probabilities or numbers, in scikit-learn's manner."""
    return model.predict(features) if rows.classes is None else model.predict_proba(features)


def sklearn_mlp(rows: Rows, **given: Any) -> np.ndarray:
    """MLPClassifier or MLPRegressor on standardised numbers, one-hot categories, a standardised target."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [name for name in rows.learnt.columns if name not in rows.texts]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), rows.texts),
        ]
    )
    kind = MLPRegressor if rows.classes is None else MLPClassifier
    network = kind(random_state=rows.seed, **given)
    if rows.classes is None:
        network = TransformedTargetRegressor(network, transformer=StandardScaler())
    return answers_of(make_pipeline(columns, network).fit(rows.learnt, rows.truth), rows.judged, rows)


def hist_gradient_boosting(rows: Rows) -> np.ndarray:
    """Scikit-learn's trees on histograms, which take categories and gaps as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if rows.classes is None else HistGradientBoostingClassifier
    trees = kind(random_state=rows.seed, categorical_features="from_dtype")
    return answers_of(trees.fit(rows.learnt, rows.truth), rows.judged, rows)


def lightgbm_plain(rows: Rows, **given: Any) -> np.ndarray:
    """LightGBM's defaults (100 trees) on all training rows."""
    return answers_of(_lightgbm(rows, **given).fit(rows.learnt, rows.truth), rows.judged, rows)


def lightgbm(rows: Rows) -> np.ndarray:
    """LightGBM with as many trees as part of the training rows tells, grown again on all of them."""
    from lightgbm import early_stopping

    grown, held = rows.stopping_rows()
    trees = _lightgbm(rows, n_estimators=MOST_TREES).fit(
        rows.learnt.iloc[grown],
        rows.truth[grown],
        eval_set=[(rows.learnt.iloc[held], rows.truth[held])],
        callbacks=[early_stopping(PATIENCE, verbose=False)],
    )
    return lightgbm_plain(rows, n_estimators=trees.best_iteration_)


def _lightgbm(rows: Rows, **given: Any) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if rows.classes is None else LGBMClassifier
    return kind(random_state=rows.seed, n_jobs=rows.threads, verbose=-1, **given)


def catboost_plain(rows: Rows, **given: Any) -> np.ndarray:
    """CatBoost's defaults (1,000 trees) on all training rows."""
    learnt, judged = _filled(rows)
    return answers_of(_catboost(rows, **given).fit(learnt, rows.truth), judged, rows)


def catboost(rows: Rows) -> np.ndarray:
    """CatBoost with as many trees as part of the training rows tells, grown again on all at the same rate."""
    (learnt, _), (grown, held) = _filled(rows), rows.stopping_rows()
    trees = _catboost(rows, iterations=MOST_TREES).fit(
        learnt.iloc[grown],
        rows.truth[grown],
        eval_set=(learnt.iloc[held], rows.truth[held]),
        early_stopping_rounds=PATIENCE,
    )
    rate = trees.get_all_params()["learning_rate"]
    return catboost_plain(rows, iterations=trees.tree_count_, learning_rate=rate)


def _catboost(rows: Rows, **given: Any) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if rows.classes is None else CatBoostClassifier
    quiet = {"verbose": False, "allow_writing_files": False}
    return kind(random_seed=rows.seed, thread_count=rows.threads, cat_features=rows.texts, **quiet, **given)


def _filled(rows: Rows, medians: bool = False) -> tuple[Any, Any]:
    """Features without missing categories, and, if asked, without missing numbers: the median learnt."""
    filled = []
    for frame in (rows.learnt, rows.judged):
        frame = frame.copy()
        for name in frame.columns:
            if name in rows.texts:
                frame[name] = frame[name].astype(object).where(frame[name].notna(), "missing").astype(str)
            elif medians:
                frame[name] = frame[name].astype(float).fillna(rows.learnt[name].median())
        filled.append(frame)
    return filled[0], filled[1]


def realmlp(rows: Rows) -> np.ndarray:
    """Pytabkit's RealMLP with the tuned defaults."""
    return _pytabkit(rows, "RealMLP_TD")


def tabm(rows: Rows) -> np.ndarray:
    """Pytabkit's TabM with its defaults."""
    return _pytabkit(rows, "TabM_D")


def _pytabkit(rows: Rows, name: str) -> np.ndarray:
    kind = getattr(
        import_module("pytabkit"), f"{name}_{'Regressor' if rows.classes is None else 'Classifier'}"
    )
    learnt, judged = _filled(rows, medians=True)
    network = kind(device="cpu", random_state=rows.seed, n_threads=rows.threads)
    return answers_of(network.fit(learnt, rows.truth, cat_col_names=rows.texts), judged, rows)


# Ours ---------------------------------------------------------------------------------------------------


def ours(rows: Rows, verb: str = "train", **given: Any) -> np.ndarray:
    """What `couloir train FILE` makes of a file with the training rows."""
    import polars as pl

    import couloir

    with tempfile.TemporaryDirectory() as folder:
        frame = pl.read_csv(rows.path, infer_schema=False)
        file = Path(folder) / f"{rows.table}.csv"
        frame[rows.train].write_csv(file)
        task = "regression" if rows.classes is None else "classification"
        data = couloir.load(file, target=rows.target, task=task)
        asked = {"split": SPLIT_OF_OURS, "seed": rows.seed, **given, **rows.given}
        run = getattr(couloir, verb)(data, **asked)
    judged = frame[rows.judge].drop(rows.target)
    return run.predict(judged) if rows.classes is None else run.probabilities(judged)


# Running one --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contestant:
    """Who answers, what it needs imported before the clock starts, and whose version is recorded."""

    answer: Callable[[Rows], np.ndarray]
    modules: tuple[str, ...]
    package: str


SKLEARN = (
    "sklearn.pipeline",
    "sklearn.compose",
    "sklearn.impute",
    "sklearn.ensemble",
    "sklearn.neural_network",
)
COULOIR = ("couloir.commands.train", "couloir.commands.search", "sklearn.linear_model")

PEERS = {
    "sklearn-mlp": Contestant(sklearn_mlp, SKLEARN, "scikit-learn"),
    "sklearn-mlp-stopping": Contestant(
        lambda rows: sklearn_mlp(rows, early_stopping=True), SKLEARN, "scikit-learn"
    ),
    "hist-gradient-boosting": Contestant(hist_gradient_boosting, SKLEARN, "scikit-learn"),
    "lightgbm": Contestant(lightgbm, ("lightgbm", "sklearn.model_selection"), "lightgbm"),
    "lightgbm-plain": Contestant(lightgbm_plain, ("lightgbm",), "lightgbm"),
    "catboost": Contestant(catboost, ("catboost", "sklearn.model_selection"), "catboost"),
    "catboost-plain": Contestant(catboost_plain, ("catboost",), "catboost"),
    "realmlp": Contestant(realmlp, ("pytabkit", "torch"), "pytabkit"),
    "tabm": Contestant(tabm, ("pytabkit", "torch"), "pytabkit"),
}
OURS = {
    "train": Contestant(ours, COULOIR, "couloir"),
    "quick": Contestant(lambda rows: ours(rows, effort="quick"), COULOIR, "couloir"),
    "search": Contestant(lambda rows: ours(rows, "search", minutes=5), COULOIR, "couloir"),
}
CONTESTANTS = PEERS | OURS


def scores(answers: np.ndarray, truth: np.ndarray, classes: Sequence[str] | None) -> dict[str, float]:
    """Log loss, accuracy and AUC (of each class against the others where there are more), or RMSE.

    Raises:
        ValueError: an answer is missing or not finite.
    """
    from sklearn.metrics import log_loss, roc_auc_score

    answers = np.asarray(answers, np.float64)
    if len(answers) != len(truth) or not np.isfinite(answers).all():
        raise ValueError("there is no finite answer for every row")
    if classes is None:
        return {"rmse": math.sqrt(np.mean((answers.reshape(len(truth)) - truth) ** 2))}
    shares = answers / answers.sum(axis=1, keepdims=True)
    ranked = shares[:, 1] if len(classes) == 2 else shares
    return {
        "log_loss": float(log_loss(truth, shares, labels=range(len(classes)))),
        "accuracy": float(np.mean(shares.argmax(axis=1) == truth)),
        "auc": float(roc_auc_score(truth, ranked, multi_class="ovr", average="macro")),
    }


def cpu_seconds() -> float:
    """What this process and the children it has waited for have used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def judged(work: dict[str, Any]) -> dict[str, Any]:
    """A contestant's scores and times on a piece of work."""
    contestant = CONTESTANTS[work["contestant"]]
    for name in contestant.modules:
        import_module(name)
    rows, truth = read_rows(work)
    load, cpu, wall = os.getloadavg()[0], cpu_seconds(), time.perf_counter()
    answers = contestant.answer(rows)
    spent = {"cpu_seconds": cpu_seconds() - cpu, "wall_seconds": time.perf_counter() - wall}
    found = {**scores(answers, truth, rows.classes), **spent, "load": load}
    return {**found, "version": f"{contestant.package} {metadata.version(contestant.package)}"}


if __name__ == "__main__":
    print(json.dumps(judged(json.loads(Path(sys.argv[1]).read_text())), allow_nan=False))
