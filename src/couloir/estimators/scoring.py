"""How a search's candidates are scored: grouped, trained as populations, each scored in each fold."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exc
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import _validation
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from couloir.engine import placement
from couloir.engine.machine import Machine
from couloir.engine.member import Member
from couloir.engine.outcomes import Outcome
from couloir.errors import InputError
from couloir.estimators import fitting, keeping
from couloir.estimators.base import PopulationEstimator
from couloir.estimators.checkpoints import Checkpoint
from couloir.estimators.fitting import Prepared
from couloir.options import MEMBER
from couloir.selection.problem import predict as predict_cost

WITHIN = frozenset({*MEMBER, "members", "ensemble", "refit"})
"""Arguments in which candidates of one population may differ."""

MOST_NETWORKS = 512
"""Networks that train at the same time, at most, where candidates can be dealt out."""

MOST_AT_RISK = 64
"""The same where scores are kept on disk: what is in training is lost when the search is stopped."""

Candidate = Mapping[str, Any]
Result = dict[str, Any]


class Recorder(BaseEstimator):
    """Stands in a pipeline for its last step, and keeps what that would be fitted to."""

    def __init__(self, instead_of: Any = None) -> None:
        """Stand in for an estimator."""
        self.instead_of = instead_of

    def get_metadata_routing(self) -> Any:
        """What the estimator itself asks for."""
        return self.instead_of.get_metadata_routing()

    def fit(self, X: Any, y: Any = None, **params: Any) -> Recorder:
        """Keep what was given."""
        self.given_ = (X, y, params)
        return self


@dataclass
class Fold:
    """One fold as a group of candidates sees it: the fitted steps before, and what comes out of them."""

    pipeline: Any
    final: Any
    prepared: Prepared
    seconds: float

    def fitted(self, final: Any) -> Any:
        """The whole estimator, its last step being this one."""
        if self.pipeline is None:
            return final
        whole = copy.copy(self.pipeline)
        whole.steps = [*self.pipeline.steps[:-1], (self.pipeline.steps[-1][0], final)]
        return whole


class Entry(NamedTuple):
    """A candidate that can be trained: its number, its estimator, and that one's population."""

    number: int
    final: Any
    members: list[Member]


