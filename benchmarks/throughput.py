"""How fast a population trains: this engine, its peers, and the processor's matrix products.

    python benchmarks/throughput.py [--quick] [--members 1,16,64,256] [--without sklearn,torch]

Everything is measured in one run, on MNIST, through `couloir.engine.training.train_population`: the code that
users run, with scoring on validation and the checks for divergence on. An epoch's seconds hold all of
that; compiling stands apart. Each line gives the median and the best of its epochs.

What a machine gives varies by half within minutes. So the matrix products and an epoch of each peer are
measured between any two epochs of this engine, and an epoch is compared with the better of what was measured
before and after it. In a training epochs follow one another, so each that counts, this engine's and a peer's,
comes right after another one of the same, which does not count. Shares and ratios are medians over a line's
epochs. (PyTorch's population takes too long for that: it has a line of its own, and best is compared with
best.)

FLOPs are those of the matrix products alone: 2·inputs·outputs a sample for each product. The first layer
has two products (forward, gradient of its weights), every later layer three (the gradient of its inputs
too). Scoring, the update rule and the activations count as nothing, so they lower the share.

The GEMM rate is NumPy's: the best of its square float32 products of 1024, 2048 and 4096.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from _shared import machine, mnist_rows, table, write_json

from couloir.engine.epochs import Part, TrainingData
from couloir.engine.member import Member
from couloir.engine.optimizers import RULES
from couloir.engine.training import Progress, train_population

INPUTS, CLASSES, BATCH = 784, 10, 128
NETWORKS = ((15,), (128, 64))
PEERS = ("sklearn", "torch")
PEER_LINES = ("scikit-learn MLPClassifier", "PyTorch loop", "PyTorch population")
GEMM = "NumPy's products"
Moment = dict[str, float]
"""What was measured between two epochs: `GEMM`'s GFLOP/s, and the seconds of an epoch of each peer."""


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    train_rows: int = 12_800
    validation_rows: int = 2_000
    epochs: int = 9
    rounds: int = 4
    gemm_sizes: tuple[int, ...] = (1024, 2048, 4096)


QUICK = Scale(train_rows=3_840, validation_rows=600, epochs=4, rounds=2, gemm_sizes=(1024, 2048))


@dataclass
class Line:
    """One row of the table: who trained how many members of which network, and its epochs' seconds.

    `moments` has what was measured before the first of these epochs, between any two and after the last.
    """

    network: str
    who: str
    members: int
    rows: int
    flops_per_sample: int
    seconds: list[float]
    moments: list[Moment] = field(default_factory=list)
    compile_seconds: float = 0.0
    ratios: dict[str, float] = field(default_factory=dict)
    gemm_share: float = math.nan

    def rate(self, seconds: float) -> float:
        """Member-samples per second for an epoch of so many seconds."""
        return self.members * self.rows / seconds

    @property
    def best(self) -> float:
        """Seconds of the fastest epoch."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """Seconds of the median epoch."""
        return statistics.median(self.seconds)

    def gflops(self, seconds: float) -> float:
        """GFLOP/s of an epoch of so many seconds."""
        return self.rate(seconds) * self.flops_per_sample / 1e9

    def share(self) -> float:
        """The share of the GEMM rate: the median over epochs, each against the better rate beside it."""
        beside = pairwise(moment[GEMM] for moment in self.moments)
        return statistics.median(
            self.gflops(own) / max(rates) for own, rates in zip(self.seconds, beside, strict=True)
        )

    def times(self, who: str) -> float:
        """The rate as a multiple of a peer's, which trains one member; compared as in `share`."""
        beside = pairwise(moment[who] for moment in self.moments)
        return statistics.median(
            self.members * min(theirs) / own for own, theirs in zip(self.seconds, beside, strict=True)
        )


def flops_per_sample(widths: Sequence[int]) -> int:
    """Floating-point operations of one training sample: 4·in·out in the first layer, 6·in·out later."""
    products = [inputs * outputs for inputs, outputs in pairwise(widths)]
    return 2 * (2 * products[0] + 3 * sum(products[1:]))


def name_of(hidden: Sequence[int]) -> str:
    """A network as people write it: 784-15-10."""
    return "-".join(map(str, (INPUTS, *hidden, CLASSES)))


