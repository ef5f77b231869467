"""Eight rules from one start on Beale's surface, each at the best of the learning rates it tried."""

from couloir.figures.surface_races import surface_race
from couloir.landscapes.race import RATES, race

steps, rates = 500, [len(RATES), min(RATES), max(RATES)]
raced = race("beale", steps=steps)
runners = len(raced.runners)
arrived = sum(runner.ending == "arrived" for runner in raced.runners)
surface_race(raced)
