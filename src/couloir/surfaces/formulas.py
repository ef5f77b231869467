"""Surfaces of formulas that a person types: f(x, y) read by a small grammar of its own, never run as code.

    sum      = product (("+" | "−") product)*
    product  = signed (("·" | "/") signed | power)*        2x(y + 1): a product without a sign
    signed   = ("−" | "+") signed | power
    power    = part superscript* ("^" signed)?             to the right: 2^3^2 = 2^9; −x^2 = −(x^2)
    part     = number | x | y | pi | e | function "(" sum ("," sum)* ")" | "(" sum ")"

A text becomes a tree of numbers, names and known functions, bounded in length, depth and size; what is not in
the grammar is refused with its column. The tree is then evaluated with `jax.numpy`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from couloir.errors import InputError
from couloir.surfaces import evaluation
from couloir.surfaces.endings import minima_in_domain
from couloir.surfaces.evaluation import Domain, Point, Surface

LONGEST = 500
"""Characters of the longest formula."""

DEEPEST = 40
"""How far parentheses, signs and powers may be nested."""

LARGEST = 200
"""Numbers, names, signs and functions in the largest formula."""

WHOLE_POWER = 64
"""Whole exponents up to this size are products of their base."""

CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "e": math.e})
VARIABLES = ("x", "y")


class Number(NamedTuple):
    """A number as it was written."""

    value: float


class Name(NamedTuple):
    """x, y, pi or e."""

    name: str


class Apply(NamedTuple):
    """A function, or the sign between its arguments: + − · / ^, and "negate" for the sign before one."""

    name: str
    arguments: tuple[Any, ...]


Tree = Number | Name | Apply


class _Known(NamedTuple):
    """What a function's name stands for, and how many arguments it takes."""

    function: Callable[..., Any]
    least: int = 1
    most: int = 1


def _all(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def of_all(first: Any, *others: Any) -> Any:
        for other in others:
            first = function(first, other)
        return first

    return of_all


FUNCTIONS: Mapping[str, _Known] = MappingProxyType(
    {
        "sin": _Known(jnp.sin),
        "cos": _Known(jnp.cos),
        "tan": _Known(jnp.tan),
        "atan": _Known(jnp.arctan),
        "sinh": _Known(jnp.sinh),
        "cosh": _Known(jnp.cosh),
        "tanh": _Known(jnp.tanh),
        "exp": _Known(jnp.exp),
        "log": _Known(jnp.log),
        "ln": _Known(jnp.log),
        "sqrt": _Known(jnp.sqrt),
        "abs": _Known(jnp.abs),
        "sigmoid": _Known(jax.nn.sigmoid),
        "max": _Known(_all(jnp.maximum), 2, 8),
        "min": _Known(_all(jnp.minimum), 2, 8),
        "pow": _Known(jnp.power, 2, 2),
    }
)
"""The functions that a formula may use; angles are in radians, log and ln to the base e."""

_SIGNS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"+": jnp.add, "-": jnp.subtract, "*": jnp.multiply, "/": jnp.divide, "negate": jnp.negative}
)
_TIGHTNESS = {"+": 1, "-": 1, "*": 2, "/": 2, "negate": 3, "^": 4}


@dataclass(frozen=True)
class Formula:
    """A formula as a function: JAX, from a point [2] to a number. Two of the same tree are the same.

    Attributes:
        tree: what it computes.
    """

    tree: Tree

    def __call__(self, at: Float[Array, "2"]) -> Float[Array, ""]:
        """The formula's value at a point."""
        names = {"x": at[0], "y": at[1], **{name: jnp.asarray(c, at.dtype) for name, c in CONSTANTS.items()}}
        return _value(self.tree, names, at.dtype)

    def __str__(self) -> str:
        """The formula in a line, which reads back as the same tree."""
        return written(self.tree)


def from_formula(text: str, domain: Domain, start: Point | None = None) -> Surface:
    """The surface of a formula, with the minima that are found in its domain.

    Args:
        text: such as "x^2 + 3 sin(2x) y^2"; see the grammar above and `FUNCTIONS`.
        domain: ((least x, greatest x), (least y, greatest y)).
        start: where descents begin; None: near the domain's upper left.

    Raises:
        InputError: the text is no formula, or has no finite value at the start or nearly anywhere.
    """
    begin = None if start is None else (float(start[0]), float(start[1]))
    (x0, x1), (y0, y1) = domain
    return _surface(parse(text), ((float(x0), float(x1)), (float(y0), float(y1))), begin)


