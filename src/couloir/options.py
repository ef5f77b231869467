"""Every option there is, in one table: its name, kind, range, default, who takes it, and what to say of it.

The command line, `couloir.train` and the other verbs, the estimators, the search space, the studio's forms
and the reference are made from it; each option acts in one place elsewhere. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from couloir import kinds
from couloir.engine import metrics
from couloir.errors import unknown
from couloir.kinds import (
    SHARE,
    STRENGTH,
    Activation,
    Architecture,
    AsGiven,
    Flag,
    Kind,
    Name,
    Number,
    Numbers,
    Split,
    Units,
    positive,
    whole,
)
from couloir.text import heading

TRAIN, RACE, SEARCH = "train", "race", "search"
GRADCHECK, GUESS, LANDSCAPE = "gradcheck", "guess", "landscape"
FIT, SPACE, SURFACE_RACE = "fit", "space", "surface race"
"""Who takes options: the verbs, the estimators' `fit`, the search space, and surface races."""

VERBS = (TRAIN, RACE, SEARCH, GRADCHECK, GUESS, LANDSCAPE)
ON_DATA = (TRAIN, RACE, SEARCH, GRADCHECK, GUESS)
TRAINED = (TRAIN, RACE, SEARCH, FIT, SPACE)
CHOSEN = (TRAIN, SEARCH, FIT, SPACE)
ANY_RULE = (*TRAINED, SURFACE_RACE)
ANY_NETWORK = (*TRAINED, GRADCHECK, GUESS)
JUDGED = (TRAIN, RACE, SEARCH)

DATA, RULE, NETWORK, TRAINING, JUDGING = "Data", "Update rule", "Network", "Training", "Judging"
SEARCHING, SURFACE, PLANE, RESULT = "Search", "On a surface", "Landscape", "Result"
"""What options are grouped by, on help pages and forms."""

RULES = ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw")
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "mish", "selu",
               "linear")  # fmt: skip
SCHEDULES = ("constant", "step", "exponential", "inverse_time", "linear", "cosine", "one_cycle", "coslog4",
             "flat_cosine")  # fmt: skip
LOSSES, PRECISIONS = ("cross_entropy", "mse", "mae", "huber"), ("float32", "float64")
ENCODINGS = ("standard", "piecewise", "robust", "quantile", "periodic", "target", "piecewise+neighbours",
             "robust+neighbours")  # fmt: skip
SELDOM = "quantile", "periodic", "target"  # searched only where they are asked for
ARCHITECTURES, PLANES = ("mlp", "resnet", "tabm", "realmlp", "conv"), ("random", "paths", "solutions", "line")
SURFACES = ("line-fit", "ravine", "saddle", "beale", "rosenbrock", "himmelblau", "rastrigin", "camel",
            "styblinski-tang", "hills", "neuron")  # fmt: skip
BUNDLED = ("digits", "iris", "wine", "breast_cancer", "diabetes")
"""The names there are; a test holds them to the registries, which import JAX or Polars."""
METRICS = tuple(metrics.METRICS)

PLANS, EFFORTS = ("portfolio", "rules"), ("quick", "normal", "high")
"""What a population is: settings that complement one another, or update rules and their learning rates."""

AVERAGED, TRIALS = 12, 512
"""Of the portfolio so many are averaged at most; a search has so many trials, unless it has minutes."""

