"""PDF files, read by PDFium: what a reader sees on the page, in reading order.

Each page is drawn, too: a word that leaves no trace on the picture is one that no reader sees, however it was hidden
(invisible, in the colour of its ground, covered, outside of the page, on a layer that is off).
"""

from __future__ import annotations

import ctypes
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from labkit.corpus.canonical import PAGE, SUPERSCRIPTS, canonical, join_hyphens, quoted, reflow
from labkit.corpus.page_layout import Box, Rule, free_rows, join, lines, paragraphs, pieces, starts_inside

SECONDS = 60
# A number that may be the page's: alone, after a sign or the word for page, or before "of 9".
_PAGE_NUMBER = re.compile(
    r"((?:^|[|/–—-]\s*|\b(?:page|p\.|pg\.?|seite|sheet|folio|página|pagina)\s*))(\d{1,4})(?=\s*(?:$|[|/–—-]|of\b|von\b|de\b|/))",
    re.I,
)


@dataclass
class _Page:
    words: list[Box]
    rules: list[Rule]
    aside: list[str]  # what stands at an angle, such as a watermark
    height: float = 0.0


@dataclass
class _Word:
    """A word as the file draws it: where (pixels of the page's picture), how it is painted, which way it runs."""

    text: str
    box: Rule
    invisible: bool
    colour: tuple[int, ...] | None
    turn: float  # in quarters of a circle
    unknown: int  # characters that the font does not explain

    def grown(self, text: str, box: Rule, unknown: bool) -> _Word:
        a = self.box
        both = (min(a[0], box[0]), min(a[1], box[1]), max(a[2], box[2]), max(a[3], box[3]))
        return replace(self, text=self.text + text, box=both, unknown=self.unknown + unknown)


def read_pdf(path: Path) -> tuple[str, list[str]]:
    """Text of a PDF with `PAGE` where a page begins, and what was left out of it.

    Raises:
        ValueError: it is encrypted.
        pypdfium2.PdfiumError: it is no PDF.
    """
    import pypdfium2 as pdfium

    try:
        pdf = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as cause:
        if "password" in str(cause).lower():
            raise ValueError("it is encrypted; save a copy without a password.") from None
        raise
    with closing(pdf):
        pdf.init_forms()
        notes = _whole_file(pdf)
        end, pages = time.monotonic() + SECONDS, []
        for number in range(len(pdf)):
            if time.monotonic() > end:
                notes.append(f"pages {number + 1} to {len(pdf)}: reading took more than {SECONDS} s; split the file")
                break
            try:
                page, left_out = _read_page(pdf, number)
            except Exception as cause:  # one broken page must not cost the others
                page, left_out = _Page([], [], []), [f"it cannot be read ({cause})"]
            pages.append(page)
            notes += [f"page {number + 1}: {note}" for note in left_out]
    notes += _drop_edges(pages)
    return reflow(join_hyphens(_text(pages))), notes


def _whole_file(pdf: Any) -> list[str]:
    notes = [f"{n} attached files: save them beside it"] if (n := pdf.count_attachments()) else []
    if pdf.get_formtype() in (2, 3):
        notes.append("an XFA form, which only some programs show: print it to a PDF")
    return notes


def _text(pages: Sequence[_Page]) -> str:
    """Pages joined; a paragraph that runs over goes on behind the page mark."""
    whole, full = "", False
    for number, page in enumerate(pages):
        found, ends_full = paragraphs(lines(page.words, page.rules))
        if whole.strip(PAGE) and (found or page.aside):
            whole += "\n" if full and found and starts_inside(found[0], whole) else "\n\n"
        whole += PAGE * (number > 0) + "\n\n".join([*found, *page.aside])
        full = ends_full and not page.aside if found else full
    return whole


# ------------------------------------------------------------------------- what pages repeat


