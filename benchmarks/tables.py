"""How good networks are on real tables, beside what else one would choose: on rows nobody has learnt from.

    python benchmarks/tables.py --peers-python PEERS/bin/python [--only adult,bank]
        [--contestants train,lightgbm] [--seeds 0,1,2,3,4] [--jobs 1] [--show]
        [--peers benchmarks/results/tables_peers.json] [--out benchmarks/results/tables.json]

The tables are those of ../shared/data/suite, and diamonds. Each is split five times, seeds 0 to 4, into 4,000
rows to learn from and 4,000 others to judge by (credit, which has 1,000 rows, 75/25; of others that are
short, what is left); classes keep their shares. Every contestant has the same rows.

    train, quick, search     couloir.train(FILE), that with effort="quick", couloir.search(FILE, minutes=5)
    sklearn-mlp              MLPClassifier or MLPRegressor on standardised numbers and one-hot categories
    sklearn-mlp-stopping     the same with early_stopping=True
    hist-gradient-boosting   scikit-learn's, with its defaults
    lightgbm, catboost       trees counted on 15 % of the training rows, grown again on all of them
    lightgbm-plain, …        with their default numbers of trees on all training rows
    realmlp, tabm            pytabkit's RealMLP-TD and TabM-D, with their defaults

Whoever is judged runs in a process of its own, started for it. CPU seconds are those of that process and its
children from handing over the rows to the answers, without imports; ours compiles everything anew, unless
`--home` names a folder to keep what is compiled in. Peers have one thread: with more, those that wait for
others may run in circles, which costs ten times the CPU seconds where other programs run, and ours is to be
compared with what they need. Their wall seconds are those of one thread, then, and ours of all cores.

Results are written one by one, and a run goes on where it stopped. Those of the peers are kept in a file of
their own, so that only ours has to be run again: with `--given '{"plan": "rules"}'` as asked there, into
another `--out`.

The peers may need another environment, whose Python is `--peers-python`: `pip install pytabkit lightgbm
catboost scikit-learn pandas`. The exit status is 1 where one of them failed, or a bar is missed.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _shared import SHARED_DATA, machine
from tables_contestants import CONTESTANTS, OURS, PEERS
from tables_report import bars, by_contestant, report

HERE = Path(__file__).resolve().parent
CONTESTANT = HERE / "tables_contestants.py"
PEERS_FILE, OURS_FILE = (HERE / "results" / name for name in ("tables_peers.json", "tables.json"))
TO_LEARN, TO_JUDGE = 4000, 4000
SHARE_TO_LEARN = 0.75
"""Of a table with fewer rows than are to be learnt from."""

SEEDS = (0, 1, 2, 3, 4)
DATES = {"kc_house": {"date": "%Y%m%dT%H%M%S"}}
"""Columns of dates in a form of their own, which the peers are given as numbers of days."""


@dataclass(frozen=True)
class Source:
    """A table: where it is, what is to be predicted, and whether that is a class or a number."""

    name: str
    path: Path
    target: str
    task: str
    dates: dict[str, str] = field(default_factory=dict)


def sources(folder: Path = SHARED_DATA) -> dict[str, Source]:
    """The tables that are here, by name."""
    about = folder / "suite" / "suite.json"
    suite = json.loads(about.read_text()) if about.exists() else {}
    found = {
        name: Source(
            name, about.with_name(f"{name}.csv.gz"), said["target"], said["task"], DATES.get(name, {})
        )
        for name, said in suite.items()
    }
    found["diamonds"] = Source("diamonds", folder / "tables" / "diamonds.csv", "price", "regression")
    return {name: source for name, source in found.items() if source.path.exists()}


def split(target: np.ndarray, task: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows to learn from and of those to judge by."""
    from sklearn.model_selection import train_test_split

    count = len(target)
    learnt = TO_LEARN if count > TO_LEARN else round(SHARE_TO_LEARN * count)
    train, judge = train_test_split(
        np.arange(count),
        train_size=learnt,
        test_size=min(TO_JUDGE, count - learnt),
        random_state=seed,
        stratify=target if task == "classification" else None,
    )
    return train, judge


def fingerprint(train: np.ndarray, judge: np.ndarray) -> str:
    """A short text that tells one split from another."""
    return f"{zlib.crc32(judge.astype('<i8').tobytes(), zlib.crc32(train.astype('<i8').tobytes())):08x}"