FOLDS, FOLDS_BELOW = 5, 20_000
"""With fewer rows than this a search, or the portfolio, judges by so many folds unless told otherwise: a
small validation part would choose by luck among so many."""


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        name: in Python, in tables and in run.json.
        kind: how a value is read, checked and written.
        takers: who takes it.
        group: where it stands on help pages and forms.
        text: what it is, as a phrase.
        default: what holds where nothing is given.
        usual: the default in words, where its value says too little.
        many: whether it takes a list of values, which multiplies the population.
        title: its name in words, where the name with spaces is not it.
        label: its name at the head of a column or an axis, where its name in words is not it.
        symbol: its letter in equations, where its label is not it.
        typed: what to say of how its value is typed on the command line.
        given: what to say of how it is given in Python.
        metavar: what stands for its value on help pages.
        flag: on the command line, where that is not `--` and the name.
        screen: whether only the command line takes it: it is about what is shown.
        static: whether its value decides which program is compiled, or which trials train in one together.
        space: what a search varies it over when nothing else is said, as TOML holds it.
        main: who shows it first on a form.
    """

    name: str
    kind: Kind
    takers: tuple[str, ...]
    group: str
    text: str
    default: Any = None
    usual: str = ""
    many: bool = False
    title: str = ""
    label: str = ""
    symbol: str = ""
    typed: str = ""
    given: str = ""
    metavar: str = ""
    flag: str = ""
    screen: bool = False
    static: bool = False
    space: Any = None
    main: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Its name in words."""
        return self.title or self.name.replace("_", " ")

    @property
    def is_flag(self) -> bool:
        """Whether it is typed without a value."""
        return isinstance(self.kind, Flag)

    @property
    def typed_as(self) -> str:
        """Its name on the command line; a flag that is on by default has one that turns it off."""
        negative = self.is_flag and self.default is True
        return self.flag or ("--no-" if negative else "--") + self.name.replace("_", "-")

    @property
    def shown_default(self) -> str:
        """The default in words; empty where there is none to speak of."""
        if self.usual or self.default is None or self.is_flag:
            return self.usual
        return self.kind.write(self.default)

    @property
    def choices(self) -> tuple[str, ...]:
        """The names that are values of it; none where others are, too."""
        return getattr(self.kind, "choices", ())

    @property
    def is_of_member(self) -> bool:
        """Whether it makes the members of a population."""
        return self.name in MEMBER and self.group in (RULE, NETWORK, TRAINING)

    def typed_help(self, taker: str) -> str:
        """What the help page of a command says of it."""
        choices = self.choices if self.many else ()
        text = heading(self.text)
        text += f": {', '.join(choices)}" if choices else ""
        text += f"; {self.typed}" if self.typed else ""
        usual = "as --show-space prints" if taker == SEARCH and self.is_of_member else self.shown_default
        return f"{text}." + (f" Default: {usual}." if usual else "")

    @property
    def given_help(self) -> str:
        """What docstrings say of it."""
        parts = [part for part in (self.text, self.given) if part]
        if self.default is None and self.usual:
            parts.append(f"None: {self.usual}")
        return "; ".join(parts) + "."

    def read(self, text: str | Sequence[str]) -> Any:
        """The value that a text stands for: a list where several values may be given.

        Args:
            text: what was typed; where an option may be typed more than once, all of it.
        """
        if not isinstance(text, str):
            return kinds.read_settings(text, self.typed_as)
        if not self.many:
            return self.kind.read(text, self.typed_as, False)
        parts = text.split("|") if isinstance(self.kind, Units) else kinds.split_names(text, self.typed_as)
        return [self.kind.read(part, self.typed_as, True) for part in parts]

    def check_or_none(self, value: Any) -> Any:
        """The value in its proper type; None where that stands for the default, or is a value itself."""
        return None if value is None and self.default is None else self.check(value)

    def check(self, value: Any) -> Any:
        """The value in its proper type; where several may be given, the list of them.

        Raises:
            InputError: it cannot be used.
        """
        what = self.name.replace("_", " ")
        if not self.many:
            return self.kind.check(what, value)
        if isinstance(self.kind, Units):
            values = kinds.networks(value)
        elif isinstance(self.kind, Activation) and isinstance(value, tuple):
            values = [value]
        else:
            values = kinds.listed(value)
        checked = [self.kind.check(what, each) for each in values]
        return [each for number, each in enumerate(checked) if each not in checked[:number]]


# fmt: off
_PATIENCE = whole(none="a whole number of epochs, or none to stop never")
_FOLDS = whole(2, none="a whole number of folds, or none for the validation part", none_value=0)
_SEED = whole(0, high=2**32, named="a whole number from 0 to 2^32 - 1")
_USUAL = "customary"

