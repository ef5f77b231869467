"""Probabilities calibrated by isotonic regression in folds."""

import numpy as np
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.datasets import make_classification
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

X, y = make_classification(600, n_features=6, flip_y=0.1, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = CalibratedClassifierCV(MLPClassifier(random_state=0), method="isotonic", cv=3).fit(X_train, y_train)
probability = model.predict_proba(X_test)[:, 1]
shares, means = calibration_curve(y_test, probability, n_bins=3)
assert brier_score_loss(y_test, probability) < 0.2
assert np.all(np.diff(shares) > 0)
