"""The final training losses of networks of several widths, each trained from many random starts."""

from couloir.experiments.widths import losses_of_widths
from couloir.figures.experiments.widths import losses_by_width

found = losses_of_widths()
widths, seeds, shares, good = found.widths, found.losses.shape[1], found.shares, found.good
losses_by_width(found)