@lru_cache(maxsize=64)
def _surface(formula: Formula, domain: Domain, start: Point | None) -> Surface:
    (x0, x1), (y0, y1) = domain
    corner = (x0 + 0.2 * (x1 - x0), y0 + 0.8 * (y1 - y0))
    begin = start or (float(f"{corner[0]:.4g}"), float(f"{corner[1]:.4g}"))
    made = evaluation.from_function(formula, domain, begin, name="formula")
    text = str(formula)
    heights = evaluation.grid(made, 21).z
    if np.mean(np.isfinite(heights)) < 0.5:
        raise InputError(f"The formula {text} has no finite value in most of the domain: choose another one.")
    if not np.isfinite(evaluation.values(made, [begin])[0]):
        raise InputError(f"The formula {text} has no finite value at the start {begin}: start elsewhere.")
    return replace(made, title=text, equation=text, minima=minima_in_domain(made))


def _value(tree: Tree, names: Mapping[str, Any], precision: Any) -> Any:
    if isinstance(tree, Number):
        with np.errstate(over="ignore"):  # beyond float32 lies infinity
            return jnp.asarray(np.asarray(tree.value).astype(precision))
    if isinstance(tree, Name):
        return names[tree.name]
    values = [_value(each, names, precision) for each in tree.arguments]
    if tree.name in ("^", "pow"):
        # A product where the exponent is a whole number: its slope is right at a base of 0 and below.
        whole = _whole(tree.arguments[1])
        return jnp.power(*values) if whole is None else values[0] ** whole
    known = _SIGNS[tree.name] if tree.name in _SIGNS else FUNCTIONS[tree.name].function
    return known(*values)


def _whole(exponent: Tree) -> int | None:
    """The whole number that an exponent was written as, if it is one of reasonable size."""
    if isinstance(exponent, Apply) and exponent.name == "negate":
        below = _whole(exponent.arguments[0])
        return None if below is None else -below
    if isinstance(exponent, Number) and exponent.value.is_integer() and exponent.value <= WHOLE_POWER:
        return int(exponent.value)
    return None


def written(tree: Tree) -> str:
    """A tree as text, with as few parentheses as its reading needs."""
    if isinstance(tree, Number):
        return repr(tree.value).removesuffix(".0")
    if isinstance(tree, Name):
        return tree.name
    if tree.name not in _TIGHTNESS:
        return f"{tree.name}({', '.join(written(each) for each in tree.arguments)})"
    tightness = _TIGHTNESS[tree.name]
    if tree.name == "negate":
        return f"−{_inside(tree.arguments[0], tightness)}"
    left, right = tree.arguments
    if tree.name == "^":
        return f"{_inside(left, tightness + 1)}^{_inside(right, 3)}"
    sign = {"+": " + ", "-": " − ", "*": "·", "/": "/"}[tree.name]
    return f"{_inside(left, tightness)}{sign}{_inside(right, tightness + 1)}"


def _inside(tree: Tree, tightness: int) -> str:
    """A part of a formula, in parentheses where it holds together less tightly than its surroundings."""
    own = _TIGHTNESS.get(tree.name, 9) if isinstance(tree, Apply) else 9
    return written(tree) if own >= tightness else f"({written(tree)})"


# Reading ----------------------------------------------------------------------------------------------


def parse(text: str) -> Formula:
    """A formula read from text; the same text is the same object, and compiles once.

    Raises:
        InputError: it is no formula; the sentence has the column, counted from 1, and what was expected.
    """
    if not isinstance(text, str):
        raise InputError("The formula is not text: type one, such as x^2 + 3y^2.")
    if len(text) > LONGEST:
        raise InputError(f"The formula has {len(text):,} characters: give at most {LONGEST}.")
    return _parsed(text)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Formula:
    return Formula(_Reader(text).whole())


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


_RAISED = {raised: plain for plain, raised in zip("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", strict=True)}
_SPELLINGS = {"−": "-", "–": "-", "·": "*", "×": "*", "⋅": "*", "∗": "*", "÷": "/", "**": "^", "π": "pi"}
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n\u00a0\u202f]+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+\-−]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*|π)"
    r"|(?P<raised>⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
    r"|(?P<sign>\*\*|[-+*/^(),−–·×⋅∗÷])"
)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _refused(at + 1, f"has {_shown(text[at])}, which no formula has in it")
        if found.lastgroup != "space":
            spelt = _SPELLINGS.get(found[0], found[0])
            kind = "name" if spelt == "pi" else spelt if found.lastgroup == "sign" else str(found.lastgroup)
            # xy is x·y, so that xy² is x·y² and not (x·y)².
            parts = list(spelt) if kind == "name" and set(spelt) <= set(VARIABLES) else [spelt]
            yield from (_Token(kind, part, at + 1 + place) for place, part in enumerate(parts))
        at = found.end()
    yield _Token("end", "", len(text) + 1)


