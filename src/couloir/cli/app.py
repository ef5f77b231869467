"""The commands: what a person types, turned into calls of the package. No logic is here.

Nothing heavy is imported until a command runs, so that `couloir --help` is quick.

Exit codes: 0 when done; 2 for a person's mistake, which one sentence on standard error explains; 130 when
interrupted by Ctrl-C, also where a run was saved of what had been learnt until then. A bug ends in a
traceback and 1.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

import couloir
from couloir.cli.running import DONE, SAVED, called, checked_folder, plan_shown, shown, watched
from couloir.cli.typed import DATA, RUN, Typed, argument, takes
from couloir.errors import InputError, unknown
from couloir.options import GRADCHECK, GUESS, LANDSCAPE, RACE, SEARCH, SURFACES, TRAIN
from couloir.studio.server.serving import PORT, serve


def _option(*names: str, said: str, metavar: str | None = None) -> Any:
    """An option as Typer is told of it, its default not shown."""
    return typer.Option(*names, help=said, metavar=metavar, show_default=False)


FORCE = Annotated[bool, _option("--force", said="Replace FILE.")]
OPEN = Annotated[bool, _option("--open", said="Open it in the browser.")]

BROKEN_PIPE, MISTAKE, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def couloir_command(
    context: typer.Context,
    version: Annotated[bool, _option("--version", said="Print the version.")] = False,
) -> None:
    """Train a population of neural networks on your data, keep the best one, and see why."""
    if version:
        print(f"couloir {couloir.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
@takes(TRAIN, data=DATA)
def train(context: typer.Context, data: str, typed: Typed) -> int:
    """Train a population of networks on DATA, choose by validation, test once, save the run."""
    checked_folder(typed)
    if typed.screen["dry_run"]:
        return plan_shown(data, typed)
    run = called("train", context, data, typed)
    return shown(run, typed, f"what had been learnt is saved; to begin again: {context.obj}")


_OR_SURFACE = f"As for train; or a surface: {', '.join(SURFACES)}. A file of that name wins."


@app.command()
@takes(RACE, data=Annotated[str, argument("DATA", _OR_SURFACE)])
def race(context: typer.Context, data: str, typed: Typed) -> int:
    """Find out which update rule is best on DATA: each at its own best learning rate, with evidence."""
    from couloir.commands import surface_race

    out = checked_folder(typed)
    if surface_race.is_surface(data):
        given = {**typed.loading, **typed.given}
        with watched(typed) as display:
            raced = surface_race.race_surface(data, **given, out=out, observer=display, command=context.obj)
        return shown(raced, typed)
    if only := [name for name in ("start", "steps") if name in typed.given]:
        raise InputError(f"--{only[0]} is for a surface race, and '{data}' is no surface: leave it out.")
    run = called("race", context, data, typed)
    return shown(run, typed, f"all raced for fewer epochs; to begin again: {context.obj}")


@app.command()
@takes(SEARCH, data=Annotated[str | None, argument("DATA", "As for train; left out with --resume.")])
def search(context: typer.Context, data: str | None, typed: Typed) -> int:
    """Search for the best rule, rate, regularizer and architecture for DATA, and test the best once."""
    from couloir.commands.search import Interrupted, export, shown_space

    given, screen = typed.given, typed.screen
    if screen["show_space"]:
        print(shown_space(data, typed.loading, given), end="")
        return DONE
    if screen["export_study"] is not None:
        print(export(given.get("resume"), screen["export_study"]))
        return DONE
    if data is None and "resume" not in given:
        raise InputError("There are no data to search on: name a file, or --resume RUN.")
    refused = typed.loading if "resume" in given else {}  # by the search
    try:
        run = called("search", context, data, typed, **refused)
    except Interrupted as stopped:
        resume = f"couloir search --resume {shlex.quote(str(stopped.folder))}"
        print(f"Interrupted: {stopped.trials} trials are kept; to go on: {resume}", file=sys.stderr)
        return SAVED
    return shown(run, typed)


@app.command()
@takes(GRADCHECK, data=DATA)
def gradcheck(context: typer.Context, data: str, typed: Typed) -> int:
    """Compare backpropagation with numerical gradients on a network for DATA: agreement, error, cost."""
    return shown(called("gradcheck", context, data, typed), typed)


@app.command()
@takes(GUESS, data=DATA)
def guess(context: typer.Context, data: str, typed: Typed) -> int:
    """Guess the weights of a network for DATA, keep the best, and see gradient descent do better."""
    return shown(called("guess", context, data, typed), typed)


@app.command()
@takes(LANDSCAPE, run=RUN)
def landscape(context: typer.Context, run: str, typed: Typed) -> int:
    """Draw the loss around the network of RUN, with the paths of update rules and its sharpness."""
    out = checked_folder(typed)
    with watched(typed) as display:
        found = couloir.landscape(run, **typed.given, out=out, observer=display, command=context.obj)
    return shown(found, typed)


@app.command()
def predict(
    run: RUN,
    data: Annotated[str, argument("DATA", "New rows, in any form that train reads; needs no target.")],
    output: Annotated[
        str | None,
        _option("--output", "-o", metavar="FILE", said="A .csv, .tsv or .parquet. Default: CSV on stdout."),
    ] = None,
    force: FORCE = False,
) -> None:
    """Predict the target of new rows with a run's model."""
    from couloir.commands.predict import predict_table
    from couloir.files import check_table_path, write_table
    from couloir.runs import stored as runs

    if output is not None:
        check_table_path(Path(output), force)
    table = predict_table(runs.read(run).model, data)
    if output is None:
        sys.stdout.write(table.write_csv())
    else:
        write_table(table, Path(output))
        print(f"{output}: {len(table):,} predictions")


