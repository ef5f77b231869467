"""The landscape of a run: restored from its folder, measured, drawn, written and read again."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from msgspec import structs

import couloir
from couloir.commands.landscape import Landscape, landscape, open_landscape
from couloir.data.encodings import ENCODINGS
from couloir.data.preparation import Preparation
from couloir.errors import InputError
from couloir.figures.landscapes.sharpness import slice_profile, slice_spectrum
from couloir.figures.landscapes.slices import slice_bowl, slice_contour, slice_paths
from couloir.options import PLANES
from couloir.runs import stored as runs
from couloir.runs.records import findings
from couloir.runs.records.learned import Source
from couloir.runs.restoring import member_of, restored

EPOCHS, RESOLUTION = 12, 9


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one of two rules on iris."""
    folder = tmp_path_factory.mktemp("runs")
    couloir.train(
        "iris", optimizer=["adam", "sgd"], learning_rate=0.03, hidden=(6,), epochs=EPOCHS, batch_size=16,
        patience=None, split=(0.6, 0.2, 0.2), out=folder,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def stored(parent: Path) -> runs.StoredRun:
    return runs.read(parent / "latest")


@pytest.fixture(scope="module")
def drawn(parent: Path, stored: runs.StoredRun) -> dict[str, Landscape]:
    """The run's landscape on every plane; that of the paths is saved."""
    return {
        plane: landscape(
            stored,
            plane=plane,
            data="iris",
            resolution=RESOLUTION,
            out=parent if plane == "paths" else None,
            command=f"couloir landscape latest --plane {plane}",
        )
        for plane in PLANES
    }


# What is measured -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("plane", PLANES)
def test_the_loss_at_the_centre_is_the_loss_that_the_run_reported(
    plane: str, drawn: dict[str, Landscape], stored: runs.StoredRun
) -> None:
    record, training = drawn[plane].record, stored.record.training
    assert record.centre.loss == pytest.approx(training["log_loss"], rel=2e-6)
    assert record.centre.accuracy == pytest.approx(training["accuracy"])
    assert record.rows == stored.record.data.split.train
    assert len(drawn[plane].tables["slice"]) == record.grid.points


def test_a_point_of_the_slice_has_the_loss_of_the_network_there(
    drawn: dict[str, Landscape], stored: runs.StoredRun
) -> None:
    """Measured by the predicting code in float64, on the line from the trained network to the other."""
    about = restored(stored, "iris")
    table = drawn["line"].tables["slice"]
    assert table["y"].to_list() == [0.0] * RESOLUTION
    inputs = about.model.preparation.inputs(about.dataset.rows(about.rows), np.float64)
    truth = about.model.preparation.targets(about.dataset.target[about.rows])
    probabilities = about.model.predict_prepared(inputs)
    expected = -np.mean(np.log(probabilities[np.arange(len(truth)), truth]))
    at_zero = np.interp(0.0, table["x"].to_numpy(), table["loss"].to_numpy())
    assert table["x"].to_list() == pytest.approx(np.linspace(-0.5, 1.5, RESOLUTION).tolist())
    assert at_zero == pytest.approx(expected, rel=2e-6)
    other = drawn["line"].tables["path"].filter(pl.col("rule") != about.member.rule.name).row(-1, named=True)
    at_one = table.filter((pl.col("x") - 1).abs() < 1e-9)["loss"].item()
    assert at_one == pytest.approx(other["loss"], rel=2e-6)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_rows_that_a_network_was_fitted_to_are_found_in_its_encoding(
    stored: runs.StoredRun, encoding: str
) -> None:
    about = restored(stored, "iris")
    assert about.part == "training rows"
    both = np.union1d(about.rows, stored.predictions["row"].to_numpy())
    preparation = Preparation.fit(about.dataset, both, encoding)
    found = restored(replace(stored, model=replace(about.model, preparation=preparation)), "iris")
    assert found.part == "training and validation rows"
    assert np.array_equal(found.rows, both)


def test_the_path_of_the_winner_meets_its_network(
    drawn: dict[str, Landscape], stored: runs.StoredRun
) -> None:
    """It is trained anew, in other company: it has to pass through the weights in the run's folder."""
    winner, path = stored.record.winner, drawn["paths"].tables["path"]
    assert winner.best_epoch > 3
    for rule in ("adam", "sgd"):
        own = path.filter(pl.col("rule") == rule)
        assert own["epoch"].to_list() == list(range(len(own)))
        assert own["learning_rate"].to_list() == [0.03] * len(own)
    end = path.filter((pl.col("rule") == winner.optimizer) & (pl.col("epoch") == winner.best_epoch))
    assert [end[name].item() for name in ("x", "y", "distance")] == pytest.approx([0, 0, 0], abs=1e-4)
    assert end["projected"].item() == pytest.approx(end["loss"].item(), rel=1e-4)


def test_a_path_can_be_longer_than_the_run_was_and_be_another_rules(stored: runs.StoredRun) -> None:
    found = landscape(
        stored, optimizer=["momentum", "adam"], epochs=EPOCHS + 2, data="iris", resolution=3, eigenvalues=0
    )
    assert found.record.plane.kind == "paths"
    described = {path.rule: (path.learning_rate, path.epochs) for path in found.record.paths}
    # Of adam the run knows its best rate, of momentum nothing: it gets its customary one.
    assert described == {"momentum": (0.01, EPOCHS + 2), "adam": (0.03, EPOCHS + 2)}


def test_what_the_plane_shows_is_stated(drawn: dict[str, Landscape]) -> None:
    record, path = drawn["paths"].record, drawn["paths"].tables["path"]
    shares = record.plane.explained
    assert 0.5 < sum(shares) <= 1
    assert shares[0] >= shares[1]
    whole = path.select((pl.col("x") ** 2 + pl.col("y") ** 2).sum(), (pl.col("distance") ** 2).sum()).row(0)
    assert sum(shares) == pytest.approx(whole[0] / sum(whole), rel=1e-9)
    for entry in record.paths:
        own = path.filter(pl.col("rule") == entry.rule)
        squares = own.select(
            (pl.col("x") ** 2 + pl.col("y") ** 2).sum(), (pl.col("distance") ** 2).sum()
        ).row(0)
        assert entry.shown == pytest.approx(squares[0] / sum(squares), rel=1e-9)


def test_the_plane_through_solutions_has_all_three_on_it(drawn: dict[str, Landscape]) -> None:
    record, path = drawn["solutions"].record, drawn["solutions"].tables["path"]
    trained, other, start = record.plane.marks.values()
    assert trained == (0, 0)
    first = path.filter(pl.col("epoch") == 0)
    assert first["distance"].to_list() == pytest.approx([0, 0], abs=1e-5)
    assert first.select("x", "y").rows() == [pytest.approx(tuple(start), abs=1e-5)] * 2
    last = path.filter(pl.col("rule") == list(record.plane.marks)[1]).row(-1, named=True)
    assert (last["x"], last["y"]) == pytest.approx(tuple(other), abs=1e-5)
    assert last["distance"] == pytest.approx(0, abs=1e-5)
    for ends, place in ((record.grid.x, 0), (record.grid.y, 1)):
        assert all(ends[0] < mark[place] < ends[1] for mark in (trained, other, start))


def test_the_curvature_tells_the_loss_nearby(drawn: dict[str, Landscape]) -> None:
    record, profile = drawn["random"].record, drawn["random"].tables["profile"]
    found = record.curvature
    assert found.eigenvalues == sorted(found.eigenvalues, reverse=True)
    assert found.critical_rate == pytest.approx(2 / found.eigenvalues[0])
    own = profile.filter(pl.col("direction") == 1)
    steps, losses = own["distance"].to_numpy(), own["loss"].to_numpy()
    near = np.abs(steps) <= steps.max() / 8
    assert np.count_nonzero(near) >= 5
    bend = 2 * np.polyfit(steps[near], losses[near], 2)[0]
    assert bend == pytest.approx(found.eigenvalues[0], rel=0.1)


def test_regression_is_measured_in_target_units_and_its_critical_rate_is_not() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((80, 3))
    data = couloir.load((inputs, 100 * inputs[:, 0] + generator.standard_normal(80)))
    run = couloir.train(data, optimizer="sgd", learning_rate=0.05, hidden=(), epochs=5, batch_size=16)
    found = landscape(run, data=data, resolution=3, eigenvalues=1)
    assert found.record.centre.loss == pytest.approx(run.record.training["mse"], rel=2e-6)
    assert found.record.centre.accuracy is None
    about = restored(run, data)
    prepared = about.model.preparation.inputs(about.dataset.rows(about.rows), np.float64)
    design = np.column_stack([prepared, np.ones(len(prepared))])
    largest = np.linalg.eigvalsh(2 / len(design) * design.T @ design)[-1]
    assert found.record.curvature.critical_rate == pytest.approx(2 / largest, rel=1e-5)
    scale = about.model.preparation.target_scale**2
    assert found.record.curvature.eigenvalues[0] == pytest.approx(scale * largest, rel=1e-5)


def test_fewer_rows_are_a_sample_of_those_learnt_from(stored: runs.StoredRun) -> None:
    found = landscape(stored, data="iris", samples=20, resolution=3, eigenvalues=0, seed=1)
    assert (found.record.rows, found.record.rows_known) == (20, 90)
    assert found.record.curvature is None
    assert "20 of 90, drawn at random" in found_page(found)


# Restoring a run --------------------------------------------------------------------------------------


def test_the_rows_of_a_run_are_found_again(stored: runs.StoredRun) -> None:
    about = restored(stored, "iris")
    assert len(about.rows) == 90
    assert about.part == "training rows"
    assert not np.isin(stored.predictions["row"].to_numpy(), about.rows).any()
    assert about.member.describe() == stored.record.winner.hyperparameters
    assert member_of(stored.record.winner.hyperparameters) == about.member


def test_a_run_says_where_its_data_are_or_is_told(stored: runs.StoredRun) -> None:
    blind = replace(stored, record=structs.replace(stored.record, source=Source()))
    with pytest.raises(InputError, match="does not say where its data are: name them with --data"):
        landscape(blind)
    assert restored(blind, "iris").dataset.fingerprint == stored.record.data.fingerprint
    told = replace(stored, record=structs.replace(stored.record, source=Source(data="iris")))
    assert restored(told).dataset.fingerprint == stored.record.data.fingerprint
    with pytest.raises(InputError, match="not those that the run was trained on"):
        landscape(stored, data="wine")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"plane": "random", "optimizer": "adam"}, "use --plane paths"),
        ({"plane": "path"}, "did you mean 'paths'"),
        ({"samples": 0}, "samples 0 cannot be used"),
        ({"reach": math.inf}, "reach inf cannot be used"),
        ({"eigenvalues": -1}, "eigenvalues -1 cannot"),
        ({"plane": "line", "optimizer": ["sgd", "momentum"]}, "takes one rule besides the run's own"),
        ({"optimizer": "adan"}, "did you mean 'adam'"),
        ({"resolution": 1}, "grid of 1 points"),
    ],
)
def test_what_cannot_be_meant_is_refused(asked: dict, said: str, stored: runs.StoredRun) -> None:
    with pytest.raises(InputError, match=said):
        landscape(stored, data="iris", **asked)


