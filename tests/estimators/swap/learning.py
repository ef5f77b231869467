"""Scores by the number of rows learnt from, and by a hyperparameter."""

import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import learning_curve, validation_curve
from sklearn.neural_network import MLPClassifier

X, y = load_iris(return_X_y=True)
model = MLPClassifier(random_state=0)
sizes, training, held_out = learning_curve(
    model, X, y, train_sizes=[0.3, 0.6, 1.0], cv=3, shuffle=True, random_state=0
)
assert sizes.tolist() == [30, 60, 100]
assert held_out.shape == (3, 3)
assert np.mean(held_out[-1]) > 0.85
training, held_out = validation_curve(
    model, X, y, param_name="activation", param_range=["relu", "tanh"], cv=3
)
assert np.isfinite(held_out).all()
