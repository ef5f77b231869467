"""The share of runs that leave a small minimum and a saddle, against the size of the batch."""

from couloir.experiments.noise import escapes
from couloir.figures.experiments.noise import escape_shares

found = escapes()
escape_shares(found)