# Figures and page -------------------------------------------------------------------------------------


def test_the_map_shows_the_table(drawn: dict[str, Landscape]) -> None:
    found = drawn["paths"]
    chart, table = slice_contour(found), found.tables["slice"]
    levels = chart.figure.data[0]
    shown = np.asarray(levels.customdata)
    assert shown.ravel() == pytest.approx(table["loss"].to_numpy(), rel=1e-6)
    assert np.asarray(levels.x) == pytest.approx(table["x"].to_numpy()[:RESOLUTION])
    lines = {
        trace.name: trace
        for trace in chart.figure.select_traces({"type": "scatter", "mode": "lines+markers"})
    }
    for rule, trace in lines.items():
        own = found.tables["path"].filter(pl.col("rule") == rule)
        assert list(trace.x) == own["x"].to_list()
        assert list(trace.y) == own["y"].to_list()
    assert set(lines) == {"adam", "sgd"}
    share = 100 * sum(found.record.plane.explained)
    assert f"{share:.1f}\u202f% of the squared distances" in chart.sentence


def test_heights_of_the_bowl_are_those_of_the_map(drawn: dict[str, Landscape]) -> None:
    bowl, flat = slice_bowl(drawn["paths"]).figure.data[0], slice_contour(drawn["paths"]).figure.data[0]
    assert np.array_equal(bowl.z, flat.z)
    losses = np.asarray(flat.customdata)
    ratio = losses.max() / losses.min()
    heights = np.log10(losses) if ratio > 5 else losses
    assert np.asarray(flat.z) == pytest.approx(heights, rel=1e-5, abs=1e-6)


