"""Forty files of several producers: no word lost, none invented, in the order in which they were written."""

from __future__ import annotations

import html
import importlib.util
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from synthesis.archive.formats import blocks

from labkit import corpus, paths
from labkit.corpus.canonical import canonical

SHIPPED = Path(__file__).resolve().parents[1] / "data" / "files"
LOOKS = [  # columns, size in points, alignment, header and footer
    (1, 11, "left", True),
    (2, 9, "justify", True),
    (1, 8, "justify", False),
    (1, 12, "justify", True),
]


def written(count):
    """Texts of the course's contracts."""
    found = sorted((paths.data() / "contracts").glob("C???.txt"))[:count]
    return [path.read_text(encoding="utf-8").strip() for path in found]


def as_html(text, look):
    columns, size, align, _ = look
    style = f"body{{font:{size}pt serif;columns:{columns};text-align:{align};hyphens:auto}}td{{border:1px solid}}"
    parts = []
    for block in blocks(text):
        said = html.escape(block.text).replace("\n", "<br>")
        if block.kind == "rows":
            rows = "".join(f"<tr><td>{html.escape(a)}<td>{html.escape(b)}" for a, b in block.rows)
            parts.append(f"<table>{rows}</table>")
        else:
            parts.append(f"<h2>{said}</h2>" if block.kind == "heading" else f"<p>{said}</p>")
    return f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><style>{style}</style>{"".join(parts)}'


def by_chromium(texts, folder):
    """PDFs that Chromium prints, where there is one."""
    place = Path(__file__).resolve().parents[1] / "browser" / "conftest.py"
    spec = importlib.util.spec_from_file_location("browsers", place)
    browsers = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = browsers
    spec.loader.exec_module(browsers)
    found = browsers.find_browser()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("There is no browser and none could be installed.", pytrace=False)
        return
    # In a thread of its own: the browser of other tests may be open in this one, and Playwright takes one a thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(print_by_chromium, found, browsers.FLAGS, texts, folder).result()


def print_by_chromium(browser, flags, texts, folder):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=flags)
        page = opened.new_page()
        for number, text in enumerate(texts):
            look = LOOKS[number % len(LOOKS)]
            page.set_content(as_html(text, look))
            page.pdf(path=folder / f"chromium-{number}.pdf", format="A4", display_header_footer=look[3], margin={
                side: "25mm" for side in ("top", "bottom", "left", "right")})  # fmt: skip
            (folder / f"chromium-{number}.wanted").write_text(text, encoding="utf-8")
        opened.close()


def by_reportlab(text, path, look):
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, Table, TableStyle

    columns, size, align, edges = look
    body = ParagraphStyle("body", fontName="Sans", fontSize=size, leading=size * 1.3, spaceAfter=size * 0.6,
                          alignment={"left": 0, "justify": 4}[align])  # fmt: skip
    width = 450 / columns
    flow = []
    for block in blocks(text):
        if block.kind == "rows":
            cells = [[Paragraph(html.escape(part), body) for part in row] for row in block.rows]
            grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, "#000000")])
            flow.append(Table(cells, colWidths=[width * 0.45] * 2, style=grid))
        else:
            flow.append(Paragraph(html.escape(block.text).replace("\n", "<br/>"), body))

    def decorate(canvas, document):
        if edges:
            canvas.drawString(72, 800, "HEAD OF THE PAGE")
            canvas.drawRightString(520, 30, f"Page {document.page}")

    document = BaseDocTemplate(str(path), pagesize=A4)
    frames = [Frame(72 + i * width, 60, width - 12 * (columns > 1), 700) for i in range(columns)]
    document.addPageTemplates([PageTemplate(frames=frames, onPage=decorate)])
    document.build(flow)


def by_python_docx(text, path):
    import docx

    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "HEAD OF THE PAGE"
    for block in blocks(text):
        if block.kind == "rows":
            table = document.add_table(rows=0, cols=2)
            for row in block.rows:
                for part, cell in zip(row, table.add_row().cells, strict=True):
                    cell.text = part
        else:
            (document.add_heading if block.kind == "heading" else document.add_paragraph)(block.text)
    document.save(str(path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty files, each beside the text that was written into it."""
    from importlib import resources

    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    pdfmetrics.registerFont(TTFont("Sans", str(resources.files("matplotlib") / "mpl-data/fonts/ttf/DejaVuSans.ttf")))
    made = tmp_path_factory.mktemp("files")
    texts = written(32)
    by_chromium(texts[:10], made)
    for number, text in enumerate(texts[10:]):
        look = LOOKS[number % len(LOOKS)]
        name = made / f"made-{number}"
        if number < 12:
            by_reportlab(text, name.with_suffix(".pdf"), look)
        elif number < 17:
            by_python_docx(text, name.with_suffix(".docx"))
        else:
            name.with_suffix(".html").write_text(as_html(text, look), encoding="utf-8")
        name.with_suffix(".wanted").write_text(text, encoding="utf-8")
    for path in SHIPPED.glob("libreoffice*"):
        (made / path.name).write_bytes(path.read_bytes())
    return made


def used():
    """Processor time of this process and of those that read, so that other work on the machine does not count."""
    return sum(os.times()[:4])


@pytest.fixture(scope="module")
def loaded(folder):
    start = used()
    made = corpus.load_folder(folder)
    return made, used() - start


def test_no_word_is_lost_and_none_invented(folder, loaded):
    for document in loaded[0].documents:
        wanted, _ = canonical((folder / document.id).with_suffix(".wanted").read_text(encoding="utf-8"))
        assert document.text.split() == wanted.split(), document.id


def test_forty_files_load_in_seconds(loaded):
    made, seconds = loaded
    # Two processes read at once on two cores.
    assert len(made.documents) >= 30 and seconds < 2 * 20
