"""The room of runs: every run folder, several side by side, landscapes, and predictions for pasted rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from couloir.data.sources.bundled import BUNDLED
from couloir.errors import InputError
from couloir.runs import stored as runs
from couloir.studio import asking, shelf
from couloir.studio.rooms import Room, Surroundings
from couloir.studio.rooms.train import cancelled, progress
from couloir.studio.tasks import Task
from couloir.studio.wire import Answer

if TYPE_CHECKING:
    from couloir.data.preparation import Preparation
    from couloir.model.predictor import Predictor

NAME = asking.text(300)
MOST_COMPARED = 6
MOST_ROWS = 10_000
MOST_NUMBERS = 2_000_000
"""Probabilities of one answer: rows times classes."""

LONGEST_TEXT = 1_000_000
PASTED = "pasted rows.txt"
EXAMPLES = 3
LANDSCAPE = ("landscape",)


@dataclass(frozen=True)
class One:
    """A run by its folder's name."""

    run: str = asking.argument(NAME)


@dataclass(frozen=True)
class Several:
    """Runs to be seen side by side."""

    runs: tuple[str, ...] = asking.argument(asking.several(NAME, 1, MOST_COMPARED))


@dataclass(frozen=True)
class Rows:
    """Rows as text, the first line naming the columns, for a run's model."""

    run: str = asking.argument(NAME)
    text: str = asking.argument(asking.text(LONGEST_TEXT))


@dataclass(frozen=True)
class Draw:
    """The landscape of a run."""

    run: str = asking.argument(NAME)
    plane: str = asking.argument(asking.choice(("random", "paths", "solutions", "line")), "random")
    resolution: int = asking.argument(asking.whole(5, 101), 25)


@dataclass(frozen=True)
class Cancel:
    """Whether to end the job at once."""

    now: bool = asking.argument(asking.flag(), False)


