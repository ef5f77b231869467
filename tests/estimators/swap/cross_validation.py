"""Scores in five folds, of two metrics."""

from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_score, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_wine(return_X_y=True)
model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
scores = cross_val_score(model, X, y, cv=5)
assert scores.shape == (5,)
assert scores.mean() > 0.9
found = cross_validate(model, X, y, cv=3, scoring=["accuracy", "neg_log_loss"], return_estimator=True)
assert found["test_neg_log_loss"].mean() > -0.4
assert all(each[-1].classes_.tolist() == [0, 1, 2] for each in found["estimator"])
