"""The best loss so far, by random guessing and by gradient descent, against the loss evaluations spent."""

import couloir
from couloir.experiments.guessing import GRADIENT_COST, counted_descent, random_search
from couloir.figures.experiments.guessing import search_against_descent
from couloir.selection.problem import Conditions, prepare

guesses, charge, widths = 20_000, GRADIENT_COST, (4, 8, 3)
part = prepare(couloir.load("iris"), Conditions()).data.train
search = random_search(widths, part, guesses=guesses)
descent = counted_descent(widths, part, evaluations=guesses, most_steps=guesses)
guessed, descended, steps = search.best.loss, float(descent.best[-1]), descent.steps
search_against_descent(search, descent)
