"""The room of runs: every run folder, several side by side, landscapes, and predictions for pasted rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from couloir.data.sources.bundled import BUNDLED
from couloir.errors import InputError
from couloir.options import PLANES
from couloir.runs import stored
from couloir.runs.records import RUN
from couloir.studio import asking
from couloir.studio.jobs.request import JobRequest
from couloir.studio.rooms.base import Context, JobRoom, RunName
from couloir.studio.rooms.runs import listing, results
from couloir.studio.rooms.runs.examples import example_rows
from couloir.studio.wire import Answer

if TYPE_CHECKING:
    from couloir.model.predictor import Predictor

MOST_COMPARED = 6
MOST_ROWS = 10_000
MOST_NUMBERS = 2_000_000
"""Probabilities of one answer: rows times classes."""

LONGEST_TEXT = 1_000_000
PASTED = "pasted rows.txt"


RunNames = Annotated[tuple[str, ...], asking.several(asking.text(300), 1, MOST_COMPARED)]
PlaneKind = Annotated[str, asking.choice(PLANES)]
Resolution = Annotated[int, asking.whole(5, 101)]


class RunsRoom(JobRoom):
    """Its questions."""

    VERBS = ("landscape",)

    def __init__(self, context: Context) -> None:
        """A room that has read nothing yet."""
        super().__init__(context)
        self._rows: dict[Path, tuple[Any, dict[str, Any]]] = {}
        self._model: tuple[Any, stored.StoredRun] | None = None

    def ask_list(self) -> Answer:
        """A row for every run folder, newest first; broken ones with the reason."""
        found = listing.folders(self.context.runs)
        rows = [self._row(folder) for folder in found[: listing.MOST_LISTED]]
        return Answer({"folder": self.context.runs.name, "runs": rows, "more": len(found) - len(rows)})

    def ask_result(self, run: RunName) -> Answer:
        """What one run came to."""
        return Answer(results.result(self._folder(run)))

    def ask_compare(self, runs: RunNames) -> Answer:
        """Several runs side by side: scores, the winners' curves and rates, and what to beware of."""
        found = [results.compared(self._folder(name)) for name in dict.fromkeys(runs)]
        return Answer({"runs": found, "cautions": list(results.cautions(found))})

    def ask_example(self, run: RunName) -> Answer:
        """Rows that a run's model could be asked about."""
        found = self._stored(run)
        return Answer({"text": example_rows(found.model.preparation, found.record)})

    def ask_predict(self, run: RunName, text: Annotated[str, asking.text(LONGEST_TEXT)]) -> Answer:
        """The model's answers to pasted rows, the first line naming the columns."""
        model = self._stored(run).model
        lines = text.count("\n") + 1
        if lines > MOST_ROWS + 2:
            raise InputError(
                f"There are {lines:,} lines, and {MOST_ROWS:,} rows is the most here: "
                "use 'couloir predict' in a terminal."
            )
        if not text.strip():
            raise InputError("There are no rows: paste some, the first line naming the columns.")
        try:
            return self._predicted(model, text, lines)
        except InputError as error:
            raise InputError(str(error).replace(PASTED, Path(PASTED).stem)) from None

    def ask_landscape(self, run: RunName, plane: PlaneKind = "random", resolution: Resolution = 25) -> Answer:
        """Begin to draw the loss around a run's network."""
        folder, parent = self._folder(run), self.context.runs
        request = JobRequest(
            "landscape",
            str(folder.resolve()),
            f"{parent.name}/{folder.name}",
            {"plane": plane, "resolution": str(resolution)},
            out=str(parent.resolve()),
            same_data=self._same_data(folder),
        )
        return Answer(self.context.jobs.start(request).state())

    def ask_code(self, run: RunName) -> Answer:
        """The Python lines that read a run."""
        path = f"{self.context.runs.name}/{self._folder(run).name}"
        return Answer(
            {
                "lines": f"import couloir\n\nrun = couloir.open_run({path!r})\nprint(run.test)\n"
                "print(run.leaderboard)\nrun.predict('new.csv')\n\n# or, in a terminal:\n"
                f"# couloir predict {path} new.csv\n# couloir landscape {path}\n"
            }
        )

    def _folder(self, name: str) -> Path:
        return listing.find(self.context.runs, name)

    def _row(self, folder: Path) -> dict[str, Any]:
        """A folder's row; read again only when its record has changed."""
        try:
            found = (folder / RUN).stat()
            mark = (found.st_mtime_ns, found.st_size, folder.stat().st_mtime_ns)
        except OSError:
            return listing.row(folder)
        if folder not in self._rows or self._rows[folder][0] != mark:
            self._rows[folder] = (mark, listing.row(folder))
        return self._rows[folder][1]

    def _stored(self, name: str) -> stored.StoredRun:
        """A run with its model; the last one is kept."""
        folder = self._folder(name)
        path = folder / "model.safetensors"
        mark = (folder, path.stat().st_mtime_ns if path.exists() else 0)
        if self._model is None or self._model[0] != mark:
            self._model = (mark, stored.read(folder))
        return self._model[1]

    def _predicted(self, model: Predictor, text: str, lines: int) -> Answer:
        from couloir.commands.predict import predict_table

        preparation = model.preparation
        classes = preparation.classes
        if classes and lines * len(classes) > MOST_NUMBERS:
            raise InputError(
                f"{len(classes):,} classes for each of so many rows are too many here: paste fewer rows."
            )
        path = self.context.uploads / PASTED
        path.write_text(text, "utf-8")
        table = predict_table(model, path if preparation.tabular else _numbers(path))
        values: dict[str, Any] = {"rows": table.height, "target": preparation.target_name, "classes": None}
        if not classes:
            return Answer(values, {"prediction": table["prediction"].to_numpy()})
        values["classes"] = [str(label) for label in classes]
        values["labels"] = [str(label) for label in table["prediction"]]
        shares = table.select(f"probability_{label}" for label in classes).to_numpy()
        return Answer(values, {"probabilities": shares})

    def _same_data(self, folder: Path) -> str | None:
        """A page's file with the run's data, where they have moved; an InputError where there is none."""
        record = results.learned(folder)
        known = record.source.data
        if known is None or known in BUNDLED or known.startswith("openml:") or Path(known).exists():
            return None
        for path in self.context.tables.values():
            if path.stem == record.data.name:
                return str(path.resolve())
        raise InputError(
            f"The run's data '{Path(known).name[:60]}' are no longer where they were: "
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
