"""Permutation importance on rows held out, and a partial dependence."""

import numpy as np
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor

generator = np.random.default_rng(0)
X = generator.normal(size=(300, 3))
y = 3 * X[:, 0] + X[:, 1] + 0.1 * generator.normal(size=300)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = MLPRegressor(random_state=0).fit(X_train, y_train)
found = permutation_importance(model, X_test, y_test, n_repeats=5, random_state=0)
first, second, third = found.importances_mean
assert first > second > abs(third)
curve = partial_dependence(model, X_train, [0], grid_resolution=10)["average"][0]
assert np.all(np.diff(curve) > 0)
