"""Python on a page: comments, texts and keywords are marked, nothing else is changed."""

from __future__ import annotations

import html
import io
import keyword
import tokenize
from itertools import accumulate

_KINDS = {tokenize.COMMENT: "c", tokenize.STRING: "s"}
_KINDS |= {
    getattr(tokenize, name): "s"
    for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
    if hasattr(tokenize, name)
}


def marked(code: str) -> str:
    """The code as HTML whose text is the code, letter by letter."""
    starts = [0, *accumulate(len(line) for line in code.splitlines(keepends=True))]
    done, parts = 0, []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        kind = _KINDS.get(token.type)
        if token.type == tokenize.NAME and keyword.iskeyword(token.string):
            kind = "k"
        if kind is None:
            continue
        begin = starts[token.start[0] - 1] + token.start[1]
        end = starts[token.end[0] - 1] + token.end[1]
        before, own, done = html.escape(code[done:begin]), html.escape(code[begin:end]), end
        parts += [before, f'<span class="{kind}">{own}</span>']
    return "".join([*parts, html.escape(code[done:])])
