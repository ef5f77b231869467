"""Eight rules from one start on Beale's surface, each at the best of the learning rates it tried."""

import math

from couloir.figures.surfaces.race import surface_race
from couloir.surfaces.functions import SURFACES
from couloir.surfaces.race import RATES, race

steps, rates = 500, [len(RATES), min(RATES), max(RATES)]
raced = race("beale", steps=steps)
runners = len(raced.runners)
arrived = sum(runner.ending == "arrived" for runner in raced.runners)
away = {each.name: math.dist(each.path[-1], raced.minima[0]) for each in raced.runners}
surfaces = len(SURFACES)
surface_race(raced)