class Runs(Room):
    """Its questions."""

    def __init__(self, surroundings: Surroundings) -> None:
        """A room that has read nothing yet."""
        super().__init__(surroundings)
        self._rows: dict[Path, tuple[Any, dict[str, Any]]] = {}
        self._model: tuple[Any, runs.StoredRun] | None = None

    def ask_list(self, arguments: Mapping[str, Any]) -> Answer:
        """A row for every run folder, newest first; broken ones with the reason."""
        found = shelf.folders(self.surroundings.runs)
        rows = [self._row(folder) for folder in found[: shelf.MOST_LISTED]]
        return Answer(
            {"folder": self.surroundings.runs.name, "runs": rows, "more": max(0, len(found) - len(rows))}
        )

    def ask_result(self, arguments: Mapping[str, Any]) -> Answer:
        """What one run came to."""
        return Answer(shelf.result(self._folder(asking.read(One, arguments).run)))

    def ask_compare(self, arguments: Mapping[str, Any]) -> Answer:
        """Several runs side by side: scores, the winners' curves and rates, and what to beware of."""
        names = tuple(dict.fromkeys(asking.read(Several, arguments).runs))
        found = [shelf.compared(self._folder(name)) for name in names]
        return Answer({"runs": found, "cautions": shelf.cautions(found)})

    def ask_example(self, arguments: Mapping[str, Any]) -> Answer:
        """Rows that a run's model could be asked about."""
        stored = self._stored(asking.read(One, arguments).run)
        preparation = stored.model.preparation
        return Answer(
            {
                "text": example_rows(preparation, stored.record),
                "target": preparation.target_name,
                "classes": [str(label) for label in preparation.classes] if preparation.classes else None,
            }
        )

    def ask_predict(self, arguments: Mapping[str, Any]) -> Answer:
        """The model's answers to pasted rows."""
        wanted = asking.read(Rows, arguments)
        model = self._stored(wanted.run).model
        lines = wanted.text.count("\n") + 1
        if lines > MOST_ROWS + 2:
            raise InputError(
                f"There are {lines:,} lines, and {MOST_ROWS:,} rows is the most here: "
                "use 'couloir predict' in a terminal."
            )
        if not wanted.text.strip():
            raise InputError("There are no rows: paste some, the first line naming the columns.")
        try:
            return Answer(*self._predicted(model, wanted.text, lines))
        except InputError as error:
            raise InputError(str(error).replace(PASTED, Path(PASTED).stem)) from None

    def ask_landscape(self, arguments: Mapping[str, Any]) -> Answer:
        """Begin to draw the loss around a run's network."""
        wanted = asking.read(Draw, arguments)
        folder, here = self._folder(wanted.run), self.surroundings
        task = Task(
            "landscape",
            str(folder.resolve()),
            f"{here.runs.name}/{folder.name}",
            {"plane": wanted.plane, "resolution": str(wanted.resolution)},
            out=str(here.runs.resolve()),
            same_data=self._same_data(folder),
        )
        return Answer(here.desk.start(task).state())

    def ask_progress(self, arguments: Mapping[str, Any]) -> Answer:
        """Where this page's landscape stands."""
        return Answer(progress(self.surroundings, LANDSCAPE))

    def ask_cancel(self, arguments: Mapping[str, Any]) -> Answer:
        """End it."""
        return Answer(cancelled(self.surroundings, LANDSCAPE, asking.read(Cancel, arguments).now))

    def ask_code(self, arguments: Mapping[str, Any]) -> Answer:
        """The Python lines that read a run."""
        path = f"{self.surroundings.runs.name}/{self._folder(asking.read(One, arguments).run).name}"
        return Answer(
            {
                "lines": f"import couloir\n\nrun = couloir.open_run({path!r})\nprint(run.test)\n"
                "print(run.leaderboard)\nrun.predict('new.csv')\n\n# or, in a terminal:\n"
                f"# couloir predict {path} new.csv\n# couloir landscape {path}\n"
            }
        )

    def close(self) -> None:
        """The page has gone."""
        self.surroundings.desk.close()

    def _folder(self, name: str) -> Path:
        return shelf.find(self.surroundings.runs, name)

    def _row(self, folder: Path) -> dict[str, Any]:
        """A folder's row; read again only when its record has changed."""
        try:
            found = (folder / "run.json").stat()
            mark = (found.st_mtime_ns, found.st_size, folder.stat().st_mtime_ns)
        except OSError:
            return shelf.row(folder)
        if folder not in self._rows or self._rows[folder][0] != mark:
            self._rows[folder] = (mark, shelf.row(folder))
        return self._rows[folder][1]

    def _stored(self, name: str) -> runs.StoredRun:
        """A run with its model; the last one is kept."""
        folder = self._folder(name)
        path = folder / "model.safetensors"
        mark = (folder, path.stat().st_mtime_ns if path.exists() else 0)
        if self._model is None or self._model[0] != mark:
            self._model = (mark, runs.read(folder))
        return self._model[1]

    def _predicted(
        self, model: Predictor, text: str, lines: int
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        from couloir.commands.predict import predict_table

        preparation = model.preparation
        classes = preparation.classes
        if classes and lines * len(classes) > MOST_NUMBERS:
            raise InputError(
                f"{len(classes):,} classes for each of so many rows are too many here: paste fewer rows."
            )
        path = self.surroundings.uploads / PASTED
        path.write_text(text, "utf-8")
        table = predict_table(model, path if preparation.tabular else _numbers(path))
        values = {"rows": table.height, "target": preparation.target_name, "classes": None}
        if not classes:
            return values, {"prediction": table["prediction"].to_numpy()}
        shares = table.select(f"probability_{label}" for label in classes).to_numpy()
        labels = [str(label) for label in table["prediction"]]
        return {**values, "classes": [str(label) for label in classes], "labels": labels}, {
            "probabilities": shares
        }

    def _same_data(self, folder: Path) -> str | None:
        """Where the run's data are, when they are no longer where they were: among this page's files.

        Raises:
            InputError: they are nowhere.
        """
        record = shelf.read_record(folder)
        source, data = record.get("source"), record.get("data")
        known = source.get("data") if isinstance(source, dict) else None
        name = data.get("name") if isinstance(data, dict) else None
        if known is None or known in BUNDLED or str(known).startswith("openml:") or Path(str(known)).exists():
            return None
        here = {**self.surroundings.files, **self.surroundings.uploaded}
        for path in here.values():
            if path.stem == name:
                return str(path.resolve())
        raise InputError(
            f"The run's data '{Path(str(known)).name[:60]}' are no longer where they were: "
            "drop the same file in the room Train, then draw again."
        )


def _numbers(path: Path) -> np.ndarray:
    """Pasted rows for a model of arrays: as numbers, [row, column], whatever the columns are called."""
    import polars as pl

    from couloir.data.sources.delimited import read_text_table

    frame = read_text_table(path).frame
    try:
        return frame.cast(pl.Float64).to_numpy()
    except pl.exceptions.PolarsError:
        raise InputError("A cell of the pasted rows is no number: this model reads numbers alone.") from None


def example_rows(preparation: Preparation, record: Mapping[str, Any]) -> str:
    """Some rows of the run's data as CSV: those it was most mistaken about, as far as they were kept."""
    mistakes = [entry for entry in record.get("mistakes") or () if isinstance(entry, dict)][:EXAMPLES]
    lines = io.StringIO()
    write = csv.writer(lines, lineterminator="\n")
    if not preparation.tabular:
        write.writerow(f"x{number}" for number in range(1, preparation.width + 1))
        for entry in mistakes or [{}]:
            known = entry.get("pixels") or list((entry.get("values") or {}).values())
            flat = np.ravel(known).tolist()
            write.writerow((flat + [0] * preparation.width)[: preparation.width])
        return lines.getvalue()
    usual = {column.name: _usual(column) for column in preparation.columns}
    write.writerow(preparation.raw_kinds)
    for entry in mistakes or [{}]:
        values = entry.get("values") or {}
        cells = [values.get(name, usual.get(name, "")) for name in preparation.raw_kinds]
        write.writerow("" if cell is None else cell for cell in cells)
    return lines.getvalue()


def _usual(column: Any) -> str:
    """A cell that a column could hold: its median, or the first of its categories."""
    if column.kind == "date":
        return str(np.datetime64("1970-01-01") + np.timedelta64(round(column.fill), "D"))
    if column.kind == "boolean":
        return "true" if column.fill >= 0.5 else "false"
    if column.kind == "ordered":
        return str(column.levels[min(round(column.fill), len(column.levels) - 1)])
    return f"{column.fill:.6g}" if column.is_number else next(iter(column.categories), "")
