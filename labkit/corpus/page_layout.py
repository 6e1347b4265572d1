"""Reading order: the words of a printed page as lines, columns, tables and paragraphs.

Columns and tables are both words beside words. What tells them from one another is the order in which the file
draws them: a column from top to bottom, a table row by row. Lines of prose as wide as their column are never cells.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise, takewhile
from statistics import median

from labkit.corpus.canonical import join_hyphens, table_text

_MARKER = re.compile(r"[(\[]?(\d{1,3}|[A-Za-z]|[ivxlIVXL]{1,5}|\d+(\.\d+)+)[.)\]]\.?|\d+(\.\d+)*|§+|[-–—•▪●○◦■‣⁃*]")
_STARTS = re.compile(
    r"([(\[]?(\d{1,3}|[a-zA-Z]|[ivx]{1,5}|\d+(\.\d+)+)[.)\]]|(clause|article|section|§)\s*\d+|[•▪●◦–—-])\s", re.I
)


@dataclass
class Box:
    """A word, a piece of a line, or a table: where it stands (points, from the top left) and what it says.

    `order` is its place in the file; `run`, the piece of text that it is drawn with; `rows`, the cells of a table.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    order: int = 0
    run: int = 0
    rows: list[list[str]] = field(default_factory=list)

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def beside(self, other: "Box") -> bool:
        """Whether both stand on one line."""
        shared = min(self.bottom, other.bottom) - max(self.top, other.top)
        return shared > 0.5 * min(self.height, other.height)

    def covers(self, other: "Box") -> bool:
        """Whether one stands above or on the other."""
        return min(self.right, other.right) - max(self.left, other.left) > 2


Rule = tuple[float, float, float, float]  # left, top, right, bottom of a drawn line


def join(pieces: Sequence[Box]) -> Box:
    """Boxes as one."""
    left, top = min(b.left for b in pieces), min(b.top for b in pieces)
    right, bottom = max(b.right for b in pieces), max(b.bottom for b in pieces)
    rows = [row for b in pieces for row in b.rows]
    return Box(" ".join(b.text for b in pieces), left, top, right, bottom, min(b.order for b in pieces), rows=rows)


def lines(words: Sequence[Box], rules: Sequence[Rule]) -> list[Box]:
    """The lines and tables of a page in reading order."""
    tables, free = _ruled_tables(words, rules)
    return list(_ordered([*pieces(free), *tables]))


def free_rows(words: Sequence[Box], rules: Sequence[Rule]) -> list[list[Box]]:
    """The words outside of tables by line, from top to bottom."""
    return _rows(_ruled_tables(words, rules)[1])


def pieces(words: Sequence[Box]) -> list[Box]:
    """Words joined to pieces of lines, parted where the gap is wider than between words."""
    found: list[list[Box]] = []
    for row in _rows(words):
        found.append([row[0]])
        for last, word in pairwise(row):
            gap = word.left - last.right
            # "(25)" that ends a line of the left column does not begin the line beside it: that was drawn much later.
            drawn_next = last is row[0] or word.order == last.order + 1
            marker = drawn_next and len(found[-1]) == 1 and _MARKER.fullmatch(last.text)
            near = gap < 0.55 * min(last.height, word.height) or (word.run and word.run == last.run)
            if near or (marker and gap < 5 * last.height):
                found[-1].append(word)
            else:
                found.append([word])
    return [join(piece) for piece in found]