TABLE: tuple[Option, ...] = (
    # The data
    Option("target", Name(), ON_DATA, DATA, "the column to predict", metavar="COLUMN"),
    Option("task", Name(), ON_DATA, DATA, "classification or regression", usual="inferred", metavar="TASK"),
    Option("drop", Name(), ON_DATA, DATA, "leave these columns out", many=True, title="leave out",
           metavar="COLUMNS"),
    Option("missing", Name(), ON_DATA, DATA, "read these as missing cells", many=True, metavar="TEXTS",
           title="texts for missing"),
    Option("group", Name(), ON_DATA, DATA, "rows with the same value here stay in the same part, or fold",
           metavar="COLUMN", title="group by"),
    Option("time", Name(), ON_DATA, DATA, "later rows judge what was learnt from earlier ones",
           metavar="COLUMN", title="ordered by"),
    Option("data", Name(), (LANDSCAPE,), DATA,
           "the run's data, where it does not know them or they have moved", metavar="DATA"),
    # The update rule
    Option("optimizer", AsGiven(), ANY_RULE, RULE, "update rules", usual="the eight", many=True, static=True,
           typed=f"{', '.join(RULES)}, or optax.NAME", given='names, Optax\'s as "optax.NAME", or rules',
           metavar="NAMES", label="rule", space="adamw"),
    Option("optimizer", AsGiven(), (LANDSCAPE,), PLANE,
           "rules whose paths are trained and drawn; for solutions and line the other one", many=True,
           usual="the best of the run"),
    Option("learning_rate", positive(), (TRAIN, FIT, SPACE), RULE, "learning rates", many=True,
           usual="eight a rule, around its customary one", symbol="α", main=(TRAIN,)),
    Option("rate", positive(), (SPACE,), RULE, "learning rate, as a multiple of the rule's customary one",
           space={"low": 0.5, "high": 30.0, "log": True}),  # the portfolio's lie within
    Option("momentum", SHARE, ANY_RULE, RULE, "β of momentum, for the rules that have one", many=True,
           usual=_USUAL, symbol="β", space={"low": 0.8, "high": 0.99}),
    Option("beta1", SHARE, ANY_RULE, RULE, "β₁ of Adam's mean gradient", many=True, usual=_USUAL, label="β₁"),
    Option("beta2", SHARE, ANY_RULE, RULE, "β₂ of Adam's mean square", many=True, usual=_USUAL, label="β₂",
           space=[0.95, 0.999]),
    Option("decay", SHARE, ANY_RULE, RULE, "ρ of the mean of squares of RMSprop and AdaDelta", many=True,
           usual=_USUAL, symbol="ρ"),
    Option("epsilon", positive(), ANY_RULE, RULE, "ε beside the mean of squares of the adaptive rules",
           many=True, usual=_USUAL, label="ε"),
    Option("weight_decay", STRENGTH, ANY_RULE, RULE, "λ by which AdamW decays weights", many=True,
           usual=_USUAL, symbol="λ", space={"low": 0.01, "high": 3.0, "log": True}),
    Option("rule_option", AsGiven(), ANY_RULE, RULE, "what Optax's rules read, by their own names",
           typed="as in b1=0.9,0.95; may be repeated", given='as in {"b1": [0.9, 0.95]}',
           metavar="NAME=VALUES", title="Optax's settings"),
    Option("schedule", Name(SCHEDULES), TRAINED, RULE, "how the learning rate changes", "constant", many=True,
           space="one_cycle"),
    Option("warmup", SHARE, TRAINED, RULE, "share of the epochs in which the learning rate first rises", 0.0,
           many=True, title="warm-up", space=0.0),
    Option("batch_size", whole(), TRAINED, TRAINING, "rows a step", 64, many=True, static=True),
    # The network
    Option("layers", whole(0), (SPACE,), NETWORK, "hidden layers; 0 is a linear model", static=True,
           label="hidden layers", space=[2, 3]),
    Option("width", whole(), (SPACE,), NETWORK, "units of every hidden layer", static=True,
           space=[64, 128, 256]),
    Option("hidden", Units(), ANY_NETWORK, NETWORK, "units of the hidden layers", (64,), many=True,
           static=True, title="hidden units", label="hidden", metavar="UNITS", main=(TRAIN, RACE),
           typed="as in 64,64; of several networks, as in '64,64|32'; none for no layer",
           given="(64, 64) is one network of two, [(64,), (32, 32)] are two networks, () is none"),
    Option("encoding", Name(ENCODINGS), CHOSEN, NETWORK, "how columns become inputs", "standard", many=True,
           static=True, metavar="NAMES", space=[name for name in ENCODINGS if name not in SELDOM]),
    Option("architecture", Architecture(ARCHITECTURES), CHOSEN, NETWORK, "how networks are laid out", "mlp",
           many=True, static=True, metavar="NAMES", space="mlp", typed="or your own, package.module:name"),
    Option("activation", Activation(ACTIVATIONS), ANY_NETWORK, NETWORK, "what hidden units make of their sum",
           "relu", many=True, static=True, space=["silu", "relu"], metavar="NAMES",
           typed="one for each hidden layer as in relu-tanh",
           given='a name for all layers, or a tuple with one for each, as in ("relu", "tanh"), "relu-tanh"'),
    Option("l1", STRENGTH, TRAINED, NETWORK, "weight λ of the penalty λ Σ|w|", 0.0, many=True, title="L1",
           space=0.0),
    Option("l2", STRENGTH, TRAINED, NETWORK, "weight λ of the penalty ½ λ Σw²", 0.0, many=True, title="L2",
           main=(TRAIN,), space=0.0),
    Option("dropout", SHARE, TRAINED, NETWORK, "share of hidden units that are off in a training step", 0.0,
           many=True, main=(TRAIN,), space={"low": 0.0, "high": 0.5, "step": 0.1}),
    Option("noise", STRENGTH, TRAINED, NETWORK, "standard deviation of the noise on inputs in training", 0.0,
           many=True, static=True, title="input noise", space=0.0),
    # Training
    Option("epochs", whole(), (TRAIN, SEARCH, FIT, SPACE), TRAINING, "passes over the data at most", 100,
           many=True, static=True, main=(TRAIN,)),
    Option("loss", Name(LOSSES), ANY_NETWORK, TRAINING, "what is minimised", many=True, static=True,
           usual="cross_entropy for classes, mse for numbers"),
    Option("epochs", whole(), (RACE,), TRAINING, "passes over the data", 50, main=(RACE,)),
    Option("epochs", whole(), (LANDSCAPE,), PLANE, "length of the paths",
           usual="as long as the network was trained, or 10"),
    Option("plan", Name(PLANS), (TRAIN,), TRAINING, "what is trained: portfolio, settings that complement "
           "one another, judged in folds and averaged; rules, update rules and their rates", metavar="PLAN",
           usual="portfolio, unless options of the network or its training are given", main=(TRAIN,)),
    Option("plan", Name(PLANS), (FIT,), TRAINING, "what fit trains: rules and rates, or the portfolio, "
           "in folds and averaged, as couloir train does", "rules"),
    Option("effort", Name(EFFORTS), (TRAIN, FIT), TRAINING, "how much of the portfolio is trained", "normal",
           metavar="EFFORT"),
    Option("restarts", whole(), (TRAIN, FIT), TRAINING, "initial weights that each network starts from", 1),
    Option("members", whole(), (TRAIN, FIT), TRAINING, "train at most so many networks: "
           "the first of the portfolio, of the rules evenly spread", title="networks at most"),
    Option("patience", _PATIENCE, (TRAIN, SEARCH, FIT), TRAINING,
           "stop a network of the rules after so many epochs without gain", 10, metavar="EPOCHS",
           typed="none: never", given="None: never"),
    Option("no_stop", Flag(), (TRAIN,), TRAINING,
           "stop nobody, and report what stopping by patience would have changed", False,
           title="stop nobody early"),
    Option("refit", Flag(), (TRAIN, FIT), TRAINING, "train the best network again with the validation rows "
           "added", False, title="train the best again"),
    Option("minutes", positive(), (TRAIN, FIT), TRAINING, "end after so long", title="minutes at most"),
    Option("minutes", positive(), (SEARCH,), SEARCHING, "end after so long", title="minutes at most",
           main=(SEARCH,)),
    Option("rates", whole(), (RACE,), TRAINING, "learning rates that a rule is tuned over, on four decades",
           12, title="rates a rule", main=(RACE,)),
    Option("replicates", whole(), (RACE,), TRAINING,
           "splits, batch orders and starts that the tuned rules are judged over", 10, main=(RACE,)),
    Option("warm_start", Flag(), (FIT,), TRAINING, "go on from the networks of the last fit", False),
    # Judging
    Option("metric", Name(METRICS), (*JUDGED, FIT), JUDGING, "what networks are stopped and chosen by",
           usual="{classification} for classes, {regression} for numbers".format(**metrics.DEFAULT_METRIC),
           title="choose by"),
    Option("cv", _FOLDS, (TRAIN,), JUDGING, "judge by K folds of all rows but the test part", title="folds",
           usual=f"{FOLDS} for the portfolio below {FOLDS_BELOW:,} rows, else none", metavar="K",
           typed="none: by the validation part", given="0: by the validation part", main=(TRAIN,)),
    Option("cv", _FOLDS, (SEARCH,), JUDGING, "judge by K folds", usual=f"{FOLDS} below {FOLDS_BELOW:,} rows",
           typed="none: by the validation part", given="0: by the validation part", title="folds",
           metavar="K", main=(SEARCH,)),
    Option("ensemble", whole(), (TRAIN,), JUDGING, "average at most K networks, chosen on validation, unless "
           "the winner alone is clearly better there", metavar="K", title="average at most", main=(TRAIN,),
           usual=f"{AVERAGED} of the portfolio, else none"),
    Option("ensemble", whole(), (FIT,), JUDGING, "keep an average of at most so many members"),
    Option("ensemble", whole(), (SEARCH,), JUDGING, "average at most K trials at the end", AVERAGED,
           metavar="K", title="average at most", main=(SEARCH,)),
    Option("distil", Flag(), (TRAIN,), JUDGING, "keep, in place of an average, one network trained to its "
           "answers", False, title="distil the average"),
    Option("split", Split(), JUDGED, JUDGING, "training, validation and test rows", (0.70, 0.15, 0.15),
           typed="in per cent; 85/15/0: no test", given="shares, as in (0.7, 0.15, 0.15)", metavar="A/B/C"),
    Option("validation_fraction", Number(0, 1, open_low=True, none="none"), (FIT,), JUDGING,
           "share of the rows to choose by where fit is given no others", 0.15,
           given="None: members train to the end and are chosen by their training score"),
    Option("class_weights", Flag(), JUDGED, JUDGING, "give every class the same say in the loss", False,
           title="balance the classes"),
    Option("class_weight", AsGiven(), (FIT,), JUDGING, "weights of the classes, in the loss and the scores",
           given='by label, or "balanced"'),
    Option("seed", _SEED, (*VERBS, SURFACE_RACE), JUDGING, "makes a run repeatable", 0),
    Option("random_state", AsGiven(), (FIT,), JUDGING, "seed of rows held back, batches, weights, dropout"),
    Option("precision", Name(PRECISIONS), (*JUDGED, LANDSCAPE, FIT), JUDGING, "numbers of float32 or float64",
           "float32", metavar="TYPE"),
    # A search
    Option("trials", whole(), (SEARCH,), SEARCHING, "end after so many", title="trials at most",
           usual=f"{TRIALS}, or as many as the minutes allow", main=(SEARCH,)),
    Option("generation", whole(2), (SEARCH,), SEARCHING, "trials asked for and trained together", 64,
           title="trials at a time"),
    Option("halving", Flag(), (SEARCH,), SEARCHING, "let no trial leave before its end; one whose rate "
           "has one cycle never does", True, title="no halving"),
    Option("space", AsGiven(), (SEARCH,), SEARCHING, "what to search over, in TOML; --show-space prints one",
           metavar="FILE"),
    Option("show_space", Flag(), (SEARCH,), SEARCHING, "print the space that would be searched", False,
           screen=True),
    Option("resume", AsGiven(), (SEARCH,), SEARCHING, "go on with a search, from its run folder",
           metavar="RUN"),
    Option("storage", AsGiven(), (SEARCH,), SEARCHING,
           "write the trials to an Optuna storage as well, as sqlite:///a.db", metavar="URL"),
    Option("export_study", AsGiven(), (SEARCH,), SEARCHING,
           "copy the trials of --resume RUN to an Optuna storage and end", metavar="URL", screen=True),
    # A surface race
    Option("learning_rate", Numbers(positive()), (RACE, SURFACE_RACE), SURFACE,
           "one for all rules, or one for each", usual="tuned", given="or a dict by the rule's name",
           metavar="RATES"),
    Option("start", Numbers(Number()), (RACE, SURFACE_RACE), SURFACE, "where all begin",
           usual="the surface's customary start", given="as (x, y)", metavar="X,Y"),
    Option("steps", whole(), (RACE, SURFACE_RACE), SURFACE, "steps of each rule", 500),
    Option("noise", STRENGTH, (SURFACE_RACE,), SURFACE, "standard deviation of the noise on gradients", 0.0,
           many=True),
    # Gradients, guesses, landscapes
    Option("samples", whole(), (GRADCHECK,), TRAINING, "training rows that the loss is the mean over", 200),
    Option("guesses", whole(large=True), (GUESS,), TRAINING, "how many to draw, as 1e6", 1_000_000),
    Option("plane", Name(PLANES), (LANDSCAPE,), PLANE, "random, paths (where rules went), solutions (two and "
           "their start) or line (between two)", usual="paths where rules are named, else random",
           metavar="PLANE"),
    Option("resolution", whole(), (LANDSCAPE,), PLANE, "grid points along a side", 51),
    Option("samples", whole(), (LANDSCAPE,), PLANE, "measure on so many rows", usual="all learnt from"),
    Option("reach", positive(), (LANDSCAPE,), PLANE, "how far the grid goes: in lengths of every neuron, or, "
           "where points are marked, a factor on what fits them", usual="1", flag="--range"),
    Option("eigenvalues", whole(0), (LANDSCAPE,), PLANE, "of the Hessian, to be found; 0: none", 5),
    # What is shown and where it goes
    Option("out", AsGiven(), VERBS, RESULT, "save the run in this folder", "runs", metavar="FOLDER"),
    Option("dry_run", Flag(), (TRAIN,), RESULT, "say what would be trained and what it would take; train "
           "nothing", False, screen=True),
    Option("quiet", Flag(), VERBS, RESULT, "print the winner and its folder, nothing else", False,
           screen=True),
    Option("json", Flag(), VERBS, RESULT, "print run.json on standard output, nothing else there", False,
           screen=True),
)
# fmt: on
"""Every option, in the order of help pages."""