class CandidateScorer:
    """Scores candidates in folds."""

    def __init__(
        self, search: Any, X: Any, y: Any, splits: Sequence[tuple[Any, Any]], scorers: Any, routed: Any
    ) -> None:
        """Note what is to be searched.

        Raises:
            InputError: the estimator is none of ours; a checkpoint could not be taken up.
        """
        self.search, self.X, self.y, self.splits, self.scorers = search, X, y, splits, scorers
        self.fit_params, self.score_params = routed.estimator.fit, routed.scorer.score
        final = final_of(search.estimator)
        if not isinstance(final, PopulationEstimator):
            raise InputError(
                f"PopulationSearchCV searches a CouloirClassifier, a CouloirRegressor, or a pipeline that "
                f"ends in one, and this ends in a {type(final).__name__}: use GridSearchCV."
            )
        if search.error_score != "raise" and not isinstance(search.error_score, (int, float)):
            raise InputError(f"error_score is {search.error_score!r}: give a number or 'raise'.")
        self.checkpoint = self._checkpoint(final) if search.checkpoint is not None else None
        self.seed = fitting.seed_of(final.random_state)

    def _checkpoint(self, final: Any) -> Checkpoint:
        if not isinstance(final.random_state, (int, np.integer)):
            raise InputError(
                f"The estimator's random_state is {final.random_state!r}: give a whole number, "
                "so that a checkpoint can be taken up."
            )
        estimator = {name: repr(value) for name, value in self.search.estimator.get_params().items()}
        task = {
            "X": self.X,
            "y": self.y,
            "splits": [tuple(map(np.asarray, split)) for split in self.splits],
            "estimator": estimator,
            "scoring": repr(self.search.scoring),
            "train": self.search.return_train_score,
            "fit": dict(self.fit_params),
        }
        return Checkpoint(self.search.checkpoint, task)

    def scored(self, candidates: Sequence[Candidate]) -> list[Result]:
        """The results of every candidate in every fold, candidate by candidate.

        Raises:
            ValueError: every fit failed.
        """
        found: dict[int, list[Result]] = {}
        if self.checkpoint is not None:
            kept = {number: self.checkpoint.read(each) for number, each in enumerate(candidates)}
            found = {number: results for number, results in kept.items() if results is not None}
        waiting = [number for number in range(len(candidates)) if number not in found]
        for group in self._groups(candidates, waiting):
            for number, results in self._group(candidates, group):
                found[number] = results
                if self.checkpoint is not None:
                    self.checkpoint.write(candidates[number], results)
        out = [result for number in range(len(candidates)) for result in found[number]]
        _validation._warn_or_raise_about_fit_failures(out, self.search.error_score)
        if callable(self.search.scoring):
            _validation._insert_error_scores(out, self.search.error_score)
        return out

    def _groups(self, candidates: Sequence[Candidate], numbers: Sequence[int]) -> list[list[int]]:
        """Numbers of candidates that differ only in what may differ within a population."""
        name = self.search.estimator.steps[-1][0] if isinstance(self.search.estimator, Pipeline) else None
        prefix = f"{name}__" if name is not None else ""
        groups: dict[Any, list[int]] = {}
        for number in numbers:
            apart = {
                # A grid's values are the same objects in every candidate; long ones look alike in print.
                key: repr(value) if value is None or np.isscalar(value) else str(id(value))
                for key, value in candidates[number].items()
                if not (key.startswith(prefix) and key.removeprefix(prefix) in WITHIN)
            }
            groups.setdefault(tuple(sorted(apart.items())), []).append(number)
        return list(groups.values())

    def _group(
        self, candidates: Sequence[Candidate], group: Sequence[int]
    ) -> Iterator[tuple[int, list[Result]]]:
        """The results of one group's candidates, as they come."""
        able: list[Entry] = []
        for number in group:
            try:
                final = final_of(self._candidate(candidates[number]))
                able.append(Entry(number, final, fitting.members_of(final, fitting.conditions_of(final))))
            except Exception:
                yield number, [self._failed() for _ in self.splits]
        if not able:
            return
        encodings = fitting.encodings_of(member for each in able for member in each.members)
        try:
            first = self._candidate(candidates[able[0].number])
            folds = [self._fold(first, train_rows, encodings) for train_rows, _ in self.splits]
        except Exception:
            yield from ((each.number, [self._failed() for _ in self.splits]) for each in able)
            return
        for some in self._dealt(able):
            yield from self._trained(some, folds)

    def _candidate(self, candidate: Candidate) -> Any:
        """An estimator with a candidate's values."""
        estimator = clone(self.search.estimator).set_params(**clone(dict(candidate), safe=False))
        final = final_of(estimator)
        if not isinstance(final.random_state, (int, np.integer)):
            final.set_params(random_state=self.seed)  # candidates are compared with the same rows and draws
        return estimator

    def _fold(self, estimator: Any, rows: Any, encodings: Sequence[str]) -> Fold:
        """Fit the steps before the last to a fold's training rows, and prepare what comes out."""
        began = time.perf_counter()
        X, y = _safe_split(estimator, self.X, self.y, rows)
        params = _check_method_params(self.X, params=self.fit_params, indices=rows)
        pipeline, final = None, clone(final_of(estimator))
        if isinstance(estimator, Pipeline):
            pipeline = clone(estimator)
            recorder = Recorder(final)
            pipeline.steps[-1] = (pipeline.steps[-1][0], recorder)
            pipeline.fit(X, y, **params)
            X, y, params = recorder.given_
        given = params.get("sample_weight"), params.get("validation")
        prepared = fitting.prepare(final, X, y, *given, encodings)
        return Fold(pipeline, final, prepared, time.perf_counter() - began)

    def _dealt(self, able: Sequence[Entry]) -> Iterator[list[Entry]]:
        """Candidates in lots of so many networks at most."""
        most = MOST_NETWORKS if self.checkpoint is None else MOST_AT_RISK
        lot: list[Entry] = []
        count = 0
        for each in able:
            networks = len(each.members) * len(self.splits)
            if lot and count + networks > most:
                yield lot
                lot, count = [], 0
            lot.append(each)
            count += networks
        if lot:
            yield lot

    def _trained(self, lot: Sequence[Entry], folds: Sequence[Fold]) -> Iterator[tuple[int, list[Result]]]:
        """Train a lot of candidates in all folds as one population, and score each."""
        began = time.perf_counter()
        everybody = [member for each in lot for member in each.members]
        prepared = [fold.prepared for fold in folds]
        try:
            cost = predict_cost(everybody, fitting.in_folds(prepared), Machine.here())[1]
            placement.check_memory(cost)
            trained = fitting.train(lot[0].final, everybody, prepared)
        except Exception:
            yield from ((each.number, [self._failed() for _ in folds]) for each in lot)
            return
        share = (time.perf_counter() - began) / (len(lot) * len(folds))
        start = 0
        for each in lot:
            stop = start + len(each.members)
            results = [
                self._result(fold, each.final, outcomes[start:stop], share, split)
                for fold, outcomes, split in zip(folds, trained.folds, self.splits, strict=True)
            ]
            yield each.number, results
            start = stop

    def _result(
        self, fold: Fold, final: Any, outcomes: list[Outcome], share: float, split: tuple[Any, Any]
    ) -> Result:
        """A candidate's scores in one fold."""
        began = time.perf_counter()
        own = clone(final)
        given = own.get_params(deep=False)
        vars(own).update({name: value for name, value in vars(fold.final).items() if name not in given})
        try:
            keeping.finish(own, fold.prepared, outcomes)
        except Exception:
            return self._failed()
        fitted = fold.fitted(own)
        ended = time.perf_counter()
        result: Result = {"fit_error": None, "test_scores": self._scores(fitted, split[1], split[0])}
        result["score_time"] = time.perf_counter() - ended
        if self.search.return_train_score:
            result["train_scores"] = self._scores(fitted, split[0])
        result["fit_time"] = share + fold.seconds + ended - began
        result["n_test_samples"] = len(split[1])
        return result

    def _scores(self, fitted: Any, rows: Any, train_rows: Any = None) -> Any:
        X, y = _safe_split(fitted, self.X, self.y, rows, train_rows)
        params = _check_method_params(self.X, params=self.score_params, indices=rows)
        return _validation._score(fitted, X, y, self.scorers, params, self.search.error_score)

    def _failed(self) -> Result:
        """The result of a fit that has just raised; or the error itself, if that was asked for."""
        if self.search.error_score == "raise":
            raise
        scores: Any = self.search.error_score
        if hasattr(self.scorers, "_scorers"):
            scores = dict.fromkeys(self.scorers._scorers, scores)
        failed: Result = {"fit_error": format_exc(), "test_scores": scores}
        if self.search.return_train_score:
            failed["train_scores"] = scores
        return failed | {"fit_time": 0.0, "score_time": 0.0, "n_test_samples": 0}


def final_of(estimator: Any) -> Any:
    """The estimator itself, or the last step of a pipeline."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
