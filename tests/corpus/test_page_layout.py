"""Columns of a printed page: each is read to its foot before the next, whatever its lines end with.

The pages are drawn as browsers draw them: column by column, each word of a justified line on its own.
"""

from __future__ import annotations

from itertools import cycle, islice
from textwrap import wrap

import pytest

from labkit.corpus.page_layout import Box, lines, pieces

LETTER, HEIGHT, STEP, WIDTH, GUTTER = 4, 10, 11, 190, 10
TEXT = """
The seller shall deliver the machines to the yard of the buyer on or before the day that the order names, free of
any charge that a third party may hold, and shall give notice of each delay as soon as it is known. Where a delay is
longer than two weeks the buyer may end the order without further notice, claim back what was paid for machines that
were not delivered, and buy them elsewhere; the seller bears what this costs above the price that was agreed upon.
"""
SOURCE = wrap(TEXT, 38)[:-1]


def line(text, left, top, width=None):
    """The words of a line, spread over a width where one is given."""
    words = text.split()
    space = LETTER / 2 if width is None else (width - LETTER * sum(map(len, words))) / max(1, len(words) - 1)
    found = []
    for word in words:
        found.append(Box(word, left, top, left + LETTER * len(word), top + HEIGHT))
        left = found[-1].right + space
    return found


def filled(count, at=None, ending="", skip=0):
    """Lines of a column; one of them, and what it ends with."""
    texts = list(islice(cycle(SOURCE), skip, skip + count))
    return [f"{text[:28]} {ending}" if i == at else text for i, text in enumerate(texts)]


def column(number, texts, top=100.0, last="sum."):
    """The words of a column: lines as wide as it, and a short one."""
    left = 70 + number * (WIDTH + GUTTER)
    parts = [line(text, left, top + STEP * i, WIDTH) for i, text in enumerate(texts)]
    return [word for part in [*parts, line(last, left, top + STEP * len(texts))] for word in part]


def drawn(*parts):
    """Words numbered in the order in which they are drawn."""
    words = [word for part in parts for word in part]
    for order, word in enumerate(words):
        word.order = order
    return words


def read(words):
    return " ".join(found.text for found in lines(words, ()))


def said(words):
    return " ".join(word.text for word in words)


@pytest.mark.parametrize("ending", ["(25)", "(a)", "5", "12.", "iv)", "2.1", "I", "–", "§"])
@pytest.mark.parametrize("at", [0, 4, 9])
def test_a_number_at_the_end_of_a_line_does_not_begin_the_line_beside_it(ending, at):
    words = drawn(column(0, filled(10, at, ending)), column(1, filled(10, at, "and", skip=3)))
    assert read(words) == said(words)


@pytest.mark.parametrize("number", [0, 1])
def test_nor_in_three_columns(number):
    words = drawn(*(column(i, filled(12, 5 if i == number else None, "(25)", skip=2 * i)) for i in range(3)))
    assert read(words) == said(words)


@pytest.mark.parametrize("last", ["sum.", "5.", "(b)", "of thirty (30)"])
@pytest.mark.parametrize(("left", "right"), [(10, 10), (10, 6), (6, 10), (10, 3), (3, 10)])
def test_a_short_last_line_stays_at_the_foot_of_its_column(last, left, right):
    words = drawn(column(0, filled(left), last=last), column(1, filled(right, skip=4), last=last))
    assert read(words) == said(words)


@pytest.mark.parametrize(
    "foot", ["7", "(7)", "1 As the law of the seat says, and no other law, whatever a court holds."]
)
@pytest.mark.parametrize("right", [10, 7])
def test_what_stands_below_both_columns_is_read_last(foot, right):
    middle = 70 + WIDTH + GUTTER / 2
    below = line(foot, 70 if len(foot) > 5 else middle - LETTER * len(foot) / 2, 300)
    words = drawn(column(0, filled(10, 9, "(25)")), column(1, filled(right, skip=3)), below)
    assert read(words) == said(words)


@pytest.mark.parametrize("heading", ["2. Law", "Part 2. What the parties owe one another"])
@pytest.mark.parametrize("higher", [0, 4, 12])
def test_a_heading_over_both_columns_parts_them(heading, higher):
    centred = line(heading, 70 + WIDTH + GUTTER / 2 - LETTER * len(heading) / 2, 200)
    # Below a heading the right column often begins a little higher: the space above a paragraph goes at its top.
    blocks = [[column(0, filled(6, 3, "(25)"), top), column(1, filled(6, skip=5), top - higher)] for top in (112, 240)]
    words = drawn(*blocks[0], centred, *blocks[1])
    assert read(words) == said(words)


@pytest.mark.parametrize("column_by_column", [False, True])
@pytest.mark.parametrize("left", [70, 290])
def test_a_number_is_joined_to_the_clause_that_it_begins(column_by_column, left):
    numbers = [line(f"{i}.", left, 100 + STEP * i) for i in range(1, 9)]
    texts = [line("It pays in time.", left + 25, 100 + STEP * i) for i in range(1, 9)]
    # A list is drawn line by line; a table that holds one, perhaps column by column.
    pairs = [part for pair in zip(numbers, texts, strict=True) for part in pair]
    found = pieces(drawn(*([*numbers, *texts] if column_by_column else pairs)))
    assert [piece.text for piece in found] == [f"{i}. It pays in time." for i in range(1, 9)]


def test_so_is_one_in_the_right_column():
    right = [[*line(f"{i}.", 290, 100 + STEP * i), *line("It pays.", 315, 100 + STEP * i)] for i in range(8)]
    found = pieces(drawn(column(0, filled(8, 5, "(25)")), *right))
    assert [piece.text for piece in found if piece.left == 290] == [f"{i}. It pays." for i in range(8)]


def test_columns_whose_lines_stand_between_one_another_are_columns():
    words = drawn(column(0, ["on"] * 3), column(1, ["off"] * 3, 105.5))
    assert read(words) == said(words)


@pytest.mark.parametrize("sides", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)])
def test_a_letter_s_head_is_read_from_top_to_bottom(sides):
    words = drawn(*(column(side, [], 100 + 20.0 * i, f"Head {i}") for i, side in enumerate(sides)))
    assert read(words) == said(words)
