"""PDF files, read by PDFium: what a reader sees, in reading order."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from itertools import takewhile
from pathlib import Path

from labkit.corpus.canonical import PAGE, join_hyphens, quoted, reflow
from labkit.corpus.page_layout import Box, free_rows, join, lines, paragraphs, pieces, starts_inside
from labkit.corpus.pdf_page import Page, read_page

SECONDS = 60
# A number that may be the page's: alone, after a sign or the word for page, or before "of 9".
_PAGE_NUMBER = re.compile(
    r"((?:^|[|–—-]\s*|\b(?:page|p\.|pg\.?|seite|sheet|folio|página|pagina)\s*))(\d{1,4})(?=\s*(?:$|[|/–—-]|of\b|von\b|de\b|/))",
    re.I,
)


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
        notes = [f"{n} attached files: save them beside it"] if (n := pdf.count_attachments()) else []
        notes += ["an XFA form, which only some programs show: print it to a PDF"] * (pdf.get_formtype() in (2, 3))
        end, pages = time.monotonic() + SECONDS, []
        for number in range(len(pdf)):
            if time.monotonic() > end:
                notes.append(f"pages {number + 1} to {len(pdf)}: reading took more than {SECONDS} s; split the file")
                break
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
