"""A scaler and a network in a pipeline, scored on rows held out."""

from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_iris(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
model.fit(X_train, y_train)
assert model.score(X_test, y_test) > 0.85
assert model.predict_proba(X_test).shape == (len(X_test), 3)
assert list(model[:-1].get_feature_names_out()) == list(X.columns)
