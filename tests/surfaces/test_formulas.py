"""Typed formulas: the same values as NumPy's, the same tree when read back, and nothing that is run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import couloir
from couloir.engine.optimizers import RULES
from couloir.surfaces import evaluation, functions
from couloir.surfaces.formulas import (
    CONSTANTS,
    FUNCTIONS,
    LARGEST,
    LONGEST,
    Apply,
    Formula,
    Name,
    Number,
    Tree,
    from_formula,
    parse,
    written,
)
from couloir.surfaces.paths import Runner, follow

SQUARE = ((-2.0, 2.0), (-1.0, 3.0))

NUMPY: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": np.power,
    "negate": lambda a: -a,
    "atan": np.arctan,
    "ln": np.log,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "max": lambda *all_: np.max(all_, axis=0),
    "min": lambda *all_: np.min(all_, axis=0),
    "pow": np.power,
    **{n: getattr(np, n) for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs")},
}


def in_numpy(tree: Tree, x: float, y: float) -> float:
    if isinstance(tree, Number):
        return np.float64(tree.value)
    if isinstance(tree, Name):
        return np.float64({"x": x, "y": y, "pi": math.pi, "e": math.e}[tree.name])
    return NUMPY[tree.name](*(in_numpy(each, x, y) for each in tree.arguments))


def leaves() -> st.SearchStrategy[Tree]:
    numbers = st.floats(0, 100, allow_subnormal=False) | st.integers(0, 9).map(float)
    return st.builds(Number, numbers) | st.builds(Name, st.sampled_from(["x", "y", "pi", "e"]))


def applied(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    two = st.builds(lambda sign, a, b: Apply(sign, (a, b)), st.sampled_from("+-*/^"), inner, inner)
    one = st.builds(lambda a: Apply("negate", (a,)), inner)
    called = st.sampled_from(sorted(FUNCTIONS)).flatmap(
        lambda name: st.lists(
            inner, min_size=FUNCTIONS[name].least, max_size=min(FUNCTIONS[name].most, 3)
        ).map(lambda arguments: Apply(name, tuple(arguments)))
    )
    return two | one | called


TREES = st.recursive(leaves(), applied, max_leaves=12)
POINTS = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


@settings(max_examples=400, deadline=None)
@given(TREES)
def test_a_written_tree_reads_back_as_itself(tree: Tree) -> None:
    text = written(tree)
    if len(text) <= LONGEST:
        assert parse(text).tree == tree
        assert parse(text.replace("−", "-").replace("·", " * ").replace("^", "**")).tree == tree


@settings(max_examples=100, deadline=None)
@given(TREES, POINTS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_values_are_those_of_numpy(tree: Tree, point: tuple[float, float]) -> None:
    """To rounding: JAX's functions may differ from NumPy's in the last places, and formulas amplify that."""
    with jax.enable_x64(True), jax.disable_jit():
        found = float(Formula(tree)(np.asarray(point)))
        near = [float(Formula(tree)(np.asarray(point) * (1 + shift))) for shift in (1e-12, -1e-12)]
    expected = float(in_numpy(tree, *point))
    spread = max(abs(found - each) for each in near) if np.all(np.isfinite(near)) else math.inf
    if np.isfinite(expected) and np.isfinite(found) and np.isfinite(spread):
        assert abs(found - expected) <= 1e-9 * abs(expected) + 1e4 * spread + 1e-12
    elif np.isfinite(spread):
        assert np.isfinite(found) == np.isfinite(expected)


BY_HAND: dict[str, Callable[[Any, Any], Any]] = {
    "x": lambda x, y: x,
    "7": lambda x, y: 7 + 0 * x,
    ".5 + 1.": lambda x, y: 1.5 + 0 * x,
    "1.5e-1·x": lambda x, y: 0.15 * x,
    "2e": lambda x, y: 2 * np.e + 0 * x,
    "-x^2": lambda x, y: -(x**2),
    "−x² − 3xy²": lambda x, y: -(x**2) - 3 * x * y**2,
    "2^3^2 + 0x": lambda x, y: 512 + 0 * x,
    "2^-1 * x": lambda x, y: 0.5 * x,
    "x⁻² y¹⁰": lambda x, y: x**-2 * y**10,
    "1/2x": lambda x, y: 0.5 * x,
    "x/2/y": lambda x, y: x / 2 / y,
    "x - y - 1": lambda x, y: x - y - 1,
    "- - +x": lambda x, y: x,
    "2 - -x": lambda x, y: 2 + x,
    "(x + 1)(y − 2)": lambda x, y: (x + 1) * (y - 2),
    "2pi x": lambda x, y: 2 * np.pi * x,
    "2πx × y ÷ 4 ⋅ x": lambda x, y: 2 * np.pi * x * y / 4 * x,
    "3 sin(2x)cos(y)": lambda x, y: 3 * np.sin(2 * x) * np.cos(y),
    "sin(x)^2 + cos(x)**2": lambda x, y: 1 + 0 * x,
    "sin(x)² + cos(x)²": lambda x, y: 1 + 0 * x,
    "tan(x) + atan(y)": lambda x, y: np.tan(x) + np.arctan(y),
    "sinh(x) cosh(y) tanh(x)": lambda x, y: np.sinh(x) * np.cosh(y) * np.tanh(x),
    "exp(-(x^2 + y^2))": lambda x, y: np.exp(-(x**2 + y**2)),
    "log(x^2 + 1) + ln(e)": lambda x, y: np.log(x**2 + 1) + 1,
    "sqrt(abs(x y))": lambda x, y: np.sqrt(np.abs(x * y)),
    "sigmoid(x)": lambda x, y: 1 / (1 + np.exp(-x)),
    "max(x, y, 0) − min(x, y)": lambda x, y: np.maximum(np.maximum(x, y), 0) - np.minimum(x, y),
    "pow(x, 3) + pow(y, 2)": lambda x, y: x**3 + y**2,
    "\tx\n+ y": lambda x, y: x + y,
    "xyxy": lambda x, y: x * x * y * y,
    "x^2.5": lambda x, y: x**2.5,
    "abs(x)^y": lambda x, y: np.abs(x) ** y,
}


@pytest.mark.parametrize("text", BY_HAND)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_formulas_mean_what_people_mean(text: str) -> None:
    points = np.random.default_rng(3).uniform(-2, 2, (50, 2))
    surface = evaluation.from_function(parse(text), SQUARE, (0.5, 0.5))
    np.testing.assert_allclose(
        evaluation.values(surface, points), BY_HAND[text](*points.T), rtol=1e-12, atol=1e-14
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["saddle", "beale", "rosenbrock", "himmelblau", "camel", "hills"])
def test_the_equations_of_shipped_surfaces_can_be_typed(name: str) -> None:
    known = functions.surface(name)
    typed = from_formula(known.equation, known.domain, known.start)
    np.testing.assert_allclose(
        evaluation.grid(typed, 31).z, evaluation.grid(known, 31).z, rtol=1e-12, atol=1e-12
    )
    rate = {"beale": 1e-4, "rosenbrock": 1e-4, "himmelblau": 1e-3}.get(name, 0.01)
    runners = [Runner(rule, rate) for rule in RULES.values()]
    np.testing.assert_allclose(
        follow(typed, runners, 50).points, follow(known, runners, 50).points, rtol=1e-9, atol=1e-12
    )


def test_slopes_of_whole_powers_are_right_at_0_and_below() -> None:
    surface = from_formula("x^3 + y^2 + x^-2·0 + pow(x, 2)", ((0.5, 2), (-1, 1)))
    np.testing.assert_allclose(evaluation.slopes(surface, [(0.7, 0.0), (0.6, -1.0)])[:, 1], [0, -2])
    below = evaluation.from_function(parse("x^2 + x^3"), SQUARE, (0.0, 0.0))
    np.testing.assert_allclose(evaluation.slopes(below, [(-1.0, 0.0), (0.0, 0.0)])[:, 0], [1, 0])


def test_the_same_text_is_the_same_surface_and_compiles_once() -> None:
    first, second = (from_formula(text, SQUARE) for text in ("x^2 + 3 y^2", "x**2+3*y²"))
    assert parse("x + 1") is parse("x + 1")
    assert first is second
    assert first.equation == "x^2 + 3·y^2"
    assert first.start == (-1.2, 2.2)
    assert from_formula("x", SQUARE, (1, 1)).start == (1.0, 1.0)


HOSTILE = {
    "": "empty",
    "   \t": "empty",
    "__import__('os')": "Column 12",
    "__import__": "Column 1 .*no known name",
    "os.system(1)": "Column 3 of the formula has '.'",
    "x.__class__": "Column 2",
    "().__class__.__bases__": "Column 3",
    "lambda x: x": "Column 9",
    "lambda": "Column 1",
    "eval(x)": "Column 1",
    "exec(x)": "Column 1",
    "open(x)": "Column 1",
    "x if y else x": "Column 3 .*no known name",
    "x; y": "Column 2",
    "x = 3": "Column 3",
    "x == y": "Column 3",
    "x < y": "Column 3",
    "x and y": "Column 3",
    "x % 2": "Column 3",
    "x // 2": "Column 4 .*expected",
    "x ^^ 2": "Column 4",
    "x *** 2": "Column 5",
    "x @ y": "Column 3",
    "x & y": "Column 3",
    "x | y": "Column 3",
    "~x": "Column 1",
    "x!": "Column 2",
    "[x]": "Column 1",
    "{x}": "Column 1",
    "x[0]": "Column 2",
    "'x'": "Column 1",
    '"x"': "Column 1",
    "`x`": "Column 1",
    "\\x": "Column 1",
    "$x": "Column 1",
    "#x": "Column 1",
    "x # y": "Column 3",
    "x\0": r"Column 2 .*U\+0000",
    "\0": r"U\+0000",
    "x\x1b[31m": r"U\+001B",
    "x\u202ey": r"U\+202E",
    "x\u200by": r"U\+200B",
    "\ufeffx": r"U\+FEFF",
    "ｘ + ｙ": "Column 1",
    "х": "Column 1",  # a Cyrillic letter
    "𝑥²": "Column 1",
    "x + ٣": "Column 5",
    "１": "Column 1",
    "½x": "Column 1",
    "∞": "Column 1",
    "x\ud800": r"U\+D800",
    "🏔": "Column 1",
    "z": "Column 1 .*x, y, pi",
    "X": "did you mean 'x'",
    "sn(x)": "did you mean 'sin'",
    "nan": "Column 1",
    "inf": "Column 1",
    "j": "Column 1",
    "1j": "Column 2",
    "0x10": "Column 2 .*'x10'",
    "1_000": "Column 2",
    "1e999": "Column 1 .*too large",
    "1e99999999999999": "Column 1 .*too large",
    "1.2.3": "Column 4 .*expected",
    "1,5": "Column 2",
    "2 3": "Column 3",
    "x 2": "Column 3",
    "x +": "Column 4 of the formula is its end",
    "+": "Column 2",
    "* x": "Column 1",
    "(": "Column 2",
    ")": "Column 1",
    "()": "Column 2",
    "(x": "Column 3",
    "x)": "Column 2",
    "(x]": "Column 3",
    "sin": "Column 4 .*'\\(' after sin",
    "sin x": "Column 5",
    "sin()": "Column 5",
    "sin(x, y)": "gives sin 2 arguments: give it 1 value",
    "pow(x)": "gives pow 1 arguments: give it 2 values",
    "max(x)": "2 to 8",
    "max(x,)": "Column 7",
    f"max({','.join('x' * 9)})": "gives max 9 arguments",
    "sin(x": "Column 6",
    "²x": "Column 1",
    "x^": "Column 3",
    "(" * 41 + "x" + ")" * 41: "nested more than 40",
    "(" * 450: "nested more than 40",
    "-" * 100 + "x": "nested more than 40",
    "2^" * 100 + "2": "nested more than 40",
    "sin(" * 60 + "x" + ")" * 60: "nested more than 40",
    "x" * 300: f"more than {LARGEST}",
    "+".join("x" * 200): f"more than {LARGEST}",
    "x" * 501: "501 characters",
    "(" * 10**6 + ")" * 10**6: "2,000,000 characters",
    "9" * 10**6: "1,000,000 characters",
}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_what_is_no_formula_is_refused_in_a_sentence(text: str) -> None:
    began = time.thread_time()
    with pytest.raises(couloir.InputError, match=HOSTILE[text]) as refused:
        parse(text)
    assert time.thread_time() - began < 0.5, "seconds of processor, whatever else runs"
    sentence = str(refused.value)
    assert len(sentence) < 300
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert sentence.isprintable()


def test_there_are_more_than_60_hostile_ones() -> None:
    assert len(HOSTILE) > 60


@pytest.mark.parametrize("given_", [None, 3, b"x", ["x"], {"x": 1}])
def test_what_is_not_text_is_refused(given_: Any) -> None:
    with pytest.raises(couloir.InputError, match="not text"):
        parse(given_)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("xy0123456789.+-*/^() sincoe,²", max_size=40))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except couloir.InputError:
        return
    assert parse(str(found)).tree == found.tree


@pytest.mark.parametrize(
    "text", ["9^9^9^9^9", "x^1e300", "1e300·1e300", "exp(exp(exp(x + 9)))", "pow(9, 9999)"]
)
@pytest.mark.filterwarnings("error")
def test_huge_values_are_infinite_at_once_and_no_surface(text: str) -> None:
    began = time.thread_time()
    with pytest.raises(couloir.InputError, match="no finite value in most of the domain"):
        from_formula(text, ((1.5, 3.0), (0.0, 1.0)))
    assert time.thread_time() - began < 5


def test_a_surface_needs_values_and_a_domain() -> None:
    for text, domain, start, message in (
        ("log(x)", ((-3.0, -1.0), (0.0, 1.0)), None, "no finite value in most"),
        ("log(x)", ((-1.0, 3.0), (0.0, 1.0)), (-0.5, 0.5), "no finite value at the start"),
        ("x", ((1.0, 1.0), (0.0, 1.0)), None, "x0 < x1"),
        ("x", ((0.0, 1.0), (0.0, math.inf)), None, "domain"),
        ("x", SQUARE, (math.nan, 0.0), "start"),
    ):
        with pytest.raises(couloir.InputError, match=message):
            from_formula(text, domain, start)


def test_every_function_is_compared() -> None:
    assert set(FUNCTIONS) <= set(NUMPY)
    assert set(CONSTANTS) == {"pi", "e"}
