"""Which update rule is best here, and which network? With evidence, on a set that ships along."""

import tempfile
from pathlib import Path

import couloir
from couloir.selection.search.space import Space

data = couloir.load("wine")

# Every rule at its own best learning rate, over replicates with other splits and starts.
race = couloir.race(data, optimizer=["sgd", "adam", "rmsprop"], rates=6, replicates=5, epochs=20)
for sentence in race.record.verdicts:
    print(sentence)

# Ten folds: the mean, the spread, and what choosing inside each fold would have given.
crossed = couloir.cross_validate(data, cv=10, optimizer="adam", epochs=20)
best = crossed.ranking[0]
scores, nested = crossed.scores["accuracy"][best], crossed.nested["accuracy"]
print(
    f"adam in ten folds: accuracy {scores.mean():.3f} ± {scores.std(ddof=1):.3f}, nested {nested.mean():.3f}"
)

# Hyperparameters and architecture together, from a space of one's own.
with tempfile.TemporaryDirectory() as folder:
    toml = Path(folder, "space.toml")
    toml.write_text('optimizer = ["adam", "momentum"]\nwidth = [16, 32]\nlayers = 1\nactivation = "relu"\n')
    space = Space.read(toml, data.task, rows=len(data))
    search = couloir.search(data, space=space, trials=32, generation=16, out=Path(folder, "runs"))
for model in search.record.finalists:
    print(f"{model.name:10} test accuracy {model.test['accuracy']:.3f}")
