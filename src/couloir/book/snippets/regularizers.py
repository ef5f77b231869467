"""The loss on test rows, with each regularizer at its best strength, over several seeds."""

import couloir
from couloir.figures.regularizers import regularizers_compared
from couloir.landscapes.regularizers import compare_regularizers

found = compare_regularizers(couloir.load("diabetes"))
means = {each.name: float(each.test.mean()) for each in found.treatments}
regularizers_compared(found)
