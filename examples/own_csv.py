"""A table of your own, with categories and gaps: from the file to predictions and a page.

The table is made up here: the price of a flat falls with the distance to the centre and rises with its size.
"""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import couloir

folder = Path(tempfile.mkdtemp(prefix="couloir-example-"))
generator = np.random.default_rng(0)
rows = 600
size = generator.uniform(20, 140, rows)
distance = generator.exponential(4, rows)
heating = generator.choice(["gas", "district", "heat pump"], rows)
noise = generator.normal(0, 15, rows)
price = 4.0 * size * np.exp(-distance / 10) + 30 * (heating == "heat pump") + noise
size[generator.random(rows) < 0.1] = np.nan  # every tenth owner did not say

flats = pl.DataFrame({"size": size, "distance": distance, "heating": heating, "price": price})
flats = flats.with_columns(pl.col("size").fill_nan(None))
flats[:-3].write_csv(folder / "flats.csv")
flats[-3:].drop("price").write_csv(folder / "new.csv")

data = couloir.load(folder / "flats.csv", target="price")
run = couloir.train(
    data,
    optimizer=["adam", "momentum"],
    learning_rate=[1e-3, 1e-2],
    hidden=[(16,), (32, 16)],
    out=folder / "runs",
)

print(f"R² on the test part {run.test['r2']:.3f}; a linear model has {run.record.linear.test['r2']:.3f}")
for predicted, true in zip(run.predict(folder / "new.csv"), flats["price"][-3:], strict=True):
    print(f"predicted {predicted:6.1f}, true {true:6.1f}")
print("the run is in", run.folder)