@app.command()
def export(
    run: RUN,
    output: Annotated[str, argument("FILE", "model.onnx, or model.safetensors with a .json beside it.")],
    float32: Annotated[bool, _option("--float32", said="ONNX: numbers in and out as float32.")] = False,
    force: FORCE = False,
) -> None:
    """Write a run's model, preparation included, for other programs: ONNX, or safetensors and JSON."""
    from couloir.export import export as write
    from couloir.runs import stored as runs

    path = Path(output).expanduser()
    for file in (path, path.with_suffix(".json")) if path.suffix.lower() == ".safetensors" else (path,):
        if file.exists() and not force:
            raise InputError(f"The file '{file}' exists: give another name, or replace it with --force.")
    print("\n".join(map(str, write(runs.read(run).model, output, float32=float32))))


@app.command()
def report(
    run: RUN,
    output: Annotated[
        str | None, _option("--output", "-o", metavar="FILE", said="Default: the page in the run folder.")
    ] = None,
    show: OPEN = False,
    force: FORCE = False,
) -> None:
    """Write a run's page again, from the numbers in its folder."""
    from couloir.commands.opening import opened
    from couloir.files import check_path
    from couloir.report import write_report
    from couloir.runs import stored as runs

    stored = opened(run)
    page = Path(output) if output is not None else runs.resolve(run) / stored.page
    check_path(page, force or output is None)
    write_report(stored, page)
    print(page)
    if show and not webbrowser.open(page.resolve().as_uri()):
        print("No browser could be started: open the file by hand.", file=sys.stderr)


@app.command()
def studio(
    data: Annotated[list[Path] | None, argument("[DATA]...", "Tables that the studio may use.")] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", help=f"Listen there. Default {PORT}, or a free one.", min=1, max=65535
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="Other than this computer's: a token is asked for."),
    ] = "127.0.0.1",
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="The folder of runs it shows and adds to.")
    ] = Path("runs"),
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
) -> None:
    """Open the studio: lines, races, networks and your own data, live in the browser."""
    serve(port, host, show, out, data or ())


@app.command()
def book(
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FOLDER", help="Where it goes; replaces an earlier book.")
    ] = "book",
    section: Annotated[
        list[int] | None,
        _option("--section", metavar="N", said="Only this chapter, 1 to 8; may be repeated."),
    ] = None,
    times: Annotated[bool, _option("--times", said="Print the seconds of every figure.")] = False,
    show: OPEN = False,
    quiet: Annotated[bool, _option("--quiet", said="Show no progress.")] = False,
) -> None:
    """Build the book: how networks are trained, in 33 figures that are computed now."""
    from couloir.book import build
    from couloir.cli.display import Display

    spent = []
    with Display(quiet=quiet) as display:
        display.stage("computing the figures")

        def told(done: Any) -> None:
            spent.append(done)
            display.stage(f"figure {done.place} of {done.of}, {done.entry.slug}")

        cover = build(out, section or None, told)
    for done in spent if times else ():
        print(f"{done.seconds:6.1f} s  figure {done.entry.number:2d}  {done.entry.slug}")
    print(cover)
    if show and not webbrowser.open(cover.resolve().as_uri()):
        print("No browser could be started: open the file by hand.", file=sys.stderr)


# From the command line to an exit code -----------------------------------------------------------------


def main(given: Sequence[str] | None = None) -> int:
    """Run the words after `couloir`, by default this process's own, and return the exit code."""
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
        return _mistake(_usage(error, words))
    except BrokenPipeError:  # the reader, as in `| head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if code == INTERRUPTED:
        print("Interrupted: nothing was saved.", file=sys.stderr)
    return INTERRUPTED if code == SAVED else code or DONE


def run() -> None:
    """The `couloir` command: run the command line, and leave at once.

    Taking JAX's compiled programs apart in good order takes most of a second, and the system does it in
    no time; everything that matters has been written and flushed by then.
    """
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


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


def _usage(error: typer.TyperException, words: Sequence[str]) -> str:
    """Typer's complaint about a command line as one sentence that says what to do."""
    command = next((word for word in words if not word.startswith("-")), None)
    see = f"see 'couloir {command} --help'" if command else "see 'couloir --help'"
    option, near = getattr(error, "option_name", None), getattr(error, "possibilities", None)
    if option and near:
        return f"There is no option '{option}': did you mean '{near[0]}'?"
    if type(error).__name__ == "NoSuchOption":
        return f"There is no option '{option}': {see}."
    message = " ".join(error.format_message().split()).rstrip(".")
    extra = re.search(r"unexpected extra argument\S* \((.*)\)$", message)
    if extra:
        lists = "lists are written with commas, as in 64,64, and a name with spaces in quotes"
        return f"There is no place for '{extra[1]}' in the command: {lists}; {see}."
    return f"{message}: {see}."
