"""Columns that a person should look at before training: answers in disguise, and columns that say nothing."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import numpy as np
import polars as pl

from couloir.data.cells import holds_written_dates
from couloir.data.columns import column_kind, numbers_of
from couloir.data.dataset import Dataset
from couloir.data.division import by_appearance
from couloir.data.encodings.categories import HASHED_FEATURES
from couloir.text import one_line, quoted

CHANCE = 1e-6
"""A perfect prediction is reported where it would come about by chance less often than this."""

SHOWN = 5
FEWEST_ROWS = 10
FEW_VALUES = 20
DENSE = 2.0
MANY_FEATURES = 1000
"""So many features of categories are worth a word: they can outnumber what the rows can teach."""


@dataclass(frozen=True)
class ColumnWarning:
    """What there is to say about some columns, as a sentence that ends with the option that drops them.

    Attributes:
        said: what is the matter with them.
        columns: those to drop.
        joint: what stands between the two.
    """

    said: str
    columns: tuple[str, ...]
    joint: str = ": "

    def __str__(self) -> str:
        """The whole sentence."""
        names = shlex.quote(one_line(",".join(self.columns)))
        return f"{self.said}{self.joint}drop {'it' if len(self.columns) == 1 else 'them'} with --drop {names}"


def check_columns(dataset: Dataset, rows: np.ndarray) -> list[ColumnWarning]:
    """Warnings about columns, from the rows given (the training part) and no others.

    - **Answers.** One column alone predicts the target perfectly: each of its values goes with one target
      value only; or the classes lie in ranges of it that do not overlap; or its correlation with a
      regression target is 1 or -1 to within 1e-9. The first two are reported only where they are no
      chance. For labels drawn at random with the frequencies p that they have, groups of n rows with
      equal values are all pure with probability Π_groups Σ_classes p^n, and K classes lie in separate
      ranges with probability K! Π_classes n_class! / n!; either has to be below 1e-6. An identifier, whose
      groups are single rows, is therefore no answer. For a column of more than 20
      values, rows that repeat another one in every column are counted once.
    - **Repeats.** Two columns say the same: each value of one goes with one value of the other.
    - **Nothing to learn.** Columns with one value only, identifiers (whole numbers, all different, that
      fill a range), and text whose values hardly repeat, which `Preparation` leaves out.
    - **Dates.** Texts that look like dates, of which the day and the month would have to be guessed.
    - **Many values.** Text columns with more than 256 different values, which become 64 features by
      hashing; and categories that together become more than 1000 features.

    Images are not looked at.

    Returns:
        a warning for each column, or for all columns with the same fault.
    """
    if dataset.image_shape is not None or len(rows) == 0:
        return []
    features, target = dataset.rows(rows), dataset.target[rows]
    if not isinstance(features, pl.DataFrame):
        features = pl.DataFrame(features.astype(np.float64), schema=[*dataset.column_names]).fill_nan(None)
    kinds = {column.name: column_kind(column) for column in features.get_columns()}
    constant = [name for name in features.columns if features[name].n_unique() == 1]
    dates = [name for name in kinds if name not in constant and holds_written_dates(features[name])]
    free_text = [name for name, kind in kinds.items() if kind == "text" and name not in constant]
    others = [name for name in features.columns if name not in constant and name not in free_text]
    identifiers = [name for name in others if kinds[name] == "numeric" and _is_counter(features[name])]
    once = _first_of_equals(features, target)
    answers = _answers(features.select(others), target, once, dataset.task)
    told = f"alone predicts {quoted(dataset.target_name)} perfectly"
    lines = [_warning([name], told) for name in answers]
    lines += _repeats(features.select([n for n in others if n not in identifiers + answers]), once)
    lines += _grouped(constant, "has one value only", "have one value only")
    lines += _grouped(identifiers, "numbers the rows", "number the rows")
    lines += [_date(features[name]) for name in dates]
    unused = "text with too many different values to be categories, and not used"
    lines += _grouped([n for n in free_text if n not in dates], f"is {unused}", f"are {unused}")
    hashed, one_hot = (
        {name: features[name].drop_nulls().n_unique() for name in others if kinds[name] == kind}
        for kind in ("hashed", "categorical")
    )
    return lines + [_hashed(name, values) for name, values in hashed.items()] + _wide(one_hot)


def _date(column: pl.Series) -> ColumnWarning:
    """The warning for a column of dates that are read as text."""
    fault = f"holds dates written as {quoted(column.drop_nulls()[0])}, which are read as text"
    return _warning([column.name], f"{fault}: write them as 2024-12-31", ", or ")


def _hashed(name: str, values: int) -> ColumnWarning:
    """The warning for a text column that has more values than there are features for."""
    fault = f"has {values:,} different values, which share {HASHED_FEATURES} features by hashing"
    return _warning([name], f"{fault}: where it is of no use", ", ")


def _wide(widths: dict[str, int]) -> list[ColumnWarning]:
    """A warning where categories become very many features; the widest columns are named."""
    if sum(widths.values()) <= MANY_FEATURES:
        return []
    widest = sorted(widths, key=lambda name: -widths[name])[:SHOWN]
    said = f"The categories of {len(widths)} columns become {sum(widths.values()):,} features, most of them "
    said += f"those of {', '.join(map(quoted, widest))}: where these are of no use"
    return [ColumnWarning(said, tuple(widest), ", ")]


def _warning(names: list[str], fault: str, joint: str = ": ") -> ColumnWarning:
    """The warning for some columns with the same fault, the predicate of a sentence about them."""
    shown = ", ".join(quoted(name) for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    said = f"Column{'s' if len(names) > 1 else ''} {shown}{more} {fault}"
    return ColumnWarning(said, tuple(names), joint)


def _grouped(names: list[str], one: str, several: str) -> list[ColumnWarning]:
    """One warning for all columns with the same fault, if there are any."""
    return [_warning(names, several if len(names) > 1 else one)] if names else []


def _codes(column: pl.Series) -> np.ndarray:
    """Each value as a number, in the order in which the values first appear; missing is a value too."""
    return by_appearance(column.rank("dense").fill_null(0).to_numpy())


def _is_counter(column: pl.Series) -> bool:
    """Whether the column holds different whole numbers that fill a range, as row numbers do."""
    if len(column) < FEWEST_ROWS or column.null_count() or column.n_unique() < len(column):
        return False
    values = np.sort(numbers_of(column))
    if (values != np.floor(values)).any() or np.abs(values).max() > 2**53:
        return False
    step = np.gcd.reduce(np.diff(values).astype(np.int64))
    return bool((values[-1] - values[0]) / step < DENSE * len(values))


def _first_of_equals(features: pl.DataFrame, target: np.ndarray) -> np.ndarray:
    """The rows that do not repeat an earlier one in every column and the target."""
    labels = np.unique(target, return_inverse=True)[1]
    numbered = features.with_columns(pl.Series(" target", labels)).with_row_index(" row")
    whole_row = [*features.columns, " target"]
    return numbered.unique(subset=whole_row, keep="first", maintain_order=True)[" row"].to_numpy()


def _answers(features: pl.DataFrame, every_target: np.ndarray, once: np.ndarray, task: str) -> list[str]:
    """The columns that alone predict the target perfectly, and not by chance."""
    every_label = np.unique(every_target, return_inverse=True)[1]
    found = []
    for column in features.get_columns():
        rows = slice(None) if column.n_unique() <= FEW_VALUES else once
        column, target, labels = column[rows], every_target[rows], every_label[rows]
        ordered = column.dtype != pl.String
        if (
            _determines(_codes(column), labels)
            or (ordered and task == "classification" and _separates(numbers_of(column), labels))
            or (ordered and task == "regression" and _correlates(numbers_of(column), target))
        ):
            found.append(column.name)
    return found


def _determines(codes: np.ndarray, labels: np.ndarray) -> bool:
    """Whether each value goes with one label only, more often than by chance."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sorted_labels = labels[order]
    if (np.minimum.reduceat(sorted_labels, starts) != np.maximum.reduceat(sorted_labels, starts)).any():
        return False
    frequencies = np.bincount(labels) / len(labels)
    frequencies = frequencies[frequencies > 0]
    sizes, groups = np.unique(np.diff(starts, append=len(codes)), return_counts=True)
    # The largest frequency is taken out of the sum, which would be 0 in float64 for a large group.
    largest = frequencies.max()
    logarithm = sum(
        count * (size * np.log(largest) + np.log(((frequencies / largest) ** float(size)).sum()))
        for size, count in zip(sizes, groups, strict=True)
    )
    return bool(logarithm < np.log(CHANCE))


