"""Targets as networks learn them: labels as the places of their classes, values standardised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from couloir.errors import InputError


@dataclass(frozen=True)
class Scaling:
    """What is subtracted from the values of each output, and what they are then divided by, [output]."""

    centre: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Scaling:
        """Mean and standard deviation of values [sample, output]; a constant output is divided by 1."""
        scale = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(scale > 0, scale, 1.0))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The values standardised."""
        return (values - self.centre) / self.scale


def class_numbers(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The labels' places among the classes, [sample]."""
    numbers = np.searchsorted(classes, labels) if classes.dtype.kind == labels.dtype.kind else None
    if numbers is not None and (classes[np.minimum(numbers, len(classes) - 1)] == labels).all():
        return numbers.astype(np.int32)
    place = {label: number for number, label in enumerate(classes.tolist())}
    unknown = [label for label in np.unique(labels).tolist() if label not in place]
    if unknown:
        raise InputError(
            f"y has the class {unknown[0]!r}, which is not in classes_: "
            f"the classes are {', '.join(map(str, classes[:20].tolist()))}."
        )
    return np.array([place[label] for label in labels.tolist()], np.int32)
