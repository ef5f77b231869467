"""What can be asked of the command `train`: every option with its name, its help, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from couloir import arguments

DATA, POPULATION, TRAINING, RESULT = "Data", "Population: lists, as in a,b, multiply it", "Training", "Result"

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
        help="A file (csv, tsv, parquet, npz), a folder of IDX files, or a set that comes along: "
        "digits, iris, wine, breast_cancer, diabetes.",
    ),
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
        "sigmoid, tanh, relu, leaky_relu, elu, gelu, silu, softplus, linear. Default relu.",
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
Quiet = Annotated[bool, _flag("--quiet", RESULT, "Print the winner and its folder, nothing else.")]
AsJson = Annotated[bool, _flag("--json", RESULT, "Print run.json on standard output, nothing else there.")]