def _drop_edges(pages: Sequence[_Page]) -> list[str]:
    """Take out the lines that pages repeat at their top and bottom, and watermarks; what they said."""
    rows = [free_rows(page.words, page.rules) for page in pages]
    edges = [[row for row in found if _at_edge(row, page)] for found, page in zip(rows, pages, strict=True)]
    seen = Counter(key for n, found in enumerate(edges) for key in {k for row in found for k in _keys(row, n)})
    marks = Counter(mark for page in pages for mark in set(page.aside))
    dropped: dict[str, None] = {}
    for number, page in enumerate(pages):
        near = [row for row in edges[number] if any(seen[key] > 1 for key in _keys(row, number))]
        gone = [*_edge(rows[number], near), *_edge(rows[number][::-1], near)]
        words = {id(word) for row in gone for word in row}
        page.words = [word for word in page.words if id(word) not in words]
        dropped |= dict.fromkeys([join(row).text for row in gone] + [m for m in page.aside if marks[m] > 1])
        page.aside = [mark for mark in page.aside if marks[mark] == 1]
    return [f"lines that pages repeat: {quoted(list(dropped))}"] if dropped else []


def _at_edge(row: Sequence[Box], page: _Page) -> bool:
    line = join(row)
    return line.bottom < 0.12 * page.height or line.top > 0.88 * page.height


def _edge(rows: Sequence[list[Box]], repeated: Sequence[list[Box]]) -> list[list[Box]]:
    """The lines from the page's edge on that other pages repeat and that stand apart from the rest."""
    count = len(list(takewhile(lambda row: row in repeated, rows)))
    while 0 < count < len(rows):
        last = join(rows[count - 1])
        if abs(join(rows[count]).top - last.top) > 1.5 * last.height:
            break
        count -= 1
    return list(rows[:count])


def _keys(row: Sequence[Box], number: int) -> list[tuple[str, int]]:
    """What a line says, as it is and with the page's number taken out of it, and how high it stands."""
    text = " | ".join(piece.text for piece in pieces(row))
    place = round(join(row).top / 4)
    counted = _PAGE_NUMBER.sub(lambda m: f"{m[1]}#{int(m[2]) - number}", text)
    return [(text, place), (counted, place)]


# ------------------------------------------------------------------------------------------ one page


def _read_page(pdf: Any, number: int) -> tuple[_Page, list[str]]:
    from pypdfium2 import raw

    with closing(pdf[number]) as page:
        count = raw.FPDFPage_GetAnnotCount(page)
        kinds = [raw.FPDFAnnot_GetSubtype(raw.FPDFPage_GetAnnot(page, i)) for i in range(count)]
        # Form fields and stamps become part of the page, so that they are read where they are seen.
        raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    notes = ["a comment"] if raw.FPDF_ANNOT_TEXT in kinds else []
    with closing(pdf[number]) as page, closing(page.get_textpage()) as textpage:
        scale = min(1.5, (4e6 / (page.get_width() * page.get_height())) ** 0.5)
        picture = page.render(scale=scale).to_numpy()[:, :, :3].astype(np.int16)
        place = _placing(page, scale)
        words = list(_words(textpage, place, page.get_rotation() / 90))
        drawn = [place(o.get_bounds()) for o in page.get_objects(max_depth=1) if o.type == raw.FPDF_PAGEOBJ_IMAGE]
        rules = list(_rules(page, place))
    unknown = sum(w.unknown for w in words)
    if unknown > 0.2 * sum(len(w.text) for w in words):
        return _Page([], [], []), [
            *notes,
            "its font does not say which letters it shows; it needs text recognition (OCR)",
        ]
    scanned = sum((box[2] - box[0]) * (box[3] - box[1]) for box in drawn) > 0.5 * picture[:, :, 0].size
    recognised = scanned and sum(w.invisible for w in words) > 15
    hidden = [w for w in words if _is_hidden(w, picture, scale) and not (recognised and w.invisible)]
    shown = [w for w in words if not any(w is h for h in hidden)]
    if recognised:
        notes.append("a scan; the text that another program recognised on it was read")
    elif scanned and len(shown) < 15:
        printed = f" that says {quoted([' '.join(w.text for w in shown)])} beside it" if shown else ""
        notes.append(f"a picture, such as a scan{printed}; it needs text recognition (OCR)")
        shown = []
    elif not words and np.ptp(picture) > 60:
        notes.append("a drawing without text; letters in it need text recognition (OCR)")
    if unknown and shown:
        notes.append(f"{unknown} characters that its font does not explain; they read \ufffd")
    if secret := canonical(" ".join(w.text for w in hidden))[0].strip():
        notes.append(f"hidden text: {quoted([secret])}")
    return _upright(shown, rules, picture.shape, scale), notes