class Gemm:
    """The processor's rate at square float32 products, probed again and again through the run."""

    def __init__(self, sizes: Sequence[int]) -> None:
        generator = np.random.default_rng(0)
        self.matrices = {size: generator.random((size, size), np.float32) for size in sizes}
        self.best = dict.fromkeys(sizes, 0.0)
        for _ in range(3):
            self.probe()

    def probe(self) -> float:
        """Time every size once more; returns the best GFLOP/s of these."""
        found = []
        for size, matrix in self.matrices.items():
            began = time.perf_counter()
            matrix @ matrix
            found.append(2 * size**3 / (time.perf_counter() - began) / 1e9)
            self.best[size] = max(self.best[size], found[-1])
        return max(found)

    @property
    def rate(self) -> float:
        """The best GFLOP/s seen."""
        return max(self.best.values())


# This engine -----------------------------------------------------------------------------------------


def population(kind: str, count: int, hidden: tuple[int, ...], epochs: int, **more: float) -> list[Member]:
    """So many members with rates close to the customary one: Adam alone, or all rules in equal parts.

    The rates differ so that no two members are the same, and stay close so that none diverges.
    """
    rules = [RULES["adam"]] if kind == "adam" else list(RULES.values())
    each = count // len(rules)
    start = Member(rules[0], 1e-3, hidden=hidden, batch_size=BATCH, epochs=epochs, **more)
    return [
        replace(start, rule=rule, learning_rate=rule.defaults["learning_rate"] * (1 - number / (4 * each)))
        for rule in rules
        for number in range(each)
    ]


def engine_epochs(
    members: Sequence[Member], data: TrainingData, between: Callable[[], Moment] | None = None
) -> tuple[list[float], list[Moment], float]:
    """Seconds of epochs that each follow another, what `between` gave around them, seconds of compiling.

    The first epoch is left out. `between`, where given, is called after it and after every epoch that
    counts; the epoch that comes next then only warms up.
    """
    seconds: list[float] = []
    moments: list[Moment] = []
    compiling: list[float] = []
    begun: float | None = None

    def note(progress: Progress) -> None:
        nonlocal begun
        ended = time.perf_counter()
        compiling.append(progress.compile_seconds)
        if begun is not None:
            seconds.append(ended - begun)
        if between is not None and (begun is not None or not moments):
            moments.append(between())
            begun = None
        else:
            begun = time.perf_counter()

    trained = train_population(members, data, patience=None, on_epoch=note)
    diverged = sum(outcome.status == "diverged" for outcome in trained.outcomes)
    if diverged:
        raise RuntimeError(f"{diverged} members diverged: their epochs would not be those of a training run.")
    return seconds, moments, compiling[-1]


def engine_line(
    kind: str,
    count: int,
    hidden: tuple[int, ...],
    data: TrainingData,
    scale: Scale,
    between: Callable[[], Moment],
) -> Line:
    """This engine with so many members."""
    members = population(kind, count, hidden, 2 * scale.epochs + 1)
    seconds, moments, compiling = engine_epochs(members, data, between)
    who = f"couloir, {'Adam' if kind == 'adam' else f'{len(RULES)} rules'}"
    return _line(hidden, who, count, data, seconds, moments, compiling)


def _line(
    hidden: tuple[int, ...],
    who: str,
    count: int,
    data: TrainingData,
    seconds: list[float],
    moments: list[Moment],
    compiling: float = 0.0,
) -> Line:
    flops = flops_per_sample((INPUTS, *hidden, CLASSES))
    return Line(name_of(hidden), who, count, len(data.train.targets), flops, seconds, moments, compiling)


# What dropout, noise and scoring cost ------------------------------------------------------------------


