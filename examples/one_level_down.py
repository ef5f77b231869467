"""One level down: a population with a loss of your own, watched epoch by epoch.

Half of the networks learn with the focal loss (Lin and others 2017), which is not part of Couloir: it
counts samples that are already recognised for less. The others learn with cross-entropy. Whatever they
are trained on, all are judged by the same log loss on the validation rows.
"""

import jax
import jax.numpy as jnp
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from couloir.engine.epochs import Part, TrainingData
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import Progress, train_population


def focal_loss(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """(1 − p)² · −log p of the true class, for outputs [class, sample] and class numbers [sample]."""
    log_shares = jax.nn.log_softmax(outputs, axis=0)
    log_share = jnp.take_along_axis(log_shares, targets[None, :], axis=0)[0]
    return -((1 - jnp.exp(log_share)) ** 2) * log_share


def watch(progress: Progress) -> bool:
    """Called after every epoch; training would end if this returned True."""
    best = progress.best()
    if best is not None and progress.epoch % 10 == 0:
        print(f"epoch {progress.epoch}: {progress.count('training')} in training, best {best.score:.4f}")
    return False


inputs, targets = load_breast_cancer(return_X_y=True)
train_x, validation_x, train_y, validation_y = train_test_split(
    inputs, targets, test_size=0.3, stratify=targets, random_state=0
)
scaler = StandardScaler().fit(train_x)
data = TrainingData(
    task="classification",
    outputs=2,
    train=Part(scaler.transform(train_x), train_y),
    validation=Part(scaler.transform(validation_x), validation_y),
)
members = [
    Member(RULES[rule], learning_rate=rate, hidden=(16,), loss=loss, epochs=40)
    for loss in ("cross_entropy", focal_loss)
    for rule, rate in (("adam", 1e-3), ("adam", 1e-2), ("momentum", 1e-2), ("momentum", 1e-1))
]
trained = train_population(members, data, seed=0, patience=10, on_epoch=watch)

for outcome in trained.outcomes:
    member = outcome.member
    name = member.loss if isinstance(member.loss, str) else member.loss.__name__
    accuracy = outcome.validation[outcome.best_epoch - 1]["accuracy"]
    print(
        f"{name:13} {member.rule.name:8} at {member.learning_rate:<5g} log loss {outcome.score:.4f}, "
        f"accuracy {accuracy:.3f} in epoch {outcome.best_epoch}, {outcome.status}"
    )
winner = trained.winner
if winner is None or winner.network is None:
    raise SystemExit("every member diverged")
print("the winner's layers:", *(layer.weight.shape for layer in winner.network))