def test_true_losses_stand_beside_the_planes(drawn: dict[str, Landscape]) -> None:
    chart, path = slice_paths(drawn["paths"]), drawn["paths"].tables["path"]
    curves = [trace for trace in chart.figure.data if trace.name == "sgd"]
    own = path.filter(pl.col("rule") == "sgd")
    assert [list(trace.y) for trace in curves] == [own["loss"].to_list(), own["projected"].to_list()]
    apart = path.with_columns(
        (pl.max_horizontal("loss", "projected") / pl.min_horizontal("loss", "projected")).alias("factor")
    ).sort("factor", descending=True)
    assert f"for {apart['rule'][0]} at epoch {apart['epoch'][0]}" in chart.sentence


def test_the_line_says_whether_a_ridge_is_in_the_way(drawn: dict[str, Landscape]) -> None:
    def sentence(losses: list[float]) -> str:
        table = pl.DataFrame({"x": [-0.5, 0.0, 0.5, 1.0, 1.5], "y": [0.0] * 5, "loss": losses})
        return slice_contour(Landscape(drawn["line"].record, {"slice": table})).sentence

    assert "rises to 3, at 0.5 of the way and 50\u202f% above the higher" in sentence(
        [9.0, 1.0, 3.0, 2.0, 9.0]
    )
    assert "nothing is higher: no ridge divides them" in sentence([9.0, 1.0, 1.5, 2.0, 9.0])


