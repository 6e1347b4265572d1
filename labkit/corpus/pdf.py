"""PDF files, read by PDFium: what a reader sees, in reading order.

Each page is drawn, too: a word that leaves no trace on the picture is one that no reader sees, however it was hidden
(invisible, in the colour of its ground, covered, outside of the page, on a layer that is off).
"""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import Any, NamedTuple

import numpy as np
import pypdfium2 as pdfium
from pypdfium2 import raw

from labkit.corpus.canonical import PAGE, SUPERSCRIPTS, canonical, join_hyphens, quoted, reflow
from labkit.corpus.page_layout import Box, Rule, free_rows, join, lines, paragraphs, pieces, starts_inside

# --------------------------------------------------------------------------------------- one page

_LINE_END = (2, 0xFFFE)  # PDFium's marks of a hyphen at a line's end


@dataclass
class Page:
    """What a reader sees of a page, in points from its top left."""

    words: list[Box]
    rules: list[Rule]
    aside: list[str]  # what stands at an angle, such as a watermark
    height: float = 0.0


class _Style(NamedTuple):
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
    run: int = 0
    unknown: int = 0  # characters that the font does not explain

    def follows(self, box: Rule, style: _Style) -> bool:
        """Whether a character goes on with the word: the same way, on the same line, painted alike."""
        _, bottom, right, top = self.box
        near = bottom - top < box[0] - right < top - bottom
        level = not style.size or (near and min(top, box[3]) - max(bottom, box[1]) > 0.3 * (box[3] - box[1]))
        return level and self.style[:3] == style[:3]

    def add(self, char: str, box: Rule, style: _Style, unknown: bool) -> None:
        """Add a character, a small digit above the line as a superscript."""
        a, height = self.box, self.box[3] - self.box[1]
        raised = style.size and box[3] - box[1] < 0.9 * height and box[1] > a[1] + 0.12 * height
        self.text += char.translate(SUPERSCRIPTS) if raised else char
        self.box = min(a[0], box[0]), min(a[1], box[1]), max(a[2], box[2]), max(a[3], box[3])
        self.unknown += unknown


def read_page(pdf: Any, number: int) -> tuple[Page, list[str]]:
    """What a reader sees of a page, and what was left out of it.

    Args:
        pdf: an open PdfDocument, its forms initialised.
        number: of the page, from 0.
    """
    with closing(pdf[number]) as page:
        annotations = [raw.FPDFPage_GetAnnot(page, i) for i in range(raw.FPDFPage_GetAnnotCount(page))]
        kinds = [raw.FPDFAnnot_GetSubtype(annotation) for annotation in annotations]
        ticks = [tick for annotation in annotations if (tick := _tick(pdf, annotation))]
        # Form fields and stamps become part of the page, so that they are read where they are seen.
        raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    notes = ["a comment"] if raw.FPDF_ANNOT_TEXT in kinds else []
    with closing(pdf[number]) as page:
        page.set_rotation(0)  # which way a page is read is told by its text
        left, bottom, right, top = page.get_bbox()
        width, height = right - left, top - bottom

        def place(box: Rule) -> Rule:  # the file counts upwards
            return box[0] - left, top - box[3], box[2] - left, top - box[1]

        scale = min(1.5, (4e6 / (width * height)) ** 0.5)
        picture = page.render(scale=scale).to_numpy()[:, :, :3].astype(np.int16)
        with closing(page.get_textpage()) as textpage:
            words = [replace(w, box=place(w.box)) for w in _words(textpage)]
        drawn = [o.get_bounds() for o in page.get_objects(max_depth=1) if o.type == raw.FPDF_PAGEOBJ_IMAGE]
        rules = [place(rule) for rule in _rules(page)]
    unknown = sum(w.unknown for w in words)
    if unknown > 0.2 * sum(len(w.text) for w in words):
        notes.append("its font does not say which letters it shows; it needs text recognition (OCR)")
        return Page([], [], []), notes
    scanned = sum((box[2] - box[0]) * (box[3] - box[1]) for box in drawn) > 0.5 * width * height
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
    ticked = [_Word(mark, place(box), _Style(False, None, 0, 1)) for mark, box in ticks]
    return _upright([*shown, *ticked], rules, width, height), notes


