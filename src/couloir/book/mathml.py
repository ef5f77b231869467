r"""Equations for the book: a line of text in, MathML out, which browsers set without any script.

The notation is a small part of TeX's: `_` and `^` take the next sign or a group in braces; `\frac{a}{b}`,
`\sqrt{a}`, `\hat{a}`, `\text{words}`, `\b{w}` (bold, for vectors) and names of functions such as `\max` are
all the commands there are. Everything else is written as it looks: `∂`, `∇`, `λ`, `←`, `∑`.
"""

from __future__ import annotations

import html
import re

_TOKEN = re.compile(r"\\text\{[^}]*\}|\\[a-z]+|[0-9]+(?:[.,][0-9]+)*|\S")
_LARGE = "∑∏"
_OPERATORS = frozenset("+−=<>≤≥≈≠·×⊙/|,;:()[]←→∂∇±…∈" + _LARGE)
_TIGHT = dict.fromkeys("∂∇", ' form="prefix" lspace="0" rspace="0"')
_TIGHT["|"] = ' stretchy="false" lspace="0" rspace="0"'
_FUNCTIONS = ("log", "exp", "max", "min", "tanh", "cos")
_WORDS = "\\text{"


def equation(text: str, display: bool = False) -> str:
    r"""An equation as `W ← W − α \frac{g}{\sqrt{G + ε}}`, or one to be displayed, as a `math` element.

    Raises:
        ValueError: braces that do not match, or a command that there is not.
    """
    content = _Reader(_TOKEN.findall(text)).row()
    mode = ' display="block"' if display else ""
    return f"<math{mode}><mrow>{content}</mrow></math>"


class _Reader:
    """Reads the signs of one equation from left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]

    @property
    def ahead(self) -> str:
        """The next sign; nothing at the end."""
        return self.tokens[-1] if self.tokens else ""

    def take(self) -> str:
        """The next sign, which is then behind us."""
        if not self.tokens:
            raise ValueError("The equation ends too early.")
        return self.tokens.pop()

    def row(self, until: str = "") -> str:
        """Everything up to a closing sign, or else to the end."""
        parts = []
        while self.ahead not in ("", "}", ")"):
            parts.append(self.scripted())
        if self.ahead != until:
            raise ValueError(f"The equation has '{self.ahead}' where '{until or 'its end'}' belongs.")
        if until:
            self.take()
        return "".join(parts)

    def scripted(self) -> str:
        """One thing with its index and its exponent."""
        low_kind, high_kind = ("under", "over") if self.ahead in tuple(_LARGE) else ("sub", "sup")
        base, low, high = self.thing(), "", ""
        while self.ahead in ("_", "^"):
            if self.take() == "_":
                low = self.thing()
            else:
                high = self.thing()
        kind = (low_kind if low else "") + (high_kind if high else "")
        return f"<m{kind}>{base}{low}{high}</m{kind}>" if kind else base

    def thing(self) -> str:
        """A sign, a command with what it takes, or a group in braces."""
        token = self.take()
        if token == "{":
            return f"<mrow>{self.row('}')}</mrow>"
        if token == "(":  # a row of its own: parentheses grow with what they hold, not with what is beside
            return f"<mrow><mo>(</mo>{self.row(')')}<mo>)</mo></mrow>"
        if token.startswith(_WORDS):
            return f"<mtext>{html.escape(token[len(_WORDS) : -1]).replace(' ', '&#160;')}</mtext>"
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token in _OPERATORS:
            return f"<mo{_TIGHT.get(token, '')}>{html.escape(token)}</mo>"
        return f"<mi>{html.escape(token)}</mi>"

    def command(self, name: str) -> str:
        """What a backslash begins."""
        if name in _FUNCTIONS:
            return f"<mi>{name}</mi><mo>&#8289;</mo>"
        if name == "frac":
            return f"<mfrac>{self.thing()}{self.thing()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self.thing()}</msqrt>"
        if name == "hat":
            return f'<mover accent="true">{self.thing()}<mo stretchy="false">^</mo></mover>'
        if name == "b":
            return self.thing().replace("<mi>", '<mi class="bold">')
        raise ValueError(f"There is no command \\{name} in the book's equations.")
