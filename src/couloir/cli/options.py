"""What can be asked of the commands: every option with its name, its help, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from couloir.cli import arguments

DATA, POPULATION, TRAINING, RESULT = "Data", "Population: lists, as in a,b, multiply it", "Training", "Result"
SEARCH = "Search"

Read = Callable[[str, str], Any]


def _option(name: str, panel: str, metavar: str, text: str, read: Read | None = None) -> Any:
    """An option that takes a value, which `read` makes of its text."""

    def convert(value: Any) -> Any:
        return value if value is None or read is None else read(value, name)

    return typer.Option(
        name, rich_help_panel=panel, metavar=metavar, help=text, show_default=False, callback=convert
    )


def _flag(name: str, panel: str, text: str) -> Any:
    return typer.Option(name, rich_help_panel=panel, metavar=" ", help=text, show_default=False)


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="A file (csv, tsv, parquet, arrow, npz; csv also packed), a folder of IDX files, openml:NAME, "
        "or a set that comes along: digits, iris, wine, breast_cancer, diabetes.",
    ),
]
SearchData = Annotated[
    str | None,
    typer.Argument(metavar="DATA", show_default=False, help="As for train; left out with --resume."),
]
Text = str | None
Target = Annotated[Text, _option("--target", DATA, "COLUMN", "The column to predict.")]
Task = Annotated[Text, _option("--task", DATA, "TASK", "classification or regression; else inferred.")]
Drop = Annotated[Text, _option("--drop", DATA, "COLUMNS", "Leave these columns out.", arguments.texts)]
Missing = Annotated[
    Text, _option("--missing", DATA, "TEXTS", "Read these as missing cells.", arguments.texts)
]
Split = Annotated[
    Text, _option("--split", DATA, "A/B/C", "Training, validation, test in per cent. Default 70/15/15.")
]
Group = Annotated[
    Text,
    _option("--group", DATA, "COLUMN", "Rows with the same value here stay in the same part, or fold."),
]
Time = Annotated[
    Text, _option("--time", DATA, "COLUMN", "Later rows judge what was learnt from earlier ones.")
]
Optimizer = Annotated[
    Text,
    _option(
        "--optimizer",
        POPULATION,
        "NAMES",
        "sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamw, or optax.NAME. Default: the "
        "first eight.",
        arguments.texts,
    ),
]
LearningRate = Annotated[
    Text,
    _option(
        "--learning-rate",
        POPULATION,
        "NUMBERS",
        "Default: eight around each rule's customary one.",
        arguments.numbers,
    ),
]
Momentum = Annotated[
    Text, _option("--momentum", POPULATION, "NUMBERS", "For the rules that have one.", arguments.numbers)
]
Hidden = Annotated[
    Text,
    _option(
        "--hidden",
        POPULATION,
        "UNITS",
        "Units of the hidden layers, as in 64,64; of several networks, as in '64,64|32'; none for no "
        "layer. Default 64.",
        arguments.hidden,
    ),
]
Activation = Annotated[
    Text,
    _option(
        "--activation",
        POPULATION,
        "NAMES",
        "sigmoid, tanh, relu, leaky_relu, elu, gelu, silu, softplus, linear; one for each hidden layer as in "
        "relu-tanh. Default relu.",
        arguments.texts,
    ),
]
BatchSize = Annotated[
    Text,
    _option("--batch-size", POPULATION, "NUMBERS", "Rows a step. Default 64.", arguments.whole_numbers),
]
Epochs = Annotated[
    Text,
    _option(
        "--epochs",
        POPULATION,
        "NUMBERS",
        "Passes over the data at most. Default 100.",
        arguments.whole_numbers,
    ),
]
L1 = Annotated[Text, _option("--l1", POPULATION, "NUMBERS", "Weight of the L1 penalty.", arguments.numbers)]
L2 = Annotated[Text, _option("--l2", POPULATION, "NUMBERS", "Weight of the L2 penalty.", arguments.numbers)]
Dropout = Annotated[
    Text,
    _option(
        "--dropout", POPULATION, "NUMBERS", "Share of hidden units that are off in a step.", arguments.numbers
    ),
]
Noise = Annotated[
    Text,
    _option(
        "--noise",
        POPULATION,
        "NUMBERS",
        "Standard deviation of the noise on inputs in training.",
        arguments.numbers,
    ),
]
Schedule = Annotated[
    Text,
    _option(
        "--schedule",
        POPULATION,
        "NAMES",
        "constant, step, exponential, inverse_time, linear, cosine, one_cycle. Default constant.",
        arguments.texts,
    ),
]
Warmup = Annotated[
    Text,
    _option(
        "--warmup",
        POPULATION,
        "NUMBERS",
        "Share of the epochs in which the learning rate first rises.",
        arguments.numbers,
    ),
]
Loss = Annotated[
    Text,
    _option(
        "--loss",
        POPULATION,
        "NAMES",
        "cross_entropy for classes; mse, mae, huber for numbers.",
        arguments.texts,
    ),
]
Restarts = Annotated[
    Text,
    _option("--restarts", POPULATION, "NUMBER", "Starts of each network. Default 1.", arguments.whole_number),
]
Members = Annotated[
    Text,
    _option("--members", POPULATION, "NUMBER", "Train at most so many networks.", arguments.whole_number),
]
Seed = Annotated[
    Text, _option("--seed", TRAINING, "NUMBER", "Makes a run repeatable. Default 0.", arguments.whole_number)
]
Patience = Annotated[
    Text,
    _option(
        "--patience",
        TRAINING,
        "EPOCHS",
        "Stop a network after so many without gain; none: never. Default 10.",
        arguments.patience,
    ),
]
MetricName = Annotated[
    Text,
    _option(
        "--metric",
        TRAINING,
        "NAME",
        "Choose by log_loss, accuracy or balanced_accuracy; mse, mae or r2. Default: the first.",
    ),
]
Minutes = Annotated[
    Text, _option("--minutes", TRAINING, "NUMBER", "End training after so long.", arguments.number)
]
Folds = Annotated[
    Text,
    _option("--cv", TRAINING, "K", "Judge by K folds of all rows but the test part.", arguments.whole_number),
]
Ensemble = Annotated[
    Text,
    _option(
        "--ensemble",
        TRAINING,
        "K",
        "Average at most K networks, chosen on validation, unless the winner alone is clearly better there.",
        arguments.whole_number,
    ),
]
NoStop = Annotated[
    bool,
    _flag("--no-stop", TRAINING, "Stop nobody, and report what stopping by --patience would have changed."),
]
Refit = Annotated[
    bool, _flag("--refit", TRAINING, "Train the best network again with the validation rows added.")
]
ClassWeights = Annotated[
    bool, _flag("--class-weights", TRAINING, "Give every class the same say in the loss.")
]
PrecisionName = Annotated[
    Text, _option("--precision", TRAINING, "TYPE", "float32 or float64. Default float32.")
]
Out = Annotated[str, _option("--out", RESULT, "FOLDER", "Save the run in this folder. Default runs.")]
DryRun = Annotated[
    bool, _flag("--dry-run", RESULT, "Say what would be trained and what it would take; train nothing.")
]
# What only a race or a search can be asked.

Rates = Annotated[
    Text,
    _option(
        "--rates",
        TRAINING,
        "NUMBER",
        "Learning rates that each rule is tuned over, on four decades. Default 12.",
        arguments.whole_number,
    ),
]
Replicates = Annotated[
    Text,
    _option(
        "--replicates",
        TRAINING,
        "NUMBER",
        "Splits, batch orders and starts that the tuned rules are judged over. Default 10.",
        arguments.whole_number,
    ),
]
RaceData = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="As for train; or a surface: beale, rosenbrock, himmelblau, rastrigin, camel, styblinski-tang, "
        "ravine, saddle, hills, neuron, line-fit. A file of that name wins.",
    ),
]
RaceRate = Annotated[
    Text,
    _option(
        "--learning-rate",
        TRAINING,
        "RATES",
        "On a surface: one for all rules, or one for each; else tuned.",
        arguments.numbers,
    ),
]
Start = Annotated[
    Text, _option("--start", TRAINING, "X,Y", "On a surface: where all begin.", arguments.numbers)
]
Steps = Annotated[
    Text,
    _option(
        "--steps",
        TRAINING,
        "NUMBER",
        "On a surface: steps of each rule. Default 500.",
        arguments.whole_number,
    ),
]
RaceEpochs = Annotated[
    Text,
    _option("--epochs", TRAINING, "NUMBER", "Passes over the data. Default 50.", arguments.whole_number),
]
Trials = Annotated[
    Text,
    _option(
        "--trials",
        SEARCH,
        "NUMBER",
        "End after so many. Default 512, or as many as the minutes allow.",
        arguments.whole_number,
    ),
]
SearchMinutes = Annotated[
    Text, _option("--minutes", SEARCH, "NUMBER", "End after so long.", arguments.number)
]
SearchFolds = Annotated[
    Text,
    _option(
        "--cv",
        SEARCH,
        "K",
        "Judge by K folds, or, with none, by the validation part. Default: 5 folds below 5,000 rows.",
        arguments.folds,
    ),
]
SpaceFile = Annotated[
    Text, _option("--space", SEARCH, "FILE", "What to search over, in TOML; --show-space prints one.")
]
ShowSpace = Annotated[bool, _flag("--show-space", SEARCH, "Print the space that would be searched.")]
NoHalving = Annotated[bool, _flag("--no-halving", SEARCH, "Let no trial leave before its end.")]
SearchEnsemble = Annotated[
    Text,
    _option(
        "--ensemble", SEARCH, "K", "Average at most K trials at the end. Default 10.", arguments.whole_number
    ),
]
GenerationSize = Annotated[
    Text,
    _option(
        "--generation",
        SEARCH,
        "NUMBER",
        "Trials asked for and trained together. Default 64.",
        arguments.whole_number,
    ),
]
Resume = Annotated[Text, _option("--resume", SEARCH, "RUN", "Go on with a search, from its run folder.")]
Storage = Annotated[
    Text,
    _option("--storage", SEARCH, "URL", "Write the trials to an Optuna storage as well, as sqlite:///a.db."),
]
ExportStudy = Annotated[
    Text,
    _option("--export-study", SEARCH, "URL", "Copy the trials of --resume RUN to an Optuna storage; end."),
]
# What gradcheck and guess can be asked.

Guesses = Annotated[
    Text,
    _option(
        "--guesses", TRAINING, "NUMBER", "How many to draw, as 1e6. Default 1e6.", arguments.large_number
    ),
]
Samples = Annotated[
    Text,
    _option(
        "--samples",
        TRAINING,
        "NUMBER",
        "Training rows that the loss is the mean over. Default 200.",
        arguments.whole_number,
    ),
]
Quiet = Annotated[bool, _flag("--quiet", RESULT, "Print the winner and its folder, nothing else.")]
AsJson = Annotated[bool, _flag("--json", RESULT, "Print run.json on standard output, nothing else there.")]


# The landscape of a run ----------------------------------------------------------------------------------

LANDSCAPE = "Landscape"
PlaneKind = Annotated[
    Text,
    _option(
        "--plane",
        LANDSCAPE,
        "PLANE",
        "random, paths (where rules went), solutions (two and their start) or line (between two). Default: "
        "paths with --optimizer, else random.",
    ),
]
PathRules = Annotated[
    Text,
    _option(
        "--optimizer",
        LANDSCAPE,
        "NAMES",
        "Rules whose paths are trained and drawn; for solutions and line the other one. Default: the best "
        "of the run.",
        arguments.texts,
    ),
]
PathEpochs = Annotated[
    Text,
    _option(
        "--epochs",
        LANDSCAPE,
        "N",
        "Length of the paths. Default: as long as the network was trained, or 10.",
        arguments.whole_number,
    ),
]
SliceResolution = Annotated[
    Text,
    _option("--resolution", LANDSCAPE, "N", "Grid points along a side. Default 51.", arguments.whole_number),
]
SliceSamples = Annotated[
    Text,
    _option(
        "--samples",
        LANDSCAPE,
        "N",
        "Measure on so many rows. Default: all learnt from.",
        arguments.whole_number,
    ),
]
Reach = Annotated[
    Text,
    _option(
        "--range",
        LANDSCAPE,
        "R",
        "How far the grid goes: in lengths of every neuron, or, where points are marked, a factor on what "
        "fits them. Default 1.",
        arguments.number,
    ),
]
Eigenvalues = Annotated[
    Text,
    _option(
        "--eigenvalues",
        LANDSCAPE,
        "N",
        "Of the Hessian, to be found. Default 5; 0: none.",
        arguments.whole_number,
    ),
]
SameData = Annotated[
    Text,
    _option("--data", DATA, "DATA", "The run's data, where it does not know them or they have moved."),
]
