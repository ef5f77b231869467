"""The rules from a start beside the ridge of a saddle; then from one on the ridge, with noise."""

from couloir.figures.surfaces.race import surface_race
from couloir.surfaces.race import saddle_race

raced = saddle_race()
start, noise = raced.beside.start, raced.freed.noise
escapes = {runner.name: runner.escaped for runner in raced.beside.runners}
swing = {each.name: float(each.path[: each.escaped, 0].min()) for each in raced.beside.runners}
steady = min(x for name, x in swing.items() if name not in ("momentum", "nesterov"))
held = sum(runner.escaped is None for runner in raced.on_ridge.runners)
freed = sum(runner.escaped is not None for runner in raced.freed.runners)
surface_race(raced.beside), surface_race(raced.freed)