def _tick(pdf: Any, annotation: Any) -> tuple[str, Rule] | None:
    """A tick box of a form, which may be drawn without letters: its mark and place in the file."""
    kinds, box = (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON), raw.FS_RECTF()
    if not pdf.formenv or raw.FPDFAnnot_GetFormFieldType(pdf.formenv, annotation) not in kinds:
        return None
    raw.FPDFAnnot_GetRect(annotation, box)
    mark = "☒" if raw.FPDFAnnot_IsChecked(pdf.formenv, annotation) else "☐"
    return mark, (box.left, box.bottom, box.right, box.top)


def _words(textpage: Any) -> list[_Word]:
    """Words in the order in which the file draws them, in its coordinates."""
    words: list[_Word] = []
    goes_on = False
    styles: dict[int, _Style] = {}
    edge, x, y = raw.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    for i in range(textpage.count_chars()):
        code = raw.FPDFText_GetUnicode(textpage, i)
        char = "-" if code in _LINE_END else chr(code)
        if char.isspace() or not raw.FPDFText_GetLooseCharBox(textpage, i, edge):
            goes_on = False
            continue
        run = ctypes.cast(raw.FPDFText_GetTextObject(textpage, i), ctypes.c_void_p).value or 0
        if run not in styles:
            styles[run] = _style(textpage, i, edge.top - edge.bottom)
        style = styles[run]
        box = (edge.left, edge.bottom, edge.right, edge.top)
        if style.size:
            raw.FPDFText_GetCharOrigin(textpage, i, x, y)
            box = (edge.left, y.value - 0.25 * style.size, edge.right, y.value + 0.85 * style.size)
        # A control, a character for private use, or the sign for a broken one is no letter.
        no_letter = (code < 32 and code not in _LINE_END) or 0xE000 <= code < 0xF900 or code == 0xFFFD
        unknown = no_letter or raw.FPDFText_HasUnicodeMapError(textpage, i) == 1
        if not (goes_on and words[-1].follows(box, style)):
            words.append(_Word("", box, style, run))
        words[-1].add("\ufffd" if unknown else char, box, style, unknown)
        goes_on = code not in _LINE_END
    return words


def _style(textpage: Any, i: int, height: float) -> _Style:
    """How the piece of text is painted that a character belongs to."""
    mode = raw.FPDFTextObj_GetTextRenderMode(raw.FPDFText_GetTextObject(textpage, i))
    paint, matrix = [ctypes.c_uint() for _ in range(4)], raw.FS_MATRIX()
    known = raw.FPDFText_GetFillColor(textpage, i, *paint) and mode in (0, 4)
    raw.FPDFText_GetMatrix(textpage, i, matrix)
    size = raw.FPDFText_GetFontSize(textpage, i) * abs(matrix.d)
    level = abs(matrix.b) < 0.01 and 0.4 * size < height < 2 * size
    turn = -raw.FPDFText_GetCharAngle(textpage, i) / (np.pi / 2) % 4
    return _Style(mode in (3, 7), tuple(p.value for p in paint[2::-1]) if known else None, turn, size if level else 0)


def _is_hidden(word: _Word, picture: np.ndarray, scale: float) -> bool:
    """Whether a reader of the page does not see a word: no trace of it, the colour of its ground, or too small."""
    left, top, right, bottom = word.box
    x, y = (slice(max(0, int(a * scale)), max(0, int(b * scale) + 1)) for a, b in ((left, right), (top, bottom)))
    inside = picture[y, x].reshape(-1, 3)
    if word.style.invisible or not inside.size or np.ptp(inside, axis=0).max() < 24:
        return True
    if min(bottom - top, right - left if word.style.turn % 2 else bottom - top) < 3:
        return True
    # Most of a word's box is the ground that it stands on.
    ground = np.median(inside, axis=0)
    return word.style.colour is not None and bool(np.abs(ground - word.style.colour).max() < 24)


