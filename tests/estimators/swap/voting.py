"""A network among other classifiers, by vote and by average."""

from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

X, y = load_iris(return_X_y=True)
models = [
    ("logistic", LogisticRegression(max_iter=1000)),
    ("bayes", GaussianNB()),
    ("network", MLPClassifier(random_state=0)),
]
hard = VotingClassifier(models).fit(X, y)
soft = VotingClassifier(models, voting="soft").fit(X, y)
assert hard.score(X, y) > 0.93
assert soft.predict_proba(X).shape == (150, 3)
bag = BaggingClassifier(MLPClassifier(), n_estimators=2, random_state=0).fit(X, y)
assert bag.score(X, y) > 0.85
