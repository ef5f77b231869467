"""Which neurons are off in one step of training; the slider goes to the next steps."""

import numpy as np

from couloir.experiments.dropping import draw_dropout
from couloir.figures.experiments.dropping import dropped_network

found = draw_dropout()
draws, off = len(found.kept[0]), 1 - np.mean(np.concatenate(found.kept, axis=1))
dropped_network(found)
