"""Categories with many levels as means of the target, and never of a row's own.

Of a level with n rows among those it is fitted to, whose targets y have the overall mean ȳ, the feature is

    Σ (y - ȳ) / (n + 10) / r,

the mean of the level's targets, drawn toward the overall mean by as much as ten rows of that mean would, and
counted from there; r is the root mean square of all rows' values, so that they lie on the scale of other
inputs. 0 is what is known of a level of which nothing is. A regression target is one such feature, of two
classes it is the share of the second, of more classes there is one for the share of each.

**Rows that are learnt from** have values of which they are no part: they are dealt over ten inner folds by
their place, or group by group, and the rows of a fold are encoded by what the other nine say, ȳ and r
included. Else a level of one row would give its target away, and a network would learn to rely on what no
other row has. Rows that are not learnt from are encoded by all that are.

Levels of fewer than four rows count as one together, which unknown levels belong to. A missing cell has 0,
and the marker.

Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical attributes in classification and
prediction problems": means blended with the overall one by their counts, in the form n / (n + m). Out of fold
as in Prokhorenkova et al. 2018, "CatBoost: unbiased boosting with categorical features", section 3.2, and
scikit-learn's `TargetEncoder(smooth=10)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from couloir.data.encodings.categories import OneHot, common_categories, compact
from couloir.data.encodings.column import ColumnPreparation

MANY_LEVELS = 8
"""A column with more has means of the target in place of a feature for each level.

Of 4, 8, 16 and 40 the best on adult (out of fold, piecewise numbers: 0.318, 0.313, 0.315, 0.316; a feature
for each level 0.315), and no worse than such features on bank and credit. Where each level has rows enough,
features are better: of kc_house's 70 zip codes by 5 %. Means beside such features did no better than in their
place: on four tables better on two, and worse on two. So this is an encoding to be chosen, and averaged with
others, and no part of them.
"""

PRIOR_ROWS, FOLDS = 10, 10


def by_target(column: ColumnPreparation, cells: pl.Series, responses: np.ndarray) -> ColumnPreparation:
    """The column with means of the responses where it has many levels; else as `compact` has it.

    Args:
        column: as it was fitted to these cells.
        cells: of the training rows.
        responses: of the training rows [sample, response].
    """
    assert isinstance(column, OneHot), "it is asked of categories alone"
    if len(column.categories) <= MANY_LEVELS:
        return compact(column, cells, responses)
    column = replace(column, categories=common_categories(column, cells) or column.categories)
    table = level_means(column.places(cells), responses, len(column.categories) + 1)
    return replace(column, means=tuple(map(tuple, table.tolist())))


def responses_of(target: Any, classes: Sequence[Any] | None) -> np.ndarray:
    """Targets as numbers whose means say something [sample, response], float64.

    Values as they are; of two classes whether it is the second, of more whether it is each.
    """
    target = np.asarray(target)
    if classes is None:
        return target.reshape(len(target), -1).astype(np.float64)
    named = np.asarray(classes[1:] if len(classes) == 2 else classes)
    return (target[:, None] == named).astype(np.float64)


def level_means(places: np.ndarray, responses: np.ndarray, levels: int) -> np.ndarray:
    """The features of each level [level, response].

    Args:
        places: the level of each row [sample]; `levels` where it is missing.
        responses: of each row [sample, response].
        levels: how many there are; one without rows has 0.
    """
    beyond = responses - responses.mean(axis=0)
    counts = np.bincount(places, minlength=levels + 1)[:levels, None]
    sums = [np.bincount(places, each, minlength=levels + 1)[:levels] for each in beyond.T]
    table = np.stack(sums, axis=1) / (counts + PRIOR_ROWS)
    size = np.sqrt((counts * table**2).sum(axis=0) / max(counts.sum(), 1))
    return table / np.where(size > 0, size, np.inf)


def out_of_fold(
    places: np.ndarray, responses: np.ndarray, levels: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """The features of rows that are learnt from [sample, response], each from rows of other inner folds.

    Args:
        places, responses, levels: as `level_means` takes them.
        groups: number of each row's group [sample], which no inner fold divides; None: there are none.
    """
    found = np.zeros_like(responses)
    dealt = np.arange(len(places)) if groups is None else np.unique(groups, return_inverse=True)[1]
    inner = dealt % FOLDS
    for fold in range(min(FOLDS, len(places)) if len(places) > 1 else 0):
        own, others = inner == fold, inner != fold
        if not others.any():  # there is one group: nothing is known of it
            continue
        table = level_means(places[others], responses[others], levels)
        found[own] = np.vstack([table, np.zeros(responses.shape[1])])[places[own]]
    return found
