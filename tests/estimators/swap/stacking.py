"""A network and a forest, stacked under a ridge regression; targets transformed."""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor, StackingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_diabetes(return_X_y=True)
network = TransformedTargetRegressor(
    make_pipeline(StandardScaler(), MLPRegressor(random_state=0)), func=np.log, inverse_func=np.exp
)
forest = RandomForestRegressor(10, random_state=0)
model = StackingRegressor([("network", network), ("forest", forest)], RidgeCV(), cv=3)
model.fit(X[:300], y[:300])
assert model.score(X[300:], y[300:]) > 0.35
assert model.transform(X).shape == (len(X), 2)