def _separates(values: np.ndarray, labels: np.ndarray) -> bool:
    """Whether the classes lie in ranges of the values that do not overlap, and not by chance."""
    from scipy.special import gammaln

    if np.isnan(values).any():
        return False
    order = np.argsort(values, kind="stable")
    values, labels = values[order], labels[order]
    changes = np.flatnonzero(np.diff(labels))
    counts = np.unique(labels, return_counts=True)[1]
    if len(changes) != len(counts) - 1 or (values[changes] == values[changes + 1]).any():
        return False
    logarithm = gammaln(len(counts) + 1) + gammaln(counts + 1).sum() - gammaln(len(labels) + 1)
    return bool(logarithm < np.log(CHANCE))


def _correlates(values: np.ndarray, target: np.ndarray) -> bool:
    """Whether the correlation is 1 or -1 to within 1e-9 over the rows that have a value."""
    present = ~np.isnan(values)
    if present.sum() < max(FEWEST_ROWS, len(values) / 2):
        return False
    a, b = values[present] - values[present].mean(), target[present] - target[present].mean()
    sizes = np.sqrt(a @ a) * np.sqrt(b @ b)
    return bool(sizes > 0 and abs(a @ b) / sizes > 1 - 1e-9)


def _repeats(features: pl.DataFrame, once: np.ndarray) -> list[ColumnWarning]:
    """A warning for each column that says the same as one before it."""
    seen: dict[bytes, str] = {}
    lines = []
    for column in features.get_columns():
        if column.n_unique() > max(FEW_VALUES, len(once) / 2):
            continue
        first = seen.setdefault(_codes(column).astype(np.int32).tobytes(), column.name)
        if first != column.name:
            lines.append(_warning([column.name], f"says the same as {quoted(first)}"))
    return lines
