"""From a run folder back to what its network was trained on: the data, the split, the rows, the member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from msgspec.structs import asdict

from couloir.data.dataset import Dataset, Split
from couloir.data.loading import load
from couloir.data.preparation import Preparation
from couloir.data.splits import Fractions, split_rows
from couloir.engine.architectures.architecture import Network
from couloir.engine.member import Member
from couloir.engine.optimizers import NUMBERS, variants
from couloir.errors import InputError
from couloir.model.predictor import Ensemble, Model
from couloir.runs.records.common import Data
from couloir.runs.records.learned import Source
from couloir.runs.stored import StoredRun

CUSTOMARY = (0.70, 0.15, 0.15)


@dataclass(frozen=True)
class Restored:
    """A run's network with the rows it learnt from.

    Attributes:
        run: the run.
        dataset: its data.
        rows: what the network was fitted to, ascending.
        part: these rows in words.
        model: the network; of several that are averaged, the one with the largest weight.
        member: the winner's hyperparameters.
    """

    run: StoredRun
    dataset: Dataset
    rows: np.ndarray
    part: str
    model: Model
    member: Member

    @property
    def network(self) -> Network:
        """The trained weights."""
        model = self.model
        return model.design.network(model.layers, len(model.preparation.feature_names), model.answer_width)


def restored(run: StoredRun, data: Any = None) -> Restored:
    """Load a run's data again and find the rows that its network was fitted to.

    Args:
        run: what `couloir.runs.stored.read` reads.
        data: a `Dataset`, or a name or path of the data; None: where the run says they are.

    Raises:
        InputError: the data are not known, are others, or their division cannot be repeated.
    """
    dataset = _same_data(run, data)
    split = _same_split(run, dataset)
    model = run.model
    if isinstance(model, Ensemble):
        model = model.networks[int(np.argmax(model.weights))]
    assert isinstance(model, Model), "a predictor is a network or several"
    rows, part = _fitted_rows(dataset, split, model.preparation)
    return Restored(run, dataset, rows, part, model, member_of(run.record.winner.hyperparameters))


def member_of(described: Mapping[str, Any]) -> Member:
    """The inverse of `Member.describe`."""
    names = {each.name for each in fields(Member)} - {"rule", "numbers", "hidden"}
    values = {name: described[name] for name in names if name in described}
    numbers = rule_numbers(described)
    ((rule, _),) = variants(described["optimizer"], {name: [value] for name, value in numbers.items()})
    return Member(rule, numbers=numbers, hidden=tuple(described["hidden"]), **values)


def rule_numbers(described: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that a rule reads besides its learning rate, of what `Member.describe` says of a member."""
    own = {name: described[name] for name in NUMBERS if described.get(name) is not None}
    further = (part.partition("=") for part in (described.get("rule_option") or "").split(", ") if part)
    return own | {name: float(value) for name, _, value in further}


def _same_data(run: StoredRun, data: Any) -> Dataset:
    """The data of the run, loaded as it loaded them."""
    known, source = run.record.data, run.record.source
    named = data if data is not None else source.data
    if named is None:
        raise InputError(f"The run of '{known.name}' does not say where its data are: name them with --data.")
    found = [named] if isinstance(named, Dataset) else _loaded(named, source, known)
    same = [dataset for dataset in found if dataset.fingerprint == known.fingerprint]
    if not same:
        raise InputError(
            f"The data '{found[0].name}' are not those that the run was trained on: name the same file "
            "with --data, or train again."
        )
    return same[0]


def _loaded(named: Any, source: Source, known: Data) -> list[Dataset]:
    """The data as the run says that it loaded them; where it does not say, in the ways that it may have."""
    if source.data is not None:
        return [load(named, **source.loading)]
    shown = {name: getattr(known, name) for name in ("target", "task", "group", "time")}
    given = {name: value for name, value in shown.items() if value}
    found, refusals = [], []
    for loading in ({}, given):
        try:
            found.append(load(named, **loading))
        except InputError as refusal:
            refusals.append(refusal)
    if not found:
        raise refusals[0]
    return found


def _same_split(run: StoredRun, dataset: Dataset) -> Split:
    """The division of the rows that the run made; known by its sizes and its validation rows."""
    sizes, seed = run.record.data.split, run.record.seed
    for fractions in _fractions(run):
        try:
            split = split_rows(dataset, fractions, seed)
        except InputError:
            continue
        if sizes.validation == 0:
            split = Split(np.union1d(split.train, split.validation), split.validation[:0], split.test)
        if split.sizes == asdict(sizes) and _judged_rows_fit(run, split):
            return split
    raise InputError(
        "The division of the run's rows cannot be repeated from what it recorded: train again, and look at "
        "that run."
    )


def _fractions(run: StoredRun) -> Iterator[Fractions]:
    """What the run may have divided by: what it says, what is customary, the shares that it got."""
    if run.record.fractions:
        yield run.record.fractions
    yield CUSTOMARY
    sizes = run.record.data.split
    total = sizes.train + sizes.validation + sizes.test
    if sizes.validation:
        shares = sizes.train / total, sizes.validation / total
        yield *shares, 1 - (sizes.train + sizes.validation) / total


def _judged_rows_fit(run: StoredRun, split: Split) -> bool:
    """Whether the winner was judged on the split's validation rows, or, without any, on none of the test."""
    judged = run.predictions["row"].to_numpy()
    if len(split.validation):
        return np.array_equal(np.sort(judged), split.validation)
    return not np.isin(judged, split.test).any()


def _fitted_rows(dataset: Dataset, split: Split, preparation: Preparation) -> tuple[np.ndarray, str]:
    """The rows that give the network's preparation when one is fitted to them, and their name.

    A network of one fold was fitted to other rows; its loss is then measured on the training part.
    """
    both = np.union1d(split.train, split.validation)
    for rows, part in ((split.train, "training rows"), (both, "training and validation rows")):
        if Preparation.fit(dataset, rows, preparation.encoding).to_json() == preparation.to_json():
            return rows, part
    return split.train, "training rows"
