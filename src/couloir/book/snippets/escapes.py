"""The share of runs that leave a small minimum and a saddle, against the size of the batch."""

from couloir.figures.noise import escape_shares
from couloir.landscapes.noise import escapes

found = escapes()
escape_shares(found)
