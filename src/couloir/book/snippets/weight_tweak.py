"""One weight of the first layer is changed; filled are the neurons whose answer changes with it."""

from couloir.experiments.tweak import tweak
from couloir.figures.experiments.tweak import weight_tweak

tweaked = tweak(amount=0.5)
neurons, changed = tweaked.widths[1:], tweaked.changed[1:]
weight_tweak(tweaked)
