"""The commands: what a person types, turned into calls of the package. No logic is here.

Nothing heavy is imported until a command runs, so that `couloir --help` is quick.

Exit codes: 0 when done; 2 for a person's mistake, which one sentence on standard error explains; 130 when
interrupted by Ctrl-C, also where a run was saved of what had been learnt until then. A bug ends in a
traceback and 1.
"""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.main import get_command

import couloir
from couloir import cli_options as ask
from couloir.errors import InputError, unknown
from couloir.stages import Stages

if TYPE_CHECKING:
    from couloir.display import Display
    from couloir.planning import Plan
    from couloir.workflow import Run

DONE, MISTAKE, INTERRUPTED = 0, 2, 130

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def couloir_command(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", show_default=False)
    ] = False,
) -> None:
    """Train a population of neural networks on your data, keep the best one, and see why."""
    if version:
        print(f"couloir {couloir.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def train(
    context: typer.Context,
    data: ask.Data,
    target: ask.Target = None,
    task: ask.Task = None,
    drop: ask.Drop = None,
    missing: ask.Missing = None,
    split: ask.Split = None,
    optimizer: ask.Optimizer = None,
    learning_rate: ask.LearningRate = None,
    momentum: ask.Momentum = None,
    hidden: ask.Hidden = None,
    activation: ask.Activation = None,
    batch_size: ask.BatchSize = None,
    epochs: ask.Epochs = None,
    l1: ask.L1 = None,
    l2: ask.L2 = None,
    dropout: ask.Dropout = None,
    noise: ask.Noise = None,
    schedule: ask.Schedule = None,
    warmup: ask.Warmup = None,
    loss: ask.Loss = None,
    restarts: ask.Restarts = None,
    members: ask.Members = None,
    seed: ask.Seed = None,
    patience: ask.Patience = None,
    metric: ask.MetricName = None,
    minutes: ask.Minutes = None,
    refit: ask.Refit = False,
    class_weights: ask.ClassWeights = False,
    precision: ask.PrecisionName = None,
    out: ask.Out = "runs",
    dry_run: ask.DryRun = False,
    quiet: ask.Quiet = False,
    json: ask.AsJson = False,
) -> None:
    """Train a population of networks on DATA, choose by validation, test once, save the run."""
    from couloir.display import Display, print_result

    with Display(quiet=quiet) as display:
        display.stage("starting")
        asked = _sorted_out(context.params)
        if dry_run:
            display.planned(_planned(data, asked))
            return
        run = _trained(data, asked, out, display, context.obj)
    print_result(run, Path(out), as_json=json, quiet=quiet)
    if run.record["status"] == "interrupted":
        raise typer.Exit(INTERRUPTED)


LOADING = ("target", "task", "drop", "missing")
CONDITIONS = ("seed", "metric", "members", "minutes", "refit", "class_weights", "precision")
HERE = ("data", "out", "dry_run", "quiet", "json")


class Asked(NamedTuple):
    """What was given, by where it goes: to `load`, to `Conditions`, to `Options`."""

    loading: dict[str, Any]
    conditions: dict[str, Any]
    options: dict[str, Any]


def _sorted_out(parameters: Mapping[str, Any]) -> Asked:
    from couloir.data.splits import parse_split

    given = {name: value for name, value in parameters.items() if value is not None and name not in HERE}
    loading = {name: given.pop(name) for name in LOADING if name in given}
    conditions = {name: given.pop(name) for name in CONDITIONS if name in given}
    if "patience" in given:
        conditions["patience"] = given.pop("patience") or None
    if "split" in given:
        conditions["split"] = parse_split(given.pop("split"))
    return Asked(loading, conditions, given)


def _trained(data: str, asked: Asked, out: str, display: Display, command: str) -> Run:
    load, learn = couloir.load, couloir.train
    stages = Stages()
    with stages.timed("load"):
        dataset = load(data, **asked.loading)
    return learn(
        dataset,
        **asked.conditions,
        **asked.options,
        out=out,
        observer=display,
        command=command,
        stages=stages,
    )


def _planned(data: str, asked: Asked) -> Plan:
    from couloir.planning import Conditions, plan, prepare
    from couloir.population import Options

    conditions = Conditions(**asked.conditions)
    problem = prepare(couloir.load(data, **asked.loading), conditions)
    return plan(problem, Options(**asked.options), conditions)


# From the command line to an exit code -----------------------------------------------------------------


def main(given: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        given: the words after `couloir`; None: those that the process was started with.
    """
    words = list(sys.argv[1:] if given is None else given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # names in the data may have letters that a terminal lacks
    try:
        _check_command(words)
        code = get_command(app).main(
            words, prog_name="couloir", standalone_mode=False, obj=shlex.join(["couloir", *words])
        )
        sys.stdout.flush()
    except InputError as error:
        return _mistake(str(error))
    except typer.TyperException as error:
        return _mistake(_usage(error))
    if code == INTERRUPTED:
        print("Interrupted.", file=sys.stderr)
    return code if isinstance(code, int) else DONE


def _mistake(sentence: str) -> int:
    """Print what is wrong as one line, and return the exit code that goes with it."""
    print(" ".join(sentence.split()), file=sys.stderr)
    return MISTAKE


def _check_command(words: Sequence[str]) -> None:
    """Raise an InputError if the first word that is no option is no command either."""
    named = next((word for word in words if not word.startswith("-")), None)
    commands = [command.callback.__name__ for command in app.registered_commands if command.callback]
    if named is not None and named not in commands:
        raise unknown("command", named, commands)


def _usage(error: typer.TyperException) -> str:
    """Typer's complaint about a command line as one sentence that says what to do."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "couloir"
    option, near = getattr(error, "option_name", None), getattr(error, "possibilities", None)
    see = f"see '{command} --help'"
    if option and near:
        return f"There is no option '{option}': did you mean '{near[0]}'?"
    if type(error).__name__ == "NoSuchOption":
        return f"There is no option '{option}': {see}."
    message = " ".join(error.format_message().split()).rstrip(".")
    if "unexpected extra argument" in message:
        return (
            f"{message}: lists are written with commas, as in 64,64, and names with spaces in quotes; {see}."
        )
    return f"{message}: {see}."