def _placing(page: Any, scale: float) -> Callable[[Sequence[float]], Rule]:
    """What turns a box of the file (left, bottom, right, top) into one on the picture (left, top, right, bottom)."""
    from pypdfium2 import raw

    width, height = (round(100 * scale * side) for side in page.get_size())
    x, y = ctypes.c_int(), ctypes.c_int()

    def device(point: tuple[float, float]) -> np.ndarray:
        raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, *point, x, y)
        return np.array([x.value, y.value]) / 100

    zero = device((0, 0))
    along, up = (device((1000, 0)) - zero) / 1000, (device((0, 1000)) - zero) / 1000

    def place(box: Sequence[float]) -> Rule:
        (a, b), (c, d) = (zero + box[i] * along + box[i + 1] * up for i in (0, 2))
        return min(a, c), min(b, d), max(a, c), max(b, d)

    return place


def _words(textpage: Any, place: Callable[[Sequence[float]], Rule], rotation: float) -> Iterator[_Word]:
    """Words in the order in which the file draws them."""
    from pypdfium2 import raw

    word: _Word | None = None
    styles: dict[Any, tuple[bool, tuple[int, ...] | None, float]] = {}
    edge = raw.FS_RECTF()
    for i in range(textpage.count_chars()):
        code = raw.FPDFText_GetUnicode(textpage, i)
        char = "-" if code in (2, 0xFFFE) else chr(code)  # PDFium's marks of a hyphen at a line's end
        if char.isspace() or not raw.FPDFText_GetLooseCharBox(textpage, i, edge):
            if word:
                yield word
            word = None
            continue
        box = place((edge.left, edge.bottom, edge.right, edge.top))
        key = ctypes.cast(raw.FPDFText_GetTextObject(textpage, i), ctypes.c_void_p).value
        if key not in styles:
            styles[key] = _style(textpage, i, rotation)
        unknown = raw.FPDFText_HasUnicodeMapError(textpage, i) == 1 or (code < 32 and code != 2) or _private(code)
        char = "\ufffd" if unknown else char
        if word and _follows(word, box, styles[key]):
            if char.isdigit() and word.turn < 0.05 and _is_raised(word, box):
                char = char.translate(SUPERSCRIPTS)
            word = word.grown(char, box, unknown)
        else:
            if word:
                yield word
            word = _Word(char, box, *styles[key], unknown)
        if code in (2, 0xFFFE):
            yield word
            word = None
    if word:
        yield word


def _private(code: int) -> bool:
    return 0xE000 <= code < 0xF900 or code == 0xFFFD


def _style(textpage: Any, i: int, rotation: float) -> tuple[bool, tuple[int, ...] | None, float]:
    """Whether a character is drawn invisibly, its colour (None: not known), and which way it runs."""
    from pypdfium2 import raw

    mode = raw.FPDFTextObj_GetTextRenderMode(raw.FPDFText_GetTextObject(textpage, i))
    paint = [ctypes.c_uint() for _ in range(4)]
    known = raw.FPDFText_GetFillColor(textpage, i, *paint) and mode in (0, 4)
    turn = -raw.FPDFText_GetCharAngle(textpage, i) / (np.pi / 2) - rotation
    return mode in (3, 7), tuple(p.value for p in paint[2::-1]) if known else None, turn % 4


def _follows(word: _Word, box: Rule, style: tuple[bool, tuple[int, ...] | None, float]) -> bool:
    """Whether a character goes on with a word: the same way, on the same line, painted alike."""
    if (word.invisible, word.colour, word.turn) != style:
        return False
    if word.turn > 0.05:
        return True
    a, height = word.box, word.box[3] - word.box[1]
    return -height < box[0] - a[2] < height and min(a[3], box[3]) - max(a[1], box[1]) > 0.3 * (box[3] - box[1])


