"""Which rows serve for validation in which fold, and which never do."""

import couloir
from couloir import figures

folds = 10
run = couloir.train(
    couloir.load("iris"), optimizer="adam", learning_rate=0.01, hidden=(16,), cv=folds, out=None
)
scores = run.record.cross_validation.scores["log_loss"].values
figures.fold_strip(run), figures.fold_scores(run)