def _rows(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes by line, from top to bottom, each from left to right."""
    found: list[list[Box]] = []
    for box in sorted(boxes, key=lambda b: b.top + b.bottom):
        row = found[-1] if found else []
        if any(box.beside(other) for other in row[-3:]) and not any(box.covers(other) for other in row):
            found[-1].append(box)
        else:
            found.append([box])
    return [sorted(row, key=lambda b: b.left) for row in found]


def _ordered(boxes: Sequence[Box]) -> Iterator[Box]:
    """Boxes in reading order: bands of the page that share a gutter are columns or a table, the rest lines."""
    rows = _rows(boxes)
    band: list[list[Box]] = []
    gutters: list[tuple[float, float]] = []
    for i, row in enumerate(rows):
        shared = _shared(gutters, _gaps(row)) if band else _gaps(row)
        divided = _dividing(band, gutters) or _dividing([row], _gaps(row))
        heading = _is_heading(rows, i) or (i > 0 and _is_heading(rows, i - 1))
        if band and (heading or (divided and not _dividing([*band, row], shared))):
            yield from _read_band(band, gutters)
            band, shared = [], _gaps(row)
        band, gutters = [*band, row], shared
    if band:
        yield from _read_band(band, gutters)


def _is_heading(rows: Sequence[list[Box]], i: int) -> bool:
    """Whether a line stands over the columns above and below it: it reaches over where each but the first begins."""
    sides = (rows[:i][::-1], rows[i + 1 :])
    starts = [start for side in sides for start in next(filter(None, map(_column_starts, side)), [])]
    return len(rows[i]) == 1 and starts != [] and all(rows[i][0].left + 2 < x < rows[i][0].right - 2 for x in starts)


def _column_starts(row: Sequence[Box]) -> list[float]:
    """Where the columns of a line begin, except the first: the rest of the column before it was drawn in between."""
    return [b.left for a, b in pairwise(row) if b.order != a.order + len(a.text.split())]


def _dividing(band: Sequence[list[Box]], gutters: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The gutters that have something on either side."""
    left, right = (min((row[0].left for row in band), default=0), max((row[-1].right for row in band), default=0))
    return [gutter for gutter in gutters if left < gutter[0] and gutter[1] < right]


def _gaps(row: Sequence[Box]) -> list[tuple[float, float]]:
    """Free stretches of a line, with those before and after it."""
    edges = [(-1e6, row[0].left), *((a.right, b.left) for a, b in pairwise(row)), (row[-1].right, 1e6)]
    return [gap for gap in edges if gap[1] - gap[0] > 6]


def _shared(some: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    both = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return [gap for gap in both if gap[1] - gap[0] > 6]


def _read_band(band: Sequence[list[Box]], gutters: Sequence[tuple[float, float]]) -> Iterator[Box]:
    boxes = [box for row in band for box in row]
    inner = _dividing(band, gutters)
    if not inner:
        yield from (piece for row in band for piece in ([join(row)] if not any(b.rows for b in row) else row))
        return
    start, end = max(inner, key=lambda g: g[1] - g[0])
    sides = [box.left >= start for box in sorted(boxes, key=lambda b: b.order)]
    both = [row for row in band if row[0].left < start <= row[-1].left]
    left, right = [b for b in boxes if b.left < start], [b for b in boxes if b.left >= start]
    one_by_one = sum(a != b for a, b in pairwise(sides)) <= len(both) / 2 if both else sides == sorted(sides)
    if any(b.rows for b in boxes) or one_by_one or (_is_prose(left) and _is_prose(right)):
        yield from _ordered(left)
        yield from _ordered(right)
    elif not both or (len(both) > 1 and not _is_table(both, start, end)):
        yield from (join(row) for row in band)  # words that stand wide apart in justified lines, or a letter's head
    else:
        yield from _read_table(band, start, {id(row) for row in both})


def _is_prose(boxes: Sequence[Box]) -> bool:
    """Whether most lines are as wide as the column, and of several words."""
    widths = [box.right - box.left for box in boxes]
    filled = sum(width > 0.8 * max(widths) for width in widths)
    return len(boxes) > 3 and filled > 0.6 * len(boxes) and median(len(box.text.split()) for box in boxes) > 3


def _is_table(rows: Sequence[list[Box]], start: float, end: float) -> bool:
    """Whether what stands right of a gutter begins at one place, or is numbers, and not by chance."""
    second = [next(box for box in row if box.left >= start) for row in rows]
    usual = median(box.left for box in second)
    aligned = sum(abs(box.left - usual) < 3 or any(c.isdigit() for c in box.text) for box in second)
    return aligned > 0.7 * len(second) and (len(rows) > 3 or end - start > 2 * second[0].height)


def _read_table(band: Sequence[list[Box]], start: float, full: set[int]) -> Iterator[Box]:
    """A table without rules; a line whose first column is empty goes on with the row above."""
    places = [i for i, row in enumerate(band) if id(row) in full]
    first, last = places[0], places[-1]
    while last + 1 < len(band) and band[last + 1][0].left >= start:
        last += 1
    yield from (join(row) for row in band[:first])
    table = band[first : last + 1]
    starts = [gutter[0] for gutter in _dividing(table, reduce(_shared, map(_gaps, table)))]
    cells: list[list[str]] = []
    for row in table:
        texts = [""] * (len(starts) + 1)
        for box in row:
            column = sum(box.left >= start for start in starts)
            texts[column] = f"{texts[column]} {box.text}".strip()
        if cells and not texts[0]:
            cells[-1] = [f"{a}\n{b}".strip() for a, b in zip(cells[-1], texts, strict=True)]
        else:
            cells.append(texts)
    whole = join([box for row in table for box in row])
    whole.rows = cells if len(cells) > 1 else []
    yield whole
    yield from _ordered([box for row in band[last + 1 :] for box in row])


# ------------------------------------------------------------------------------------ tables with rules


def _ruled_tables(words: Sequence[Box], rules: Sequence[Rule]) -> tuple[list[Box], list[Box]]:
    """Tables that are drawn with lines in both directions, and the words outside of them.

    A word's cell is known by the nearest line above and the nearest to the left, so that merged cells are one.
    """
    tables, free = [], list(words)
    for area in _grids(rules):
        across = [r for r in area if r[2] - r[0] > r[3] - r[1]]
        upright = [r for r in area if r[2] - r[0] <= r[3] - r[1]]
        left, top, right, bottom = (side(r[i] for r in area) for i, side in enumerate((min, min, max, max)))
        cells: dict[tuple[float, float], list[Box]] = {}
        for word in free:
            x, y = (word.left + word.right) / 2, (word.top + word.bottom) / 2
            if left < x < right and top < y < bottom:
                above = max((r[1] for r in across if r[1] <= y and r[0] - 2 <= x <= r[2] + 2), default=top)
                before = max((r[0] for r in upright if r[0] <= x and r[1] - 2 <= y <= r[3] + 2), default=left)
                cells.setdefault((above, before), []).append(word)
        tops, lefts = _steps([key[0] for key in cells]), _steps([key[1] for key in cells])
        if len(lefts) < 2:
            continue
        grid = [[""] * len(lefts) for _ in tops]
        for (above, before), inside in cells.items():
            row, column = bisect_right(tops, above) - 1, bisect_right(lefts, before) - 1
            text = "\n".join(line.text for line in lines(inside, ()))
            grid[row][column] = f"{grid[row][column]}\n{text}".strip()
        taken = {id(word): word.order for inside in cells.values() for word in inside}
        tables.append(Box("", left, top, right, bottom, min(taken.values()), rows=grid))
        free = [word for word in free if id(word) not in taken]
    return tables, free


def _steps(places: Sequence[float]) -> list[float]:
    """Places in order, those that are as good as one taken as the first of them."""
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > 3:
            found.append(place)
    return found


def _grids(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Drawn lines that touch one another, where they run both ways."""
    groups: list[list[Rule]] = []
    for rule in rules:
        touching = [g for g in groups if any(_touch(rule, other) for other in g)]
        groups = [g for g in groups if g not in touching]
        groups.append([rule, *(r for g in touching for r in g)])
    return [g for g in groups if sum(r[2] - r[0] <= r[3] - r[1] for r in g) > 1 and len(g) > 3]


def _touch(a: Rule, b: Rule) -> bool:
    return a[0] - 4 <= b[2] and b[0] - 4 <= a[2] and a[1] - 4 <= b[3] and b[1] - 4 <= a[3]


# ----------------------------------------------------------------------------------------- paragraphs


def paragraphs(boxes: Sequence[Box]) -> tuple[list[str], bool]:
    """Lines joined to paragraphs, tables as text; and whether the last line is full, so that it may go on.

    A paragraph ends where the next line stands lower than usual, is of another size, begins with a number or
    bullet, or where its first word would have fitted on the line before.
    """
    found: list[str] = []
    edge = 0.0
    for i, box in enumerate(boxes):
        last = boxes[i - 1] if i else None
        if last is None or not _in_column(last, box):
            column = takewhile(lambda pair: _in_column(*pair), pairwise(boxes[i:]))
            followers = [box, *(line for _, line in column)]
            edge = max(line.right for line in followers)
            steps = (b.top - a.top for a, b in pairwise(followers))
            usual = min((step for step in steps if step > 0.8 * box.height), default=box.height)
        if box.rows:
            found.append(table_text([[join_hyphens(cell) for cell in row] for row in box.rows]))
        elif last and not last.rows and _goes_on(last, box, usual, edge):
            found[-1] += f"\n{box.text}"
        else:
            found.append(box.text)
    full = bool(boxes) and not boxes[-1].rows and boxes[-1].right > edge - 6 * boxes[-1].height
    return found, full


def _in_column(last: Box, line: Box) -> bool:
    """Whether a line stands below another in one column."""
    step = line.top - last.top
    return not (last.rows or line.rows) and 0 < step < 2.5 * last.height and abs(line.left - last.left) < 60


def _goes_on(last: Box, line: Box, usual: float, edge: float) -> bool:
    if not _in_column(last, line):
        return line.top < last.top and starts_inside(line.text, last.text)  # the next column
    first = line.text.split()[0]
    width = (line.right - line.left) * len(first) / max(1, len(line.text))
    full = last.right + width + 0.5 * last.height > edge
    ended = last.text.endswith((".", ":", ";"))
    return (
        line.top - last.top < 1.3 * max(usual, 0.9 * last.height)
        and abs(line.height - last.height) < 0.12 * last.height
        and (full or (line.text[:1].islower() and not ended))
        and not (_STARTS.match(line.text) and (ended or not full or last.text.endswith((",", " and", " or"))))
    )


def starts_inside(text: str, before: str) -> bool:
    """Whether a text that begins a page or column goes on with the paragraph before it."""
    return not _STARTS.match(text) and (text[:1].islower() or not before.rstrip().endswith((".", ":", ";", "!", "?")))