def _is_raised(word: _Word, box: Rule) -> bool:
    height = word.box[3] - word.box[1]
    return box[3] - box[1] < 0.9 * height and box[3] < word.box[3] - 0.12 * height


def _is_hidden(word: _Word, picture: np.ndarray, scale: float) -> bool:
    """Whether a reader of the page does not see a word: no trace of it, the colour of its ground, or too small."""
    left, top, right, bottom = word.box
    x, y = slice(max(0, int(left)), max(0, int(right) + 1)), slice(max(0, int(top)), max(0, int(bottom) + 1))
    inside = picture[y, x].reshape(-1, 3)
    if word.invisible or not inside.size or np.ptp(inside, axis=0).max() < 24:
        return True
    if min(bottom - top, right - left if word.turn % 2 else bottom - top) < 3 * scale:
        return True
    if word.colour is None:
        return False
    around = picture[max(0, y.start - 1) : y.stop + 1, max(0, x.start - 1) : x.stop + 1]
    ring = np.concatenate([around[0], around[-1], around[:, 0], around[:, -1]])
    return bool(np.abs(np.median(ring, axis=0) - word.colour).max() < 24)


def _upright(words: Sequence[_Word], rules: Sequence[Rule], shape: Sequence[int], scale: float) -> _Page:
    """A page read in the direction that most of its words run in, in points."""
    turns = Counter(round(w.turn) % 4 for w in words for _ in w.text)
    main = turns.most_common(1)[0][0] if turns else 0
    height, width = shape[:2]

    def turned(box: Rule) -> Rule:
        left, top, right, bottom = box
        ways = (box, (height - bottom, left, height - top, right), (width - right, height - bottom, width - left,
                height - top), (top, width - right, bottom, width - left))  # fmt: skip
        a, b, c, d = ways[main]
        return a / scale, b / scale, c / scale, d / scale

    straight = [w for w in words if abs((w.turn - main + 2) % 4 - 2) < 0.05]
    boxes = [Box(w.text, *turned(w.box), i) for i, w in enumerate(straight)]
    rest = [w for w in words if not any(w is s for s in straight)]
    aside = [" ".join(w.text for w in run) for _, run in groupby(rest, key=lambda w: w.turn)]
    return _Page(boxes, [turned(r) for r in rules], aside, (width if main % 2 else height) / scale)


def _rules(page: Any, place: Callable[[Sequence[float]], Rule]) -> Iterator[Rule]:
    """Straight lines across or down that the page draws: strokes, thin filled bars, and the sides of boxes."""
    from pypdfium2 import raw

    for item in page.get_objects(filter=(raw.FPDF_PAGEOBJ_PATH,), max_depth=1):
        bounds = item.get_bounds()
        if min(bounds[2] - bounds[0], bounds[3] - bounds[1]) < 3:
            yield place(bounds)
            continue
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        raw.FPDFPath_GetDrawMode(item, fill, stroke)
        points = list(_points(item)) if stroke.value else []
        for (_, a, b), (kind, c, d) in pairwise(points):
            if kind == raw.FPDF_SEGMENT_LINETO and min(abs(a - c), abs(b - d)) < 1:
                yield place((min(a, c), min(b, d), max(a, c), max(b, d)))


def _points(path: Any) -> Iterator[tuple[int, float, float]]:
    """The corners of a path: kind of segment, and where in the file's coordinates."""
    from pypdfium2 import raw

    x, y = ctypes.c_float(), ctypes.c_float()
    matrix, start = path.get_matrix(), (0.0, 0.0)
    for i in range(raw.FPDFPath_CountSegments(path)):
        segment = raw.FPDFPath_GetPathSegment(path, i)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        kind, point = raw.FPDFPathSegment_GetType(segment), matrix.on_point(x.value, y.value)
        start = point if kind == raw.FPDF_SEGMENT_MOVETO else start
        yield kind, *point
        if raw.FPDFPathSegment_GetClose(segment):
            yield raw.FPDF_SEGMENT_LINETO, *start
