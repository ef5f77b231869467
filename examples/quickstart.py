"""Train a portfolio of networks on a bundled data set, keep what generalises, and ask it about new rows.

Run it with `uv run python examples/quickstart.py`.
"""

import couloir

data = couloir.load("wine")
run = couloir.train(data, seed=1)

print(run.leaderboard.select("rank", "encoding", "hidden", "learning_rate", "validation_loss").head(8))

low, high = run.record.test.intervals["accuracy"]
print(f"test accuracy {run.test['accuracy']:.3f}, 95 % interval {low:.3f} to {high:.3f}")
print("the first five wines:", *run.predict(data.features[:5]))