def _upright(words: Sequence[_Word], rules: Sequence[Rule], width: float, height: float) -> Page:
    """A page read in the direction that most of its words run in."""
    turns = Counter(round(w.style.turn) % 4 for w in words for _ in w.text)
    main = turns.most_common(1)[0][0] if turns else 0

    def turned(box: Rule) -> Rule:
        left, top, right, bottom = box
        return (box, (height - bottom, left, height - top, right), (width - right, height - bottom, width - left,
                height - top), (top, width - right, bottom, width - left))[main]  # fmt: skip

    straight = [w for w in words if abs((w.style.turn - main + 2) % 4 - 2) < 0.05]
    boxes = [Box(w.text, *turned(w.box), i, w.run) for i, w in enumerate(straight)]
    rest = [w for w in words if abs((w.style.turn - main + 2) % 4 - 2) >= 0.05]
    aside = [" ".join(w.text for w in run) for _, run in groupby(rest, key=lambda w: w.style.turn)]
    return Page(boxes, [turned(r) for r in rules], aside, width if main % 2 else height)


def _rules(page: Any) -> Iterator[Rule]:
    """Straight lines across or down that the page draws: strokes, thin filled bars, and the sides of boxes."""
    for item in page.get_objects(filter=(raw.FPDF_PAGEOBJ_PATH,), max_depth=1):
        left, bottom, right, top = item.get_bounds()
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        raw.FPDFPath_GetDrawMode(item, fill, stroke)
        if min(right - left, top - bottom) < 3:
            yield left, bottom, right, top
        elif stroke.value:
            sides = (side for side in _sides(item) if min(abs(side[0] - side[2]), abs(side[1] - side[3])) < 1)
            yield from ((min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in sides)


def _sides(path: Any) -> Iterator[Rule]:
    """The lines of a path, from and to, in the file's coordinates."""
    x, y = ctypes.c_float(), ctypes.c_float()
    matrix, start, last = path.get_matrix(), (0.0, 0.0), (0.0, 0.0)
    for i in range(raw.FPDFPath_CountSegments(path)):
        segment = raw.FPDFPath_GetPathSegment(path, i)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        kind, point = raw.FPDFPathSegment_GetType(segment), matrix.on_point(x.value, y.value)
        if kind == raw.FPDF_SEGMENT_LINETO:
            yield *last, *point
        start, last = (point if kind == raw.FPDF_SEGMENT_MOVETO else start), point
        if raw.FPDFPathSegment_GetClose(segment):
            yield *last, *start
            last = start


# ------------------------------------------------------------------------------ pages together

# A number that may be the page's: alone, after a sign or the word for page, or before "of 9".
_PAGE_NUMBER = re.compile(
    r"((?:^|[|–—-]\s*|\b(?:page|p\.|pg\.?|seite|sheet|folio|página|pagina)\s*))(\d{1,4})(?=\s*(?:$|[|/–—-]|of\b|von\b|de\b|/))",
    re.I,
)


def read_pdf(content: bytes) -> tuple[str, list[str]]:
    """Text of a PDF with `PAGE` where a page begins, and what was left out of it.

    Raises:
        ValueError: it is encrypted.
        pypdfium2.PdfiumError: it is no PDF.
    """
    try:
        pdf = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as cause:
        if "password" in str(cause).lower():
            raise ValueError("it is encrypted; save a copy without a password.") from None
        raise
    with closing(pdf):
        pdf.init_forms()
        notes = [f"{n} attached files: save them beside it"] if (n := pdf.count_attachments()) else []
        notes += ["an XFA form, which only some programs show: print it to a PDF"] * (pdf.get_formtype() in (2, 3))
        pages = []
        for number in range(len(pdf)):
            try:
                page, left_out = read_page(pdf, number)
            except Exception as cause:  # one broken page must not cost the others
                page, left_out = Page([], [], []), [f"it cannot be read ({cause})"]
            pages.append(page)
            notes += [f"page {number + 1}: {note}" for note in left_out]
    notes += _drop_edges(pages)
    return reflow(join_hyphens(_text(pages))), notes


def _text(pages: Sequence[Page]) -> str:
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


def _drop_edges(pages: Sequence[Page]) -> list[str]:
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


def _at_edge(row: Sequence[Box], page: Page) -> bool:
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