def taken_by(taker: str) -> Mapping[str, Option]:
    """The options of a verb, of the estimators or of the search space, by name."""
    return _BY_TAKER[taker]


_BY_TAKER: Mapping[str, Mapping[str, Option]] = MappingProxyType(
    {
        taker: MappingProxyType({option.name: option for option in TABLE if taker in option.takers})
        for taker in (*VERBS, FIT, SPACE, SURFACE_RACE)
    }
)

MEMBER: Mapping[str, Option] = MappingProxyType(
    {
        name: option
        for name, option in _BY_TAKER[TRAIN].items()
        if (option.many and option.group in (RULE, NETWORK, TRAINING)) or name in ("rule_option", "restarts")
    }
)
"""The options that make the members of a population: each may be given as a list, which multiplies it."""

CUSTOMARY = frozenset(name for name, option in MEMBER.items() if option.usual == _USUAL)
"""Those of them that are numbers which some rules read, each rule with its own customary one."""


def label(name: str) -> str:
    """The name of a hyperparameter, as tables and run.json have it, at the head of a column or an axis."""
    option = MEMBER.get(name) or _BY_TAKER[SPACE].get(name)
    return option.label or option.words if option else name.replace("_", " ")


def symbol(name: str) -> str:
    """The letter of a number that rules read in their equations; its name where it has none."""
    option = MEMBER.get(name)
    return option.symbol or option.label or name if option else name


def checked(taker: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given to a taker, each value in its proper type; None where an option is left as it is.

    Raises:
        InputError: there is no such option, or its value cannot be used.
    """
    known = taken_by(taker)
    found = {}
    for name, value in given.items():
        if name not in known:
            raise unknown("option", name, known)
        found[name] = None if value is None else known[name].check(value)
    return found