def test_the_spectrum_and_the_profile_show_what_was_found(drawn: dict[str, Landscape]) -> None:
    found = drawn["random"]
    chart, curvature = slice_spectrum(found), found.record.curvature
    ends = [trace.x[1] for trace in chart.figure.data]
    assert ends == [*curvature.eigenvalues, curvature.lowest]
    assert len(slice_profile(found).figure.data) == 4
    bent = with_lowest(found, -curvature.eigenvalues[0])
    assert "not quite a minimum" in slice_spectrum(bent).sentence
    flat = with_lowest(found, 0.0)
    assert "no direction bends clearly downwards" in slice_spectrum(flat).sentence


def with_lowest(found: Landscape, lowest: float) -> Landscape:
    """The landscape, had its curvature this lowest eigenvalue."""
    assert found.record.curvature is not None
    curvature = structs.replace(found.record.curvature, lowest=lowest)
    return Landscape(structs.replace(found.record, curvature=curvature), found.tables)


def found_page(found: Landscape) -> str:
    from couloir.report.page import render

    return render(found)


@pytest.mark.parametrize("plane", PLANES)
def test_every_plane_has_its_page(plane: str, drawn: dict[str, Landscape]) -> None:
    page = found_page(drawn[plane])
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', page, re.S)[1])["figures"]
    wanted = {"slice", "spectrum", "profile"}
    wanted |= {"bowl"} if plane != "line" else set()
    wanted |= {"path-losses"} if plane in ("paths", "solutions") else set()
    assert set(figures) == wanted
    body = page[page.index("<main>") : page.index("</main>")]
    for name in re.findall(r'href="#([a-z-]+)"', page):
        assert f'id="{name}"' in page, name
    assert f"couloir landscape latest --plane {plane}" in body
    assert "None" not in body
    assert "nan" not in re.sub(r"<[^>]*>", " ", body).split()


def test_what_the_data_are_called_is_no_markup(drawn: dict[str, Landscape]) -> None:
    record = drawn["random"].record
    data = structs.replace(record.data, name="<b>bold</b>", target="<i>y</i>")
    page = found_page(Landscape(structs.replace(record, data=data), drawn["random"].tables))
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_a_folder_holds_it_all_and_latest_stays_with_the_model(
    parent: Path, drawn: dict[str, Landscape], stored: runs.StoredRun
) -> None:
    found = drawn["paths"]
    names = {path.name for path in found.folder.iterdir()}
    assert names == {"run.json", "landscape.html", "slice.parquet", "path.parquet", "profile.parquet"}
    assert (parent / "latest").resolve() == stored.folder
    again = open_landscape(found.folder)
    assert again.record == found.record
    assert all(again.tables[name].equals(table) for name, table in found.tables.items())
    with pytest.raises(InputError, match="it is a train run"):
        open_landscape(stored.folder)


def test_nothing_is_left_of_a_landscape_that_could_not_be_written(
    tmp_path: Path, drawn: dict[str, Landscape]
) -> None:
    centre = findings.Centre(loss=math.nan, accuracy=1.0)
    broken = Landscape(structs.replace(drawn["random"].record, centre=centre))
    with pytest.raises(ValueError, match="not JSON compliant"):
        broken.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
