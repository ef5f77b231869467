"""The benchmarks themselves: the formulas by hand, and that they run and write what they show."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def throughput(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import throughput

    return throughput


@pytest.fixture
def quality(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import quality

    return quality


def test_flops_are_those_of_the_products_by_hand(throughput: ModuleType) -> None:
    # First layer: forward and weight gradient, 2·784·15 each. Second: those two and the input's gradient.
    assert throughput.flops_per_sample((784, 15, 10)) == 23_520 + 23_520 + 3 * 300
    assert throughput.flops_per_sample((784, 128, 64, 10)) == 2 * 200_704 + 3 * 16_384 + 3 * 1_280


def test_rates_by_hand(throughput: ModuleType) -> None:
    line = throughput.Line(
        "2-3", "someone", members=4, rows=100, flops_per_sample=24, seconds=[0.5, 0.1, 0.4]
    )
    assert (line.best, line.median) == (0.1, 0.4)
    assert line.rate(line.best) == pytest.approx(4_000)
    assert line.gflops(line.median) == pytest.approx(1_000 * 24 / 1e9)


def test_the_mix_has_every_rule_equally_often(throughput: ModuleType) -> None:
    from couloir.optimizers import RULES

    members = throughput.population("mix", 16, (15,), epochs=2)
    assert [member.rule.name for member in members] == [name for name in RULES for _ in range(2)]
    assert len(set(members)) == 16
    rates = [member.learning_rate for member in throughput.population("adam", 4, (15,), epochs=2)]
    assert rates == pytest.approx([1e-3 * factor for factor in (1, 15 / 16, 14 / 16, 13 / 16)])


def test_an_epoch_is_timed_without_the_first_and_without_compiling(throughput: ModuleType) -> None:
    from couloir.training import Part, TrainingData

    generator = np.random.default_rng(0)
    part = Part(generator.random((256, 784), np.float32), np.arange(256) % 10)
    data = TrainingData("classification", 10, part, Part(part.inputs[:20], part.targets[:20]))
    began = time.perf_counter()
    seconds, compiling = throughput.engine_epochs(throughput.population("adam", 2, (3,), epochs=3), data)
    assert len(seconds) == 2
    assert min(seconds) > 0
    assert sum(seconds) + compiling < time.perf_counter() - began


def test_a_table_holds_the_rates_that_the_json_holds(
    throughput: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With engine epochs that took 2 s, or 2.5 s with dropout, 3 s with noise, 1.6 s unscored."""

    def pretended(members: list, data: object) -> tuple[list[float], float]:
        seconds = 2.5 if members[0].dropout else 3.0 if members[0].noise else 2.0
        return [1.6 if len(data.validation.targets) == 1 else seconds] * 2, 7.5

    pixels, labels = np.random.default_rng(0).random((276, 784), np.float32), np.arange(276) % 10
    monkeypatch.setattr(throughput, "mnist_rows", lambda count: (pixels[:count], labels[:count], "made up"))
    monkeypatch.setattr(throughput, "engine_epochs", pretended)
    tiny = throughput.Scale(train_rows=256, validation_rows=20, epochs=1, rounds=1, gemm_sizes=(8,))
    monkeypatch.setattr(throughput, "QUICK", tiny)
    monkeypatch.setattr(throughput, "NETWORKS", ((3,),))
    out = tmp_path / "deep" / "results.json"
    throughput.main(["--quick", "--members", "4", "--without", "torch", "--out", str(out)])
    shown, written = capsys.readouterr().out, json.loads(out.read_text())
    ours, theirs = written["lines"]
    assert (ours["who"], theirs["who"]) == ("couloir, Adam", "scikit-learn MLPClassifier")
    assert ours["member_samples_per_second_best"] == 4 * 256 / 2
    assert ours["gemm_share"] == pytest.approx(512 * (4 * 784 * 3 + 6 * 30) / 1e9 / written["gemm_rate"])
    ratio = 512 / theirs["member_samples_per_second_best"]
    assert ours["ratios"] == {"scikit-learn MLPClassifier": pytest.approx(ratio)}
    percent = {name: cost["best"] for name, cost in written["costs"][0]["percent"].items()}
    assert percent == pytest.approx({"dropout 0.2": 25, "noise 0.1": 50, "scoring": 25})
    assert [bar["passed"] for bar in written["bars"]] == [False, False]  # 25 % is not < 15, nor 50 % < 50
    assert all(text in shown for text in ("made up", "512", "+25.0 %", "NO"))


@pytest.mark.parametrize("arguments", [["--without", "keras"], ["--members", "1,many"], ["--members", "0"]])
def test_throughput_refuses_what_it_does_not_know(throughput: ModuleType, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        throughput.main(arguments)
    assert ended.value.code == 2


def test_quality_fails_when_a_bar_is_missed(
    quality: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COULOIR_HOME", str(tmp_path))
    reached = {"good": quality.Figure("a", 0.5, 0.5, [0.5]), "bad": quality.Figure("b", 0.5, 0.49, [0.49])}
    monkeypatch.setattr(quality, "LINES", {name: lambda f=f: [f] for name, f in reached.items()})
    out = str(tmp_path / "quality.json")
    assert quality.main(["--only", "good", "--out", out]) == 0
    assert quality.main(["--only", "good,bad", "--out", out]) == 1
    assert "FAIL" in capsys.readouterr().out
    assert [figure["passed"] for figure in json.loads(Path(out).read_text())["figures"]] == [True, False]


def test_the_rival_of_titanic_learns_and_sees_no_target(quality: ModuleType, shared_data: Path) -> None:
    import couloir

    data = couloir.load(shared_data / "tables" / "titanic.csv", target="survived", drop=["alive"])
    accuracy = quality.logistic_regression_accuracy(data, seed=0)
    majority = np.mean(data.target == 0)
    assert majority + 0.1 < accuracy < 0.95
