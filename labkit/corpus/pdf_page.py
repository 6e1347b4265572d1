"""One page of a PDF: its words, which of them a reader sees, and the lines that it draws.

The page is drawn, too: a word that leaves no trace on the picture is one that no reader sees, however it was hidden
(invisible, in the colour of its ground, covered, outside of the page, on a layer that is off).
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from labkit.corpus.canonical import SUPERSCRIPTS, canonical, quoted
from labkit.corpus.page_layout import Box, Rule

_LINE_END = (2, 0xFFFE)  # PDFium's marks of a hyphen at a line's end


@dataclass
class Page:
    """What a reader sees of a page, in points from its top left."""

    words: list[Box]
    rules: list[Rule]
    aside: list[str]  # what stands at an angle, such as a watermark
    height: float = 0.0


@dataclass(frozen=True)
class _Style:
    invisible: bool
    colour: tuple[int, ...] | None  # None: not known
    turn: float  # which way it runs, in quarters of a circle
    size: float  # 0 where it does not run level


@dataclass
class _Word:
    """A word as the file draws it; `run` is the piece of text that it belongs to."""

    text: str
    box: Rule
    style: _Style
    run: int
    unknown: int  # characters that the font does not explain

    def add(self, text: str, box: Rule, unknown: bool) -> None:
        a = self.box
        self.box = min(a[0], box[0]), min(a[1], box[1]), max(a[2], box[2]), max(a[3], box[3])
        self.text, self.unknown = self.text + text, self.unknown + unknown


def read_page(pdf: Any, number: int) -> tuple[Page, list[str]]:
    """What a reader sees of a page, and what was left out of it.

    Args:
        pdf: an open PdfDocument, its forms initialised.
        number: of the page, from 0.
    """
    from pypdfium2 import raw

    with closing(pdf[number]) as page:
        annotations = [raw.FPDFPage_GetAnnot(page, i) for i in range(raw.FPDFPage_GetAnnotCount(page))]
        kinds = [raw.FPDFAnnot_GetSubtype(annotation) for annotation in annotations]
        ticks = [tick for annotation in annotations if (tick := _tick(pdf, annotation))]
        # Form fields and stamps become part of the page, so that they are read where they are seen.
        raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    notes = ["a comment"] if raw.FPDF_ANNOT_TEXT in kinds else []
    with closing(pdf[number]) as page, closing(page.get_textpage()) as textpage:
        scale = min(1.5, (4e6 / (page.get_width() * page.get_height())) ** 0.5)
        picture = page.render(scale=scale).to_numpy()[:, :, :3].astype(np.int16)
        place = _placing(page, scale)
        words = [replace(w, box=place(w.box)) for w in _words(textpage, page.get_rotation() / 90)]
        drawn = [place(o.get_bounds()) for o in page.get_objects(max_depth=1) if o.type == raw.FPDF_PAGEOBJ_IMAGE]
        rules = list(_rules(page, place))
    unknown = sum(w.unknown for w in words)
    if unknown > 0.2 * sum(len(w.text) for w in words):
        notes.append("its font does not say which letters it shows; it needs text recognition (OCR)")
        return Page([], [], []), notes
    scanned = sum((box[2] - box[0]) * (box[3] - box[1]) for box in drawn) > 0.5 * picture[:, :, 0].size
    recognised = scanned and sum(w.style.invisible for w in words) > 15
    unseen = [_is_hidden(w, picture, scale) and not (recognised and w.style.invisible) for w in words]
    hidden, shown = ([w for w, no in zip(words, unseen, strict=True) if no is kind] for kind in (True, False))
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
    ticked = [_Word(mark, place(box), _Style(False, None, 0, 1), 0, 0) for mark, box in ticks]
    return _upright([*shown, *ticked], rules, picture.shape, scale), notes


def _tick(pdf: Any, annotation: Any) -> tuple[str, Rule] | None:
    """A tick box of a form, which may be drawn without letters: its mark and place in the file."""
    from pypdfium2 import raw

    kinds, box = (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON), raw.FS_RECTF()
    if not pdf.formenv or raw.FPDFAnnot_GetFormFieldType(pdf.formenv, annotation) not in kinds:
        return None
    raw.FPDFAnnot_GetRect(annotation, box)
    mark = "☒" if raw.FPDFAnnot_IsChecked(pdf.formenv, annotation) else "☐"
    return mark, (box.left, box.bottom, box.right, box.top)


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


def _words(textpage: Any, rotation: float) -> Iterator[_Word]:
    """Words in the order in which the file draws them, in its coordinates."""
    from pypdfium2 import raw

    word: _Word | None = None
    styles: dict[int, _Style] = {}
    edge, x, y = raw.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    for i in range(textpage.count_chars()):
        code = raw.FPDFText_GetUnicode(textpage, i)
        char = "-" if code in _LINE_END else chr(code)
        if char.isspace() or not raw.FPDFText_GetLooseCharBox(textpage, i, edge):
            if word:
                yield word
            word = None
            continue
        run = ctypes.cast(raw.FPDFText_GetTextObject(textpage, i), ctypes.c_void_p).value or 0
        if run not in styles:
            styles[run] = _style(textpage, i, rotation, edge.top - edge.bottom)
        style = styles[run]
        box = (edge.left, edge.bottom, edge.right, edge.top)
        if style.size:
            raw.FPDFText_GetCharOrigin(textpage, i, x, y)
            box = (edge.left, y.value - 0.25 * style.size, edge.right, y.value + 0.85 * style.size)
        unknown = raw.FPDFText_HasUnicodeMapError(textpage, i) == 1 or _is_unknown(code)
        if word and _follows(word, box, style):
            raised = char.isdigit() and style.size and _is_raised(word, box)
            word.add("\ufffd" if unknown else char.translate(SUPERSCRIPTS) if raised else char, box, unknown)
        else:
            if word:
                yield word
            word = _Word("\ufffd" if unknown else char, box, style, run, int(unknown))
        if code in _LINE_END:
            yield word
            word = None
    if word:
        yield word


def _is_unknown(code: int) -> bool:
    """Whether a character is none: a control, one for private use, or the sign for a broken one."""
    return (code < 32 and code not in _LINE_END) or 0xE000 <= code < 0xF900 or code == 0xFFFD


def _style(textpage: Any, i: int, rotation: float, height: float) -> _Style:
    """How the piece of text is painted that a character belongs to."""
    from pypdfium2 import raw

    mode = raw.FPDFTextObj_GetTextRenderMode(raw.FPDFText_GetTextObject(textpage, i))
    paint, matrix = [ctypes.c_uint() for _ in range(4)], raw.FS_MATRIX()
    known = raw.FPDFText_GetFillColor(textpage, i, *paint) and mode in (0, 4)
    raw.FPDFText_GetMatrix(textpage, i, matrix)
    size = raw.FPDFText_GetFontSize(textpage, i) * abs(matrix.d)
    level = abs(matrix.b) < 0.01 and 0.4 * size < height < 2 * size
    turn = (-raw.FPDFText_GetCharAngle(textpage, i) / (np.pi / 2) - rotation) % 4
    return _Style(mode in (3, 7), tuple(p.value for p in paint[2::-1]) if known else None, turn, size if level else 0)


def _follows(word: _Word, box: Rule, style: _Style) -> bool:
    """Whether a character goes on with a word: the same way, on the same line, painted alike."""
    a, b = word.style, style
    if (a.invisible, a.colour, a.turn) != (b.invisible, b.colour, b.turn):
        return False
    _, bottom, right, top = word.box
    near = bottom - top < box[0] - right < top - bottom
    return not b.size or (near and min(top, box[3]) - max(bottom, box[1]) > 0.3 * (box[3] - box[1]))


def _is_raised(word: _Word, box: Rule) -> bool:
    height = word.box[3] - word.box[1]
    return box[3] - box[1] < 0.9 * height and box[1] > word.box[1] + 0.12 * height


def _is_hidden(word: _Word, picture: np.ndarray, scale: float) -> bool:
    """Whether a reader of the page does not see a word: no trace of it, the colour of its ground, or too small."""
    left, top, right, bottom = word.box
    x, y = slice(max(0, int(left)), max(0, int(right) + 1)), slice(max(0, int(top)), max(0, int(bottom) + 1))
    inside = picture[y, x].reshape(-1, 3)
    if word.style.invisible or not inside.size or np.ptp(inside, axis=0).max() < 24:
        return True
    if min(bottom - top, right - left if word.style.turn % 2 else bottom - top) < 3 * scale:
        return True
    # Most of a word's box is the ground that it stands on.
    ground = np.median(inside, axis=0)
    return word.style.colour is not None and bool(np.abs(ground - word.style.colour).max() < 24)


def _upright(words: Sequence[_Word], rules: Sequence[Rule], shape: Sequence[int], scale: float) -> Page:
    """A page read in the direction that most of its words run in, in points."""
    turns = Counter(round(w.style.turn) % 4 for w in words for _ in w.text)
    main = turns.most_common(1)[0][0] if turns else 0
    height, width = shape[:2]

    def turned(box: Rule) -> Rule:
        left, top, right, bottom = box
        ways = (box, (height - bottom, left, height - top, right), (width - right, height - bottom, width - left,
                height - top), (top, width - right, bottom, width - left))  # fmt: skip
        a, b, c, d = ways[main]
        return a / scale, b / scale, c / scale, d / scale

    straight = [w for w in words if abs((w.style.turn - main + 2) % 4 - 2) < 0.05]
    boxes = [Box(w.text, *turned(w.box), i, w.run) for i, w in enumerate(straight)]
    rest = [w for w in words if abs((w.style.turn - main + 2) % 4 - 2) >= 0.05]
    aside = [" ".join(w.text for w in run) for _, run in groupby(rest, key=lambda w: w.style.turn)]
    return Page(boxes, [turned(r) for r in rules], aside, (width if main % 2 else height) / scale)


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
