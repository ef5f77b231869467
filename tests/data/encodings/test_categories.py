"""Categories: many of them, and ordered ones of pandas, Polars and Arrow."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from couloir.data.columns import MOST_ONE_HOT
from couloir.data.dataset import describe
from couloir.data.encodings.categories import HASHED_FEATURES, hashed_codes, hashed_places
from couloir.data.leaks import check_columns
from couloir.data.loading import load, load_features
from couloir.data.preparation import Preparation

LEVELS = ["never", "seldom", "often", "always"]

# --- many categories ---------------------------------------------------------------------------------


def towns(distinct: int, rows: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    names = [f"town {number % distinct}" for number in range(rows)]
    return pl.DataFrame({"town": names, "x": random.normal(size=rows), "t": random.normal(size=rows)})


@pytest.mark.parametrize(
    ("distinct", "rows", "kind"),
    [
        (50, 200, "categorical"),
        (51, 500, "text"),
        (51, 510, "categorical"),
        (MOST_ONE_HOT, 20 * MOST_ONE_HOT, "categorical"),
        (MOST_ONE_HOT + 1, 20 * MOST_ONE_HOT, "hashed"),
        (3000, 30_000, "hashed"),
        (3001, 30_000, "text"),
    ],
)
def test_the_kind_of_a_text_column(distinct: int, rows: int, kind: str) -> None:
    data = load(towns(distinct, rows), target="t")
    assert describe(data)["column_kinds"] == {kind: 1, "numeric": 1}
    width = {"categorical": distinct, "hashed": HASHED_FEATURES, "text": 0}[kind]
    assert len(Preparation.fit(data, np.arange(rows)).feature_names) == width + 1


def test_a_hashed_column_and_one_that_is_left_out_are_warned_of() -> None:
    data = load(towns(700, 8000), target="t")
    (line,) = map(str, check_columns(data, np.arange(8000)))
    assert line.startswith("Column 'town' has 700 different values, which share 64 features by hashing")
    assert line.endswith("--drop town")
    data = load(towns(900, 8000), target="t")
    (line,) = map(str, check_columns(data, np.arange(8000)))
    assert "and not used" in line


def test_very_many_features_of_categories_are_warned_of() -> None:
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {f"c{i}": [f"v{v}" for v in random.integers(0, 240, 6000)] for i in range(5)}
        | {"few": [f"v{v}" for v in random.integers(0, 5, 6000)], "t": random.normal(size=6000)}
    )
    (line,) = map(str, check_columns(load(frame, target="t"), np.arange(6000)))
    assert line.startswith("The categories of 6 columns become 1,205 features, most of them those of 'c0', ")
    assert line.endswith("drop them with --drop c0,c1,c2,c3,c4")


def test_codes_are_the_words_of_a_hash() -> None:
    digest = hashlib.blake2b("Zürich".encode(), digest_size=8).digest()
    words = [int.from_bytes(digest[i : i + 2], "little") % 64 for i in range(0, 8, 2)]
    assert hashed_places("Zürich").tolist() == words
    codes = hashed_codes(["Zürich", "Bern"])
    assert np.flatnonzero(codes[0]).tolist() == sorted(set(words))


def test_few_of_many_values_share_a_code() -> None:
    codes = hashed_codes(f"value {number}" for number in range(2000))
    assert codes.shape == (2000, HASHED_FEATURES)
    # 2000 values in 635,376 codes: by chance about three pairs of the two million meet.
    assert len(np.unique(codes, axis=0)) >= 1985
    assert 3.5 < codes.sum(axis=1).mean() < 4


def test_hashed_values_light_their_codes_and_unknown_ones_nothing() -> None:
    frame = towns(700, 8000).with_columns(
        pl.when(pl.int_range(pl.len()) % 100 == 7).then(None).otherwise(pl.col("town")).alias("town")
    )
    data = load(frame, target="t")
    preparation = Preparation.fit(data, np.arange(7900))
    part = preparation.feature_slices["town"]
    assert preparation.feature_names[part][-1] == "town missing"
    new = pl.DataFrame({"town": ["town 3", "Atlantis", None, " town 3 "], "x": [0.0] * 4})
    found = preparation.inputs(load_features(new, preparation)[0])[:, part]
    assert np.array_equal(found[0, :-1], hashed_codes(["town 3"])[0])
    assert not found[1].any()
    assert np.flatnonzero(found[2]).tolist() == [HASHED_FEATURES]
    assert np.array_equal(found[3], found[0])
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    assert np.array_equal(again.inputs(data.features), preparation.inputs(data.features))


# --- rare categories, and two ---------------------------------------------------------------------------


def test_rare_categories_and_unknown_ones_have_a_feature_together_where_the_encoding_says_so() -> None:
    texts = ["a", "b", "c"] * 20 + ["d"] * 3 + ["e"] + [None] * 2
    frame = pl.DataFrame({"c": texts, "t": np.arange(66.0)})
    data = load(frame, target="t")
    new = load_features(
        pl.DataFrame({"c": ["b", "d", "e", "z", None]}), Preparation.fit(data, np.arange(66))
    )[0]
    for encoding in ("quantile", "periodic", "target"):
        preparation = Preparation.fit(data, np.arange(66), encoding)
        assert preparation.feature_names == ("c=a", "c=b", "c=c", "c rare", "c missing")
        rare = [0, 0, 0, 1, 0]
        assert preparation.inputs(new).tolist() == [[0, 1, 0, 0, 0], rare, rare, rare, [0, 0, 0, 0, 1]]
        common = Preparation.fit(data, np.arange(60), encoding)
        assert common.feature_names == ("c=a", "c=b", "c=c")
        assert common.inputs(new)[1:].tolist() == [[0, 0, 0]] * 4
    assert "c=e" in Preparation.fit(data, np.arange(66), "robust").feature_names


def test_of_two_categories_one_feature_says_all_where_the_encoding_says_so() -> None:
    texts = ["no", "yes", "no"] * 20
    data = load(pl.DataFrame({"c": [*texts, None], "t": np.arange(61.0)}), target="t")
    new = pl.DataFrame({"c": ["no", "yes", "perhaps", None]})
    for encoding in ("quantile", "periodic", "target"):
        whole, marked = (Preparation.fit(data, np.arange(rows), encoding) for rows in (60, 61))
        assert whole.feature_names == ("c=yes",)
        assert whole.inputs(new)[:, 0].tolist() == [-1, 1, 0, 0]
        assert marked.feature_names == ("c=yes", "c missing")
        assert marked.inputs(new).tolist() == [[-1, 0], [1, 0], [0, 0], [0, 1]]
    assert Preparation.fit(data, np.arange(60), "robust").feature_names == ("c=no", "c=yes")


def test_where_every_category_is_rare_each_keeps_its_feature() -> None:
    texts = [f"c{i % 5}" for i in range(13)]
    data = load(pl.DataFrame({"c": texts, "t": np.arange(13.0)}), target="t")
    found = [Preparation.fit(data, np.arange(13), name).columns for name in ("standard", "quantile")]
    assert found[0] == found[1]


# --- ordered categories --------------------------------------------------------------------------------


def frequency(rows: int = 120) -> list[str | None]:
    """Levels without "often", some missing."""
    return [None if i % 10 == 3 else LEVELS[(0, 1, 3)[i % 3]] for i in range(rows)]


def forms() -> dict[str, object]:
    values, target = frequency(), np.arange(120.0)
    codes = [None if value is None else LEVELS.index(value) for value in values]
    arrow = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(LEVELS), ordered=True)
    return {
        "polars": pl.DataFrame({"how": pl.Series(values, dtype=pl.Enum(LEVELS)), "t": target}),
        "pandas": pd.DataFrame({"how": pd.Categorical(values, LEVELS, ordered=True), "t": target}),
        "arrow": pa.table({"how": arrow, "t": target}),
        "arrow batch": pa.record_batch({"how": arrow, "t": target}),
        "pair": (pd.DataFrame({"how": pd.Categorical(values, LEVELS, ordered=True)}), target),
    }


@pytest.mark.parametrize("form", forms())
def test_ordered_categories_become_ranks_and_features_of_their_own(form: str) -> None:
    data = load(forms()[form], target=None if form == "pair" else "t")
    assert describe(data)["column_kinds"] == {"ordered": 1}
    preparation = Preparation.fit(data, np.arange(120))
    assert preparation.feature_names == ("how", "how=never", "how=seldom", "how=always", "how missing")
    found = preparation.inputs(data.features, np.float64)
    ranks = np.array([np.nan if v is None else LEVELS.index(v) for v in frequency()])
    filled = np.where(np.isnan(ranks), np.nanmedian(ranks), ranks)
    np.testing.assert_allclose(found[:, 0], (filled - filled.mean()) / filled.std(), rtol=1e-12)
    own = [[v == level for level in ("never", "seldom", "always")] for v in frequency()]
    assert np.array_equal(found[:, 1:4], own)
    assert np.array_equal(found[:, 4], np.isnan(ranks))


def test_a_level_between_has_a_rank_and_a_text_that_is_none_counts_as_missing(tmp_path) -> None:
    data = load(forms()["polars"], target="t")
    preparation = Preparation.fit(data, np.arange(120))
    (tmp_path / "new.csv").write_text("how,more\noften,1\nhourly,1\n,1\nseldom,1\n")
    found = preparation.inputs(load_features(tmp_path / "new.csv", preparation)[0], np.float64)
    column = preparation.columns[0]
    assert found[0, 0] == pytest.approx((2 - column.mean) / column.scale)
    assert not found[0, 1:].any()
    assert np.array_equal(found[1], found[2])
    assert found[2, 4] == 1
    assert found[3, 2] == 1
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    assert again == preparation


def test_of_two_levels_and_of_very_many_the_rank_is_all() -> None:
    two = pl.Series(["no", "yes"] * 30, dtype=pl.Enum(["no", "yes"]))
    many = [f"{number:03d}" for number in range(60)]
    frame = pl.DataFrame({"two": two, "many": pl.Series(many, dtype=pl.Enum(many)), "t": np.arange(60.0)})
    preparation = Preparation.fit(load(frame, target="t"), np.arange(60))
    assert preparation.feature_names == ("two", "many")


def test_the_order_does_not_change_the_fingerprint_nor_the_classes() -> None:
    ordered, plain = forms()["polars"], pl.DataFrame({"how": frequency(), "t": np.arange(120.0)})
    assert load(ordered, target="t").fingerprint == load(plain, target="t").fingerprint
    target = pd.Categorical(["low", "high"] * 20, ["low", "high"], ordered=True)
    data = load((np.arange(40.0)[:, None], pd.Series(target)))
    assert data.classes == ("high", "low")
    assert load(pd.DataFrame({"a": np.arange(40.0), "t": target}), target="t").classes == ("high", "low")
