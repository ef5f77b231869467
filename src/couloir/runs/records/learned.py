"""The records of the runs that end in a model: trainings, races on data; those of searches in `searched`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import field

from couloir.runs.records.common import DataRecord, Part, Scores


class Source(Part):
    """Where the data came from, and how they were loaded; `data` is None for those given as arrays."""

    data: str | None = None
    loading: dict[str, Any] = field(default_factory=dict)


class Winner(Part):
    """The chosen member.

    Attributes:
        member: its number; of a search, the trial's.
        hyperparameters: what `couloir.engine.member.Member.describe` says of it.
        best_epoch: when its weights were kept; in folds, the median.
        refit_epochs: epochs of its training on all rows but the test part; None: there was none.
    """

    member: int
    hyperparameters: dict[str, Any]
    n_parameters: int
    best_epoch: int
    refit_epochs: int | None = None

    @property
    def optimizer(self) -> str:
        """The update rule's name."""
        return str(self.hyperparameters["optimizer"])

    @property
    def kind(self) -> str:
        """Its architecture with a blank behind; nothing of a multilayer perceptron, which most are."""
        named = self.hyperparameters.get("architecture", "mlp")
        return "" if named == "mlp" else f"{named} "

    @property
    def learning_rate(self) -> float:
        """Its learning rate."""
        return float(self.hyperparameters["learning_rate"])

    @property
    def hidden(self) -> list[int]:
        """Units of its hidden layers."""
        return list(self.hyperparameters["hidden"])


class Importance(Part):
    """How much worse the loss gets when a column is shuffled, and how much that varies."""

    column: str
    increase: float
    spread: float


class Mistake(Part):
    """A row that was judged badly: what it holds, what is true, what was predicted."""

    row: int
    true: Any
    predicted: Any
    values: dict[str, Any] | None = None
    pixels: list[Any] | None = None
    probability: float | None = None
    error: float | None = None


class Test(Part):
    """The kept model's test scores with 95 % intervals; `confusion` counts by true (row) and given class."""

    __test__: ClassVar[bool] = False  # for pytest

    scores: Scores
    intervals: dict[str, tuple[float, float]]
    confusion: list[list[int]] | None = None


FinalistName = Literal["winner", "refitted", "ensemble", "distilled"]


class Finalist(Part):
    """A model that was tested, where anything was; `headline` marks the one that is kept."""

    name: FinalistName
    test: Scores | None
    headline: bool
    networks: int = 1
    validation: Scores | None = None
    parameters: int | None = None  # all the numbers that it keeps; None in earlier records
    microseconds: float | None = None  # that a test row took, all being asked at once


class Rival(Part):
    """A model to beat, and its scores on the test part."""

    name: str
    test: Scores


class Ledger(Part):
    """How often this test part has been scored; None where that cannot be known."""

    times_scored: int | None


class Throughput(Part):
    """Training samples seen, summed over members, per second of training."""

    member_samples_per_second: int


class Share(Part):
    """A member of an average with its weight; of a search, a trial with its parameters."""

    member: int
    weight: float
    parameters: dict[str, Any] | None = None


class Bin(Part):
    """Rows of like confidence: their mean confidence, and how many of them are answered right."""

    confidence: float
    accuracy: float
    count: int


class Calibration(Part):
    """How far the kept average's probabilities can be trusted, before and after its temperature.

    Errors are expected calibration errors.
    """

    temperature: float
    test_error: float
    test_error_scaled: float
    reliability: list[Bin]
    reliability_scaled: list[Bin]
    validation_error: float | None = None


class FoldScores(Part):
    """A metric over folds: mean, standard deviation (divisor k − 1), and every fold's."""

    mean: float
    spread: float
    values: list[float]


class FoldSizes(Part):
    """Rows of a fold's parts."""

    train: int
    stopping: int
    held_out: int

    @property
    def total(self) -> int:
        """Rows in all."""
        return self.train + self.stopping + self.held_out


class CrossValidation(Part):
    """The winner in folds.

    Attributes:
        kind: "stratified", "plain", "grouped" or "in time".
        metric: what members are chosen by.
        nested: per metric the scores of choosing within each fold; None where there are none.
    """

    folds: int
    kind: str
    metric: str
    scores: dict[str, FoldScores]
    best_epochs: list[int]
    median_best_epochs: int
    nested: dict[str, FoldScores] | None = None
    sizes: list[FoldSizes] = field(default_factory=list)


class BestOfAll(Part):
    """The best epoch of all that were run, and its score."""

    epoch: int
    score: float


class Stopping(Part):
    """Where the winner stopped, or would have, and what the epochs after that gave."""

    patience: int
    stopped: bool
    compared: bool
    best_epoch: int
    score_at_stop: float
    training_at_stop: float
    last_epoch: int
    score_at_last: float
    best_of_all: BestOfAll
    stop_epoch: int | None = None


class Distilled(Part):
    """How one network was trained to the answers of a finalist of several, which else would be kept.

    It has a member's setting; `share` is that of those answers in its targets, the rest is the truth.
    """

    teacher: FinalistName
    member: int
    epochs: int
    share: float


