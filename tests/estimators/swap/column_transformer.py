"""Columns of numbers and of categories, each prepared in its own way."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

generator = np.random.default_rng(0)
table = pd.DataFrame(
    {
        "age": np.where(generator.random(300) < 0.1, np.nan, generator.uniform(18, 80, 300)),
        "fare": generator.lognormal(2, 1, 300),
        "port": generator.choice(["Cherbourg", "Queenstown", "Southampton"], 300),
    }
)
survived = np.where((table["port"] == "Cherbourg") | (table["fare"] > 15), "yes", "no")
prepare = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
    (OneHotEncoder(), ["port"]),
)
model = make_pipeline(prepare, MLPClassifier(random_state=0)).fit(table[:200], survived[:200])
assert model.score(table[200:], survived[200:]) > 0.85
assert set(model.predict(table[200:])) == {"yes", "no"}
