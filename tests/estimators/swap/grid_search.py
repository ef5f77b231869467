"""A grid over a pipeline's steps, refitted by one of two metrics."""

import pandas as pd
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_wine(return_X_y=True)
pipe = Pipeline([("scale", StandardScaler()), ("pca", PCA()), ("network", MLPClassifier(random_state=0))])
grid = {"pca__n_components": [2, 4], "network__batch_size": [32]}
search = GridSearchCV(pipe, grid, cv=3, scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss", n_jobs=1)
search.fit(X, y)
table = pd.DataFrame(search.cv_results_)
assert len(table) == 2
assert search.best_score_ == table["mean_test_neg_log_loss"].max()
assert search.best_params_ == table["params"][search.best_index_]
assert search.best_estimator_.named_steps["pca"].n_components == search.best_params_["pca__n_components"]
assert search.predict(X).shape == (178,)