class LearnedRecord(DataRecord, kw_only=True):
    """What run.json holds of a run that ends in a model.

    Attributes:
        metric: what members were stopped and chosen by.
        fractions: of rows for training, validation and test; None in records of version 1.
        n_members, n_cohorts: networks, and programs that trained them.
        counts: how many members ended in which way.
        validation, training: the winner's scores on the rows it was chosen by and on those it learnt from.
        importance: of the columns; None for images.
        mistakes: the worst on the rows that the winner was chosen by.
        test, baseline, linear, ledger: None, as are the finalists' scores, where nothing was tested.
        ensemble: whom the average consists of, where one was made.
        refit_diverged: whether the winner's second training did; None where it was not trained again.
    """

    metric: str
    n_members: int
    n_cohorts: int
    counts: dict[str, int]
    winner: Winner
    validation: Scores
    training: Scores
    mistakes: list[Mistake]
    test: Test | None
    finalists: list[Finalist]
    baseline: Rival | None
    linear: Rival | None
    ledger: Ledger | None
    throughput: Throughput
    source: Source = field(default_factory=Source)
    fractions: tuple[float, float, float] | None = None
    class_weights: bool = False
    importance: list[Importance] | None = None
    ensemble: list[Share] | None = None
    calibration: Calibration | None = None
    cross_validation: CrossValidation | None = None
    refit_diverged: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a run that kept no model, and one that was tested in part."""
        if not any(each.headline for each in self.finalists):
            raise ValueError("none of its finalists is the one that is kept")
        scored = (self.test, self.baseline, self.linear, self.ledger, *(each.test for each in self.finalists))
        if len({each is None for each in scored}) > 1:
            raise ValueError("some of it was tested and some was not")

    @property
    def headline(self) -> Finalist:
        """The model that is kept."""
        return next(each for each in self.finalists if each.headline)

    @property
    def rivals(self) -> list[Rival]:
        """The models to beat: the linear one, then the naive one; none where nothing was tested."""
        return [each for each in (self.linear, self.baseline) if each is not None]

    @property
    def times_scored(self) -> int | None:
        """How often its test part has been scored; None where that is not known, or nothing was tested."""
        return None if self.ledger is None else self.ledger.times_scored


class TrainRecord(LearnedRecord, kw_only=True, tag="train"):
    """What run.json holds of a training.

    Attributes:
        plan: "portfolio", settings that complement one another; or "rules", rules and their learning rates.
        undistilled: why there is no distilled network, though one was asked for.
    """

    plan: Literal["portfolio", "rules"] = "rules"
    stopping: Stopping | None = None
    distilled: Distilled | None = None
    undistilled: Literal["one network", "diverged"] | None = None


class Interval(Part):
    """A mean over replicates with its 95 % interval; one replicate has none."""

    mean: float
    low: float | None
    high: float | None


class Standing(Part):
    """A rule in a race, at its best rate and at the customary one.

    Attributes:
        at_edge: "lowest" or "highest" where the best rate is an end of those tried.
        best, final, customary_best: per metric over the replicates; None where it diverged in any.
        diverged, customary_diverged: in how many replicates.
        tuning_diverged: at how many rates.
        good_range: the lowest and highest rate around the best with nearly its loss.
        steps_to_target, seconds_to_target: the median; None where fewer than half came to it.
        reached: how many replicates came to the target.
    """

    rule: str
    learning_rate: float
    customary_rate: float
    at_edge: Literal["lowest", "highest"] | None
    best: dict[str, Interval] | None
    final: dict[str, Interval] | None
    customary_best: dict[str, Interval] | None
    diverged: int
    customary_diverged: int
    tuning_diverged: int
    good_range: tuple[float, float] | None
    steps_to_target: float | None
    seconds_to_target: float | None
    reached: int


class Pair(Part):
    """Two rules compared over the same replicates.

    Attributes:
        first: the name with the lower mean score.
        difference: mean of first − second, never above 0; None where it was not tested on all replicates.
        low, high: the interval of this one difference, not widened for the number of pairs.
        p: of the corrected paired t test.
        p_adjusted: the same after Holm's correction over all pairs that were tested.
        different: whether `p_adjusted` is below the level; None where nothing was tested.
        untested: why nothing was tested, in sentences for people; empty where it was.
    """

    first: str
    second: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    different: bool | None = None
    untested: list[str] = field(default_factory=list)


class Target(Part):
    """The mean over replicates of the score that half of the rules reach; None where fewer do."""

    metric: str
    value: float | None


class ReplicateSizes(Part):
    """Rows of a replicate's parts, on average."""

    train: int
    validation: int


class RaceRecord(LearnedRecord, kw_only=True, tag="race"):
    """What run.json holds of a race on data.

    Attributes:
        standing: the rules, best first.
        verdicts: what the pairs say, in sentences.
        left_out: rules that diverged at every rate.
        one_division: whether all replicates divide the rows alike, as those in order of time do.
    """

    standing: list[Standing]
    pairs: list[Pair]
    verdicts: list[str]
    target: Target
    epochs: int
    steps_per_epoch: int
    replicates: int
    rates_per_rule: int
    n_trainings: int
    replicate_sizes: ReplicateSizes
    left_out: list[str] = field(default_factory=list)
    one_division: bool = False
