"""Rows that come in parts, learnt as they come."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.neural_network import MLPClassifier

X, y = load_digits(return_X_y=True)
X = X / 16
model = MLPClassifier(random_state=0)
scores = []
for start in [*range(0, 1500, 100)] * 3:
    model.partial_fit(X[start : start + 100], y[start : start + 100], classes=np.arange(10))
    scores.append(accuracy_score(y[1500:], model.predict(X[1500:])))
assert scores[-1] > scores[0]
assert scores[-1] > 0.6