def extra_costs(hidden: tuple[int, ...], count: int, data: TrainingData, scale: Scale) -> dict[str, Any]:
    """Percent of time that dropout, noise and scoring add for Adam members, measured in turns.

    The turns A B C D A B C D … spread what else the machine does over all of them. "scoring" compares
    with a run whose validation part, and so the training rows watched, is a single row.
    """
    one_row = replace(data, validation=Part(data.train.inputs[:1], data.train.targets[:1]))
    variants = {
        "plain": (population("adam", count, hidden, 3), data),
        "dropout 0.2": (population("adam", count, hidden, 3, dropout=0.2), data),
        "noise 0.1": (population("adam", count, hidden, 3, noise=0.1), data),
        "unscored": (population("adam", count, hidden, 3), one_row),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(scale.rounds):
        for name, (members, rows) in variants.items():
            seconds[name] += engine_epochs(members, rows)[0]

    def percent(slow: str, fast: str) -> dict[str, float]:
        pairs = [high / low - 1 for high, low in zip(seconds[slow], seconds[fast], strict=True)]
        best = min(seconds[slow]) / min(seconds[fast]) - 1
        return {"best": 100 * best, "median": 100 * statistics.median(pairs)}

    costs = {name: percent(name, "plain") for name in ("dropout 0.2", "noise 0.1")}
    costs["scoring"] = percent("plain", "unscored")
    return {"network": name_of(hidden), "members": count, "percent": costs, "seconds": seconds}


# Peers: one network at a time, or a population of batched products ---------------------------------------


def timed(one_epoch: Callable[[], None]) -> float:
    """Seconds of an epoch, right after one that does not count."""
    one_epoch()
    began = time.perf_counter()
    one_epoch()
    return time.perf_counter() - began


def sklearn_epoch(hidden: tuple[int, ...], data: TrainingData) -> Callable[[], None]:
    """One pass of scikit-learn's MLPClassifier with Adam over the training rows."""
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(hidden, solver="adam", batch_size=BATCH, early_stopping=False, random_state=0)

    def one_epoch() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network.partial_fit(data.train.inputs, data.train.targets, classes=range(CLASSES))

    return one_epoch


def torch_loop_epoch(hidden: tuple[int, ...], data: TrainingData) -> Callable[[], None]:
    """One pass of an ordinary PyTorch training loop, one network, eager."""
    import torch

    widths = (INPUTS, *hidden, CLASSES)
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    rows, labels = torch.from_numpy(data.train.inputs), torch.from_numpy(data.train.targets)

    def one_epoch() -> None:
        for batch in torch.randperm(len(rows)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(rows[batch]), labels[batch]).backward()
            optimizer.step()

    return one_epoch


def torch_population_epoch(hidden: tuple[int, ...], data: TrainingData, count: int) -> Callable[[], None]:
    """One pass of a population in PyTorch: parameters stacked over members, products batched."""
    import torch

    layers = []
    for inputs, outputs in pairwise((INPUTS, *hidden, CLASSES)):
        weight = torch.randn(count, inputs, outputs) * (2 / inputs) ** 0.5
        layers.append((weight.requires_grad_(), torch.zeros(count, 1, outputs, requires_grad=True)))
    optimizer = torch.optim.Adam([leaf for layer in layers for leaf in layer], fused=True)
    rows, labels = torch.from_numpy(data.train.inputs), torch.from_numpy(data.train.targets)

    def one_epoch() -> None:
        for batch in torch.randperm(len(rows)).split(BATCH):
            signal = rows[batch].expand(count, -1, -1)
            for number, (weight, bias) in enumerate(layers):
                signal = torch.baddbmm(bias, signal.relu() if number else signal, weight)
            targets = labels[batch].repeat(count)
            loss = torch.nn.functional.cross_entropy(signal.flatten(0, 1), targets, reduction="sum")
            optimizer.zero_grad()
            (loss / len(batch)).backward()
            optimizer.step()

    return one_epoch


class Beside:
    """What is measured between the epochs of a network: the GEMM rate, and an epoch of each peer."""

    def __init__(self, gemm: Gemm, peers: dict[str, Callable[[], None]]) -> None:
        """Measure nothing yet."""
        self.gemm, self.peers, self.moments = gemm, peers, list[Moment]()

    def __call__(self) -> Moment:
        """Measure everything once."""
        moment = {GEMM: self.gemm.probe()} | {who: timed(peer) for who, peer in self.peers.items()}
        self.moments.append(moment)
        time.sleep(0.05)  # the threads of the products go on spinning for a moment
        return moment


def peers_of(
    hidden: tuple[int, ...], data: TrainingData, without: Sequence[str]
) -> dict[str, Callable[[], None]]:
    """The peers that train one network and are installed and wanted."""
    found = {}
    if "sklearn" not in without:
        found[PEER_LINES[0]] = sklearn_epoch(hidden, data)
    if "torch" not in without and _has_torch():
        found[PEER_LINES[1]] = torch_loop_epoch(hidden, data)
    return found


def peer_lines(
    hidden: tuple[int, ...], data: TrainingData, scale: Scale, without: Sequence[str], beside: Beside
) -> list[Line]:
    """The peers: what was measured between this engine's epochs, and PyTorch's population."""
    lines = []
    for who in beside.peers:
        # Their epochs lie between the products too: after those of their own moment, before the next one's.
        seconds = [moment[who] for moment in beside.moments]
        lines.append(_line(hidden, who, 1, data, seconds, [*beside.moments, beside.moments[-1]]))
    if "torch" not in without and _has_torch():
        one_epoch = torch_population_epoch(hidden, data, 64)
        moments, seconds = [{GEMM: beside.gemm.probe()}], []
        for _ in range(scale.rounds):
            seconds.append(timed(one_epoch))
            moments.append({GEMM: beside.gemm.probe()})
        lines.append(_line(hidden, PEER_LINES[2], 64, data, seconds, moments))
    for line in lines:
        _tell(line)
    return lines


def _tell(line: Line) -> None:
    """One line as soon as it is measured, on standard error."""
    speed = f"{line.gflops(line.best):.1f} GFLOP/s"
    print(f"{line.network}, {line.who}, {line.members}: {speed}", file=sys.stderr, flush=True)


def _has_torch() -> bool:
    from importlib.util import find_spec

    return find_spec("torch") is not None


# The whole run ---------------------------------------------------------------------------------------


def training_data(scale: Scale) -> tuple[TrainingData, str]:
    """The rows that everything is measured on, and where they come from."""
    pixels, labels, source = mnist_rows(scale.train_rows + scale.validation_rows)
    cut = scale.train_rows
    parts = Part(pixels[:cut], labels[:cut]), Part(pixels[cut:], labels[cut:])
    return TrainingData("classification", CLASSES, *parts), source


def measure(scale: Scale, counts: Sequence[int], without: Sequence[str] = ()) -> dict[str, Any]:
    """Everything, as what is written to the JSON."""
    data, source = training_data(scale)
    about, gemm = machine(), Gemm(scale.gemm_sizes)
    lines: list[Line] = []
    costs: list[dict[str, Any]] = []
    for hidden in NETWORKS:
        found: list[Line] = []
        beside = Beside(gemm, peers_of(hidden, data, without))
        for kind in ("adam", "mix"):
            for count in (count for count in counts if kind == "adam" or count >= 2 * len(RULES)):
                found.append(engine_line(kind, count, hidden, data, scale, beside))
                _tell(found[-1])
        costs.append(extra_costs(hidden, min(64, max(counts)), data, scale))
        _compare(found, peer_lines(hidden, data, scale, without, beside))
        lines += found
    return {
        "machine": about,
        "data": {"source": source, "train": scale.train_rows, "validation": scale.validation_rows},
        "gemm_gflops": {str(size): rate for size, rate in gemm.best.items()},
        "gemm_rate": gemm.rate,
        "lines": [_as_json(line) for line in lines],
        "costs": costs,
        "bars": bars(lines, costs),
    }


def _compare(lines: list[Line], peers: list[Line]) -> None:
    """Fill in the shares of the GEMM rate and this engine's multiples of each peer; then add the peers."""
    for line in lines:
        for peer in peers:
            paired = peer.who in line.moments[0]
            best = line.rate(line.best) / peer.rate(peer.best)
            line.ratios[peer.who] = line.times(peer.who) if paired else best
    lines += peers
    for line in lines:
        line.gemm_share = line.share()


def _as_json(line: Line) -> dict[str, Any]:
    speeds = {
        f"{what}_{name}": function(seconds)
        for name, seconds in (("best", line.best), ("median", line.median))
        for what, function in (("member_samples_per_second", line.rate), ("gflops", line.gflops))
    }
    return {**asdict(line), **speeds}


def bars(lines: Sequence[Line], costs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was to be reached, with what was reached; a bar whose line was not measured is left out."""
    found = {(line.network, line.who, line.members): line for line in lines}
    small = name_of(NETWORKS[0])
    wanted: list[tuple[str, float | None, float]] = []
    for who, least in (("couloir, Adam", 0.6), (f"couloir, {len(RULES)} rules", 0.5)):
        line = found.get((small, who, 64))
        wanted.append(
            (f"{small}, {who}, 64 members: share of GEMM", line.gemm_share if line else None, least)
        )
    for network in dict.fromkeys(line.network for line in lines):
        for count, least in ((64, 10.0), (1, 2.0)):
            line = found.get((network, "couloir, Adam", count))
            ratio = line.ratios.get(PEER_LINES[0]) if line else None
            wanted.append((f"{network}, {count} members: times scikit-learn", ratio, least))
    reached = [
        {"bar": name, "at_least": least, "reached": value, "passed": value >= least}
        for name, value, least in wanted
        if value is not None
    ]
    for cost in costs:
        for name, most in (("dropout 0.2", 15.0), ("noise 0.1", 50.0)):
            value = cost["percent"][name]["best"]
            label = f"{cost['network']}, {name}: percent of time added"
            reached.append({"bar": label, "at_most": most, "reached": value, "passed": value < most})
    return reached


def report(results: dict[str, Any]) -> str:
    """The tables."""
    about, data = results["machine"], results["data"]
    heading = ["network, who", "members", "member-samples/s", "median", "GFLOP/s", "of GEMM", "×sklearn"]
    heading += ["×torch loop", "×torch population", "compile s"]
    rows = []
    for line in results["lines"]:
        ratios = [line["ratios"].get(who) for who in PEER_LINES]
        rows.append(
            [
                f"{line['network']}, {line['who']}",
                str(line["members"]),
                f"{line['member_samples_per_second_best']:,.0f}",
                f"{line['member_samples_per_second_median']:,.0f}",
                f"{line['gflops_best']:.1f}",
                f"{line['gemm_share']:.0%}",
                *("–" if ratio is None else f"{ratio:.1f}" for ratio in ratios),
                f"{line['compile_seconds']:.1f}",
            ]
        )
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    load = "unknown" if about["load_at_start"] is None else f"{about['load_at_start']:.1f}"
    return "\n".join(
        [
            f"{about['processor']}, {about['cores']} cores, load at the start {load}; {versions}",
            f"{data['source']}: {data['train']:,} training rows, {data['validation']:,} validation rows, "
            f"batch {BATCH}; NumPy's GEMM rate {results['gemm_rate']:.0f} GFLOP/s at its best",
            "",
            table(heading, rows),
            "",
            _cost_table(results["costs"]),
            "",
            _bar_table(results["bars"]),
        ]
    )


def _cost_table(costs: Sequence[dict[str, Any]]) -> str:
    rows = [
        [f"{cost['network']}, {name}", f"{percent['best']:+.1f} %", f"{percent['median']:+.1f} %"]
        for cost in costs
        for name, percent in cost["percent"].items()
    ]
    return table(["time added", "best epochs", "median of pairs"], rows)


def _bar_table(reached: Sequence[dict[str, Any]]) -> str:
    rows = []
    for bar in reached:
        wanted = f"≥ {bar['at_least']:g}" if "at_least" in bar else f"< {bar['at_most']:g}"
        rows.append([bar["bar"], wanted, f"{bar['reached']:.3g}", "yes" if bar["passed"] else "NO"])
    return table(["bar", "wanted", "reached", "passed"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and epochs: about a minute")
    parser.add_argument("--members", help="population sizes, with commas (1,16,64,256; quick: 1,64)")
    parser.add_argument("--without", default="", help="peers to leave out: sklearn, torch")
    parser.add_argument("--out", type=Path, default=Path("throughput.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    without = [name for name in options.without.split(",") if name]
    unknown = [name for name in without if name not in PEERS]
    if unknown:
        parser.error(f"there is no peer '{unknown[0]}' to leave out: the choices are {', '.join(PEERS)}")
    counts = options.members or ("1,64" if options.quick else "1,16,64,256")
    if not all(count.isdigit() and int(count) > 0 for count in counts.split(",")):
        parser.error(f"--members '{counts}' is not a list of whole numbers such as 1,64")
    results = measure(QUICK if options.quick else Scale(), [int(n) for n in counts.split(",")], without)
    print(report(results))
    write_json(options.out, results)
    print(f"\nWritten to {options.out}.")


if __name__ == "__main__":
    main()
