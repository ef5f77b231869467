"""What the terminal says of a portfolio."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from couloir.cli import portfolio, results, standings
from synthetic_portfolio import portfolio as made
from synthetic_run import digits


def printed(table: object, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "how", [{}, {"folds": False}, {"tested": False}, {"regression": True}, {"distilled": 0.16}]
)
def test_tables_fit_a_terminal_of_eighty_columns(how):
    run = made(**how)
    for table in (portfolio.board(run), standings.finalists(run.record)):
        assert "…" not in printed(table)


def test_the_board_has_a_line_for_each_network_with_its_part_of_the_average():
    lines = printed(portfolio.board(made())).splitlines()
    best = next(line for line in lines if "256-256" in line)
    assert best.split()[:4] == ["standard", "·", "256-256", "silu"]
    assert "0.11" in best
    assert "62.5 %" in best
    assert "rate 0.01, no dropout" in best
    assert len([line for line in lines if "·" in line]) == 4


def test_the_lines_say_what_mattered_and_what_the_average_gained():
    told = list(portfolio.trained_lines(made()))
    assert told[0][0] == "trained"
    assert told[0][1].startswith("6 settings in 2 folds in 6.4 s")
    assert [label for label, _ in told if label] == ["trained", "mattered", "average"]
    text = " ".join(text for _, text in told)
    assert "with another encoding or hidden units, 10 %" in text
    assert "the average 0.099: 10 % less" in text
    assert "\u202f" not in text


def test_the_last_line_names_what_it_scores():
    average = results.winner_words(made().record)
    assert average.startswith("average of 2 settings, 4 networks: test accuracy")
    small = made(distilled=0.16)
    assert results.winner_words(small.record).startswith("the distilled network: test accuracy")
    told = dict(portfolio.trained_lines(small))
    assert "it keeps 80 % of the average's gain" in told["distilled"]
    alone = results.winner_words(made(weights={0: 1.0}).record)
    assert alone.startswith("encoding standard with 256-256 silu units, rate 0.01, 2 networks: test accuracy")
    assert results.winner_words(digits().record).startswith("adam at learning rate")
    untested = results.winner_words(made(tested=False).record)
    assert untested.endswith("where it was chosen; nothing was tested")