def works(source: Source, seeds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """For each seed what a contestant is told, but for who it is."""
    import polars as pl

    target = pl.read_csv(source.path, infer_schema=False)[source.target].to_numpy()
    for seed in seeds:
        train, judge = split(target, source.task, seed)
        yield {
            "table": source.name,
            "path": str(source.path),
            "target": source.target,
            "task": source.task,
            "dates": source.dates,
            "seed": seed,
            "train": train.tolist(),
            "judge": judge.tolist(),
            "rows": fingerprint(train, judge),
        }


# Results on disk ----------------------------------------------------------------------------------------


def read_results(path: Path) -> dict[str, Any]:
    """What a file of results holds: `results`, a list, and what else was written there."""
    return json.loads(path.read_text()) if path.exists() else {"results": []}


def key(result: Mapping[str, Any]) -> tuple[str, str, int, str]:
    """What a result is of: who, on which table, which seed, and the rows which that gave."""
    return result["contestant"], result["table"], result["seed"], result["rows"]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else who asks for it changes this file meanwhile, in this process or another."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def update(path: Path, results: Sequence[Mapping[str, Any]] = (), **more: Any) -> None:
    """Add results to a file, in place of earlier ones of the same, a line for each; whole or not at all."""
    with locked(path):
        held = {**read_results(path), **more}
        every = {key(each): each for each in [*held.pop("results"), *results]}
        lines = ",\n".join(json.dumps(every[name], allow_nan=False) for name in sorted(every))
        about = "".join(f" {json.dumps(name)}: {json.dumps(value)},\n" for name, value in held.items())
        draft = path.with_suffix(".draft")
        draft.write_text(f'{{\n{about} "results": [\n{lines}\n]}}\n')
        draft.replace(path)


# Running the contestants --------------------------------------------------------------------------------


def environment(contestant: str, threads: int, home: str) -> dict[str, str]:
    """Variables for a contestant's process. Nobody's threads wait by running in circles."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    if contestant in OURS:
        return {**kept, "COULOIR_HOME": home, "PYTHONWARNINGS": "ignore"}
    kept.pop("PYTHONPATH", None)
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    return {**kept, **counts, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONWARNINGS": "ignore"}


def run(work: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """A contestant's result on a piece of work, from a new process.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    contestant = work["contestant"]
    python = sys.executable if contestant in OURS else options.peers_python
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "work.json"
        file.write_text(json.dumps({**work, "threads": options.threads, "given": options.given}))
        done = subprocess.run(
            [python, str(CONTESTANT), str(file)],
            env=environment(contestant, options.threads, str(options.home or folder)),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    about = {name: work[name] for name in ("contestant", "table", "seed", "rows")}
    of_ours, of_peers = {"build": build(), "given": options.given}, {"threads": options.threads}
    told = of_ours if contestant in OURS else of_peers
    figures = {name: float(f"{value:.6g}") for name, value in found.items() if isinstance(value, float)}
    return {**about, **found, **figures, **told}


def build() -> str:
    """Which commit of ours this is, where git can tell, and whether the source has changed since."""

    def told(*command: str) -> str:
        asked = ["git", "-C", str(HERE.parent), *command]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    commit = told("rev-parse", "--short", "HEAD") or "unknown"
    return f"{commit}, changed" if told("status", "--porcelain", "--", "src") else commit


def run_all(options: argparse.Namespace) -> int:
    """Run what has no result yet, seed by seed; returns how many failed."""
    known = {key(each) for path in (options.peers, options.out) for each in read_results(path)["results"]}
    asked = [
        {**work, "contestant": contestant}
        for source in options.sources
        for work in works(source, options.seeds)
        for contestant in options.contestants
    ]
    order = options.contestants.index
    missing = [work for work in asked if key(work) not in known]
    missing.sort(key=lambda work: (options.seeds.index(work["seed"]), order(work["contestant"])))

    def one(work: dict[str, Any]) -> bool:
        said = f"{work['contestant']}, {work['table']}, seed {work['seed']}"
        try:
            result = run(work, options)
        except (RuntimeError, OSError) as failure:
            print(f"{said} FAILED: {failure}", file=sys.stderr, flush=True)
            return False
        update(options.out if work["contestant"] in OURS else options.peers, [result])
        score = result.get("log_loss", result.get("rmse"))
        print(f"{said}: {score:.6g}, {result['cpu_seconds']:.1f} CPU s", file=sys.stderr, flush=True)
        return True

    with ThreadPoolExecutor(options.jobs) as pool:
        return sum(not fine for fine in pool.map(one, missing))


# Asking and showing -------------------------------------------------------------------------------------


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, with `sources`, `contestants` and `seeds` as lists."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", help="tables, with commas")
    parser.add_argument("--contestants", help=f"of {', '.join(CONTESTANTS)}, with commas")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="with commas")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--threads", type=int, default=1, help="that a peer may have")
    parser.add_argument("--peers-python", default=sys.executable, help="the Python of the peers' environment")
    parser.add_argument("--peers", type=Path, default=PEERS_FILE, help="where the peers' results are kept")
    parser.add_argument("--out", type=Path, default=OURS_FILE, help="where the JSON with ours goes")
    parser.add_argument("--given", type=json.loads, default={}, help="JSON: further options for ours")
    parser.add_argument("--home", type=Path, help="COULOIR_HOME of ours; by default a new one each time")
    parser.add_argument("--show", action="store_true", help="show what is there, and run nothing")
    options = parser.parse_args(arguments)
    here = sources()
    if not here:
        parser.error("the tables are not here: COULOIR_SHARED_DATA can say where shared/data is")
    options.seeds = [int(seed) for seed in options.seeds.split(",")]
    options.contestants = _chosen(parser, "contestant", options.contestants, CONTESTANTS)
    options.sources = [here[name] for name in _chosen(parser, "table", options.only, here)]
    return options


def _chosen(
    parser: argparse.ArgumentParser, what: str, given: str | None, names: Mapping[str, Any]
) -> list[str]:
    """Names given with commas, or all that there are."""
    chosen = given.split(",") if given else list(names)
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"there is no {what} '{unknown[0]}': the choices are {', '.join(names)}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    failed = 0 if options.show else run_all(options)
    names = [source.name for source in options.sources]
    results = [
        each
        for path in (options.peers, options.out)
        for each in read_results(path)["results"]
        if each["table"] in names and each["seed"] in options.seeds
        if each["contestant"] in options.contestants or each["contestant"] in PEERS
    ]
    wanted = len(names) * len(options.seeds)
    print(report(results, wanted))
    builds = {each["build"] for each in results if "build" in each}
    if len(builds) > 1:
        print(f"\nOurs are of several builds: {', '.join(sorted(builds))}.")
    lines = bars(by_contestant(results), wanted)
    if lines:
        update(options.out, machine=machine(), bars=lines)
        print(f"\nWritten to {options.out}.")
    return int(failed > 0 or any(line["passed"] is False for line in lines))


if __name__ == "__main__":
    sys.exit(main())
