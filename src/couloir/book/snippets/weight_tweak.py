"""One weight of the first layer is changed; filled are the neurons whose answer changes with it."""

from couloir.figures.tweak import weight_tweak
from couloir.landscapes.tweak import tweak

tweaked = tweak(amount=0.5)
neurons, changed = tweaked.widths[1:], tweaked.changed[1:]
weight_tweak(tweaked)
