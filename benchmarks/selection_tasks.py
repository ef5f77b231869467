"""What `selection.py` times, each as a program of its own: python selection_tasks.py TASK WORK.json.

A task reads its work (rules, rates, folds, epochs, rows) from a JSON file, does it, and prints one line of
JSON. Everything is imported where it is used, so that the time of the whole process is that of what the
task needs and of nothing else.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Work = dict[str, Any]


def couloir_cv(work: Work) -> dict[str, Any]:
    """Every configuration in every fold, by `couloir.cross_validate`."""
    import couloir

    validated = couloir.cross_validate(
        "digits",
        cv=work["folds"],
        seed=work["seed"],
        patience=None,
        optimizer=work["rules"],
        learning_rate=work["rates"],
        hidden=[tuple(work["hidden"])],
        batch_size=work["batch"],
        epochs=work["epochs"],
    )
    return _validated_figures(validated)


def couloir_halving(work: Work) -> dict[str, Any]:
    """The same with a part of each fold to be judged by on the way, with or without the rungs.

    Both ways nobody is stopped early: what is compared is halving alone.
    """
    import couloir
    from couloir.engine.outcomes import halving
    from couloir.engine.training import train_population
    from couloir.selection.cross_validation import CrossValidation
    from couloir.selection.members import Options
    from couloir.selection.problem import Conditions, plan, prepare

    conditions = Conditions(seed=work["seed"], cv=work["folds"])
    problem = prepare(couloir.load("digits"), conditions)
    options = Options(
        optimizer=work["rules"],
        learning_rate=work["rates"],
        hidden=[tuple(work["hidden"])],
        batch_size=work["batch"],
        epochs=work["epochs"],
    )
    planned = plan(problem, options, conditions)
    rungs = halving(work["epochs"]) if work["halving"] else ()
    trained = train_population(
        planned.members, problem.trained_on(planned.members), seed=conditions.seed, patience=None, rungs=rungs
    )
    validated = CrossValidation(problem, trained, planned.metric)
    found = _validated_figures(validated)
    passed = [{"epoch": rung.epoch, "entered": rung.entered, "kept": rung.kept} for rung in trained.rungs]
    return {**found, "winner": validated.winner, "rungs": passed}


def _validated_figures(validated: Any) -> dict[str, Any]:
    """Seconds and scores; scoring the folds' held-out rows is part of the work, as in GridSearchCV."""
    began = time.perf_counter()
    scores = validated.scores["accuracy"]
    scoring = time.perf_counter() - began
    outcomes = validated.trained.outcomes
    return {
        "seconds": validated.trained.seconds + scoring,
        "compile_seconds": validated.trained.compile_seconds,
        "trainings": scores.size,
        "diverged": sum(each.status == "diverged" for fold in validated.trained.folds for each in fold),
        "configurations": [
            _configuration(outcome.member.rule.name, outcome.member.learning_rate, values)
            for outcome, values in zip(outcomes, scores.tolist(), strict=True)
        ],
    }


def _configuration(rule: str, rate: float, scores: Sequence[float]) -> dict[str, Any]:
    return {"rule": rule, "rate": rate, "scores": [None if math.isnan(each) else each for each in scores]}


# Peers --------------------------------------------------------------------------------------------------


def digits(work: Work) -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """Pixels in [0, 1] and labels of the rows that are no test rows, and (train, held out) of each fold.

    The folds are ours. The row numbers come in a file, so that the peers need not import this package.
    """
    import numpy as np
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    with np.load(work["rows"]) as rows:
        rest, fold_of_row = rows["rest"], rows["fold_of_row"]
    folds = [
        (np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold))
        for fold in range(work["folds"])
    ]
    return (pixels[rest] / 16).astype(np.float32), labels[rest], folds


