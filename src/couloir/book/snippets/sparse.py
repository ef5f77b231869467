"""The loss on fresh rows with rare features, by rule, each at its own best learning rate."""

from couloir.experiments.sparse import sparse_race
from couloir.figures.experiments.sparse import sparse_rules

found = sparse_race()
losses = {entry.rule: entry.rare_loss for entry in found.entries}
best = min(losses, key=losses.__getitem__)
sparse_rules(found)
