"""The loss on test rows, with each regularizer at its best strength, over several seeds."""

import couloir
from couloir.experiments.regularizers import compare_regularizers
from couloir.figures.experiments.regularizers import regularizers_compared

found = compare_regularizers(couloir.load("diabetes"))
means = {each.name: float(each.test.mean()) for each in found.treatments}
regularizers_compared(found)