def sklearn_grid(work: Work) -> dict[str, Any]:
    """The same configurations by GridSearchCV: plain SGD and Adam, no penalty, every epoch of every fit."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    pixels, labels, folds = digits(work)
    network = MLPClassifier(
        tuple(work["hidden"]),
        activation="relu",
        alpha=0.0,
        batch_size=work["batch"],
        max_iter=work["epochs"],
        early_stopping=False,
        tol=0.0,
        n_iter_no_change=work["epochs"] + 1,
        momentum=0.0,
        nesterovs_momentum=False,
        random_state=work["seed"],
    )
    grid = {"solver": work["rules"], "learning_rate_init": work["rates"]}
    search = GridSearchCV(network, grid, n_jobs=work["cores"], cv=folds, refit=False)
    began = time.perf_counter()
    search.fit(pixels, labels)
    seconds = time.perf_counter() - began
    found = search.cv_results_
    columns = [found[f"split{fold}_test_score"].tolist() for fold in range(work["folds"])]
    configurations = [
        _configuration(each["solver"], each["learning_rate_init"], scores)
        for each, scores in zip(found["params"], zip(*columns, strict=True), strict=True)
    ]
    fits = sum(found["mean_fit_time"]) + sum(found["mean_score_time"])
    return {
        "seconds": seconds,
        # What no better use of the cores could go below: without starting workers and waiting for them.
        "seconds_in_fits": float(fits * work["folds"] / work["cores"]),
        "trainings": len(configurations) * work["folds"],
        "configurations": configurations,
    }


def optuna_torch(work: Work) -> dict[str, Any]:
    """An ordinary PyTorch loop in an Optuna study over the grid, one network at a time, on one thread.

    Products this small run slower on two threads. The study is ended after `work["peer_trials"]` trials:
    all of them take the same time.
    """
    import optuna
    import torch

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pixels, labels, folds = digits(work)
    rows, answers = torch.from_numpy(pixels), torch.from_numpy(labels)

    def objective(trial: Any) -> float:
        rule = trial.suggest_categorical("rule", work["rules"])
        rate = trial.suggest_categorical("rate", work["rates"])
        scores = [_torch_accuracy(work, rule, rate, rows, answers, *fold) for fold in folds]
        return sum(scores) / len(scores)

    sampler = optuna.samplers.GridSampler({"rule": work["rules"], "rate": work["rates"]}, seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    began = time.perf_counter()
    study.optimize(objective, n_trials=work["peer_trials"])
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "trainings": len(study.trials) * work["folds"], "best": study.best_value}


def _torch_accuracy(
    work: Work, rule: str, rate: float, rows: Any, answers: Any, train: Any, held_out: Any
) -> float:
    import torch

    torch.manual_seed(work["seed"])
    widths = (rows.shape[1], *work["hidden"], 10)
    layers: list[Any] = []
    for number, inputs in enumerate(widths[:-1]):
        layers += [torch.nn.Linear(inputs, widths[number + 1]), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[rule]
    optimizer = kind(network.parameters(), lr=rate, fused=True)
    known = torch.from_numpy(train)
    for _ in range(work["epochs"]):
        for batch in known[torch.randperm(len(known))].split(work["batch"]):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(rows[batch]), answers[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        guesses = network(rows[held_out]).argmax(1)
    return float((guesses == answers[held_out]).double().mean())


def pytabkit_folds(work: Work) -> dict[str, Any]:
    """Pytabkit's RealMLP, which trains the folds of one configuration as one program.

    Its network has parts that ours has not (a scaling layer, label smoothing, schedules): the width, the
    batch, the epochs and the number of folds are the same, and its embeddings of numbers are off.
    """
    from pytabkit import RealMLP_TD_Classifier

    pixels, labels, _ = digits(work)
    began = time.perf_counter()
    for rate in work["rates"][: work["peer_trials"]]:
        network = RealMLP_TD_Classifier(
            device="cpu",
            random_state=work["seed"],
            n_cv=work["folds"],
            n_threads=work["cores"],
            hidden_sizes=work["hidden"],
            n_epochs=work["epochs"],
            batch_size=work["batch"],
            num_emb_type="none",
            act="relu",
            p_drop=0.0,
            lr=rate,
        )
        network.fit(pixels, labels)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "trainings": min(work["peer_trials"], len(work["rates"])) * work["folds"]}


TASKS: dict[str, Callable[[Work], dict[str, Any]]] = {
    "couloir_cv": couloir_cv,
    "couloir_halving": couloir_halving,
    "sklearn_grid": sklearn_grid,
    "optuna_torch": optuna_torch,
    "pytabkit_folds": pytabkit_folds,
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text())), allow_nan=False))