def _shown(text: str) -> str:
    if len(text) == 1 and not text.isprintable():
        return f"the character U+{ord(text):04X}"
    return f"'{text[:20]}…'" if len(text) > 20 else f"'{text}'"


def _refused(column: int, what: str) -> InputError:
    return InputError(f"Column {column} of the formula {what}.")


class _Reader:
    """One formula on its way from text to tree."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = self.depth = self.size = 0

    def whole(self) -> Tree:
        if self.next.kind == "end":
            raise InputError("The formula is empty: type one, such as x^2 + 3y^2.")
        tree = self.sum()
        if self.next.kind != "end":
            raise self.unexpected("a sign such as + or *, or the end")
        return tree

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def unexpected(self, wanted: str) -> InputError:
        token = self.next
        has = "is its end" if token.kind == "end" else f"has {_shown(token.text)}"
        return _refused(token.column, f"{has}: expected {wanted}")

    def made(self, tree: Tree) -> Tree:
        self.size += 1
        if self.size > LARGEST:
            raise InputError(
                f"The formula has more than {LARGEST} numbers, names and signs: give a smaller one."
            )
        return tree

    def sum(self) -> Tree:
        tree = self.product()
        while self.next.kind in ("+", "-"):
            tree = self.made(Apply(self.take().kind, (tree, self.product())))
        return tree

    def product(self) -> Tree:
        tree = self.signed()
        while True:
            if self.next.kind in ("*", "/"):
                tree = self.made(Apply(self.take().kind, (tree, self.signed())))
            elif self.next.kind in ("name", "("):
                tree = self.made(Apply("*", (tree, self.power())))
            else:
                return tree

    def signed(self) -> Tree:
        sign = self.next
        if sign.kind not in ("-", "+"):
            return self.power()
        self.take()
        tree = self.deeper(self.signed)
        return self.made(Apply("negate", (tree,))) if sign.kind == "-" else tree

    def power(self) -> Tree:
        tree = self.part()
        while self.next.kind == "raised":
            tree = self.made(Apply("^", (tree, self.raised())))
        if self.next.kind == "^":
            self.take()
            tree = self.made(Apply("^", (tree, self.deeper(self.signed))))
        return tree

    def raised(self) -> Tree:
        """A superscript's number."""
        digits = "".join(_RAISED[each] for each in self.take().text)
        size = self.made(Number(float(digits.lstrip("-"))))
        return self.made(Apply("negate", (size,))) if digits.startswith("-") else size

    def part(self) -> Tree:
        if self.next.kind == "number":
            return self.number()
        if self.next.kind == "name":
            return self.name()
        if self.next.kind == "(":
            self.take()
            tree = self.deeper(self.sum)
            self.close()
            return tree
        raise self.unexpected("a number, x, y, a function or '('")

    def number(self) -> Tree:
        token = self.take()
        value = float(token.text.replace("−", "-"))
        if not math.isfinite(value):
            raise _refused(token.column, "has a number too large to compute with: give a smaller one")
        return self.made(Number(value))

    def name(self) -> Tree:
        token = self.take()
        if token.text in FUNCTIONS:
            return self.call(token)
        if token.text in VARIABLES or token.text in CONSTANTS:
            return self.made(Name(token.text))
        raise _refused(token.column, f"has {_shown(token.text)}, which is no known name: {_near(token.text)}")

    def call(self, token: _Token) -> Tree:
        if self.next.kind != "(":
            raise self.unexpected(f"'(' after {token.text}")
        self.take()
        arguments = [self.deeper(self.sum)]
        while self.next.kind == ",":
            self.take()
            arguments.append(self.deeper(self.sum))
        self.close()
        known = FUNCTIONS[token.text]
        if not known.least <= len(arguments) <= known.most:
            wanted = str(known.least) if known.least == known.most else f"{known.least} to {known.most}"
            plural = "" if wanted == "1" else "s"
            raise _refused(
                token.column, f"gives {token.text} {len(arguments)} arguments: give it {wanted} value{plural}"
            )
        return self.made(Apply(token.text, tuple(arguments)))

    def close(self) -> None:
        if self.next.kind != ")":
            raise self.unexpected("a sign such as + or *, or ')'")
        self.take()

    def deeper(self, read: Callable[[], Tree]) -> Tree:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _refused(self.next.column, f"is nested more than {DEEPEST} deep: give a simpler formula")
        tree = read()
        self.depth -= 1
        return tree


def _near(name: str) -> str:
    known = (*VARIABLES, *CONSTANTS, *FUNCTIONS)
    near = difflib.get_close_matches(name[:20].lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean '{near[0]}'? There are" if near else "there are"
    return f"{hint} {', '.join(known)}"
