"""Which neurons are off in one step of training; the slider goes to the next steps."""

import numpy as np

from couloir.figures.dropping import dropped_network
from couloir.landscapes.dropping import draw_dropout

found = draw_dropout()
draws, off = len(found.kept[0]), 1 - np.mean(np.concatenate(found.kept, axis=1))
dropped_network(found)
