"""The tries of a search over rules, rates, regularizers and architectures, and the best of them."""

import tempfile

import couloir
from couloir import figures

with tempfile.TemporaryDirectory() as folder:
    run = couloir.search(couloir.load("iris"), trials=80, validation=True, out=folder)
trials, board = len(run.tables["trials"]), run.leaderboard.head(5).to_dicts()
left = int((run.tables["trials"]["status"] == "left").sum())
figures.search_history(run), figures.best_trials(run)
