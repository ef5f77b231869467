"""Training and validation loss, with the epoch whose weights are kept and the one to stop at."""

import couloir
from couloir.figures.training.stopping import stopped_curves

run = couloir.train(
    couloir.load("breast_cancer"),
    optimizer="adam",
    learning_rate=0.01,
    hidden=(64,),
    split=(0.3, 0.35, 0.35),
    epochs=60,
    no_stop=True,
)
losses = run.history.sort("epoch")["validation_loss"]
epochs, kept = len(losses), run.record.stopping.best_epoch
stopped = run.record.stopping.stop_epoch
least, last = losses[kept - 1], losses[-1]
stopped_curves(run)
