"""PDF files: what a reader sees of the page, in reading order; what the author hid is kept out and reported."""

from __future__ import annotations

import io
import re

import pytest
from reading import problem, read
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Frame, PageTemplate, Paragraph, Table, TableStyle
from reportlab.platypus.doctemplate import BaseDocTemplate

from labkit import corpus

PRICES = ["Item: Bolt | Price: USD 5", "Item: Nut | Price: USD 7"]


BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=14, spaceAfter=8)


def pdf(path, draw, size=A4):
    canvas = Canvas(str(path), pagesize=size)
    draw(canvas)
    canvas.save()
    return read(path)


def at(*lines):
    """Draws lines of text: each (x, y, text)."""

    def draw(canvas):
        for x, y, text in lines:
            canvas.drawString(x, y, text)

    return draw


def printed(path, flow, header=None, footer=None, columns=1):
    """A PDF of paragraphs, its pages with a header and a footer."""

    def decorate(canvas, document):
        for text, y in ((header, 800), (footer, 30)):
            if text:
                canvas.drawString(72, y, text.format(page=document.page))

    document = BaseDocTemplate(str(path), pagesize=A4)
    width = 450 / columns
    frames = [Frame(72 + i * width, 60, width - 15 * (columns > 1), 700) for i in range(columns)]
    document.addPageTemplates([PageTemplate(frames=frames, onPage=decorate)])
    document.build(flow)
    return read(path)


def clauses(number, words=60):
    return [
        f"{i}. Clause {i} says {' '.join(f'w{i}x{k}' for k in range(words))} and ends." for i in range(1, number + 1)
    ]


@pytest.mark.parametrize(
    ("header", "footer"),
    [
        ("ACME MASTER AGREEMENT", "Confidential"),
        ("ACME MASTER AGREEMENT - page {page}", None),
        (None, "Page {page} of 3"),
        ("Contract 12 / 2024", "{page}"),
        ("- {page} -", "Draft of 1 May 2024, page {page}"),
    ],
)
def test_page_edges_go_and_a_clause_over_two_pages_is_whole(tmp_path, header, footer):
    wanted = clauses(25)
    flow = [Paragraph(text, BODY) for text in wanted]
    text, notes = printed(tmp_path / "a.pdf", flow, header, footer)
    assert text.split("\n\n") == wanted
    for edge in (header, footer):
        assert not edge or edge.format(page=1) in notes


def test_edges_that_tell_something_are_kept(tmp_path):
    def draw(canvas):
        for page in range(3):
            canvas.drawString(72, 800, f"Total of part {page * 7}: USD {page * 311}")
            canvas.drawString(72, 700, f"Text {page}.")
            canvas.showPage()

    text, notes = pdf(tmp_path / "a.pdf", draw)
    assert "USD 311" in text and "USD 622" in text and not notes


def test_columns_are_read_one_after_the_other(tmp_path):
    wanted = clauses(20)
    text, _ = printed(tmp_path / "a.pdf", [Paragraph(t, BODY) for t in wanted], "ACME", "{page}", columns=2)
    assert text.split("\n\n") == wanted


def test_columns_are_told_by_their_lines_where_the_file_draws_them_side_by_side(tmp_path):
    left = [f"The left column in its line {i} goes on and" for i in range(12)]
    right = [f"the right one in its line {i} goes on, too" for i in range(12)]
    drawn = [
        (72 + 260 * k, 700 - 14 * i, text)
        for i, row in enumerate(zip(left, right, strict=True))
        for k, text in enumerate(row)
    ]
    text, _ = pdf(tmp_path / "a.pdf", at(*drawn))
    assert " ".join(text.split()) == " ".join(left + right)


def test_reading_order_is_that_of_the_page_not_of_the_file(tmp_path):
    lines = [
        (72, 100 + 20 * i, f"This is line number {i} of a page, counted from below, and it is long.") for i in range(30)
    ]
    text, _ = pdf(tmp_path / "a.pdf", at(*lines))
    assert [int(n) for n in re.findall(r"number (\d+)", text)] == list(range(29, -1, -1))


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        (["The notice of termi-", "nation is due."], "The notice of termination is due."),
        (["A non-", "exclusive licence."], "A non-exclusive licence."),
        (["A third-", "party claim."], "A third-party claim."),
        (["Within forty-", "five days."], "Within forty-five days."),
        (["The pay-", "ment and the agree-", "ment."], "The payment and the agreement."),
        (["A well-known mark and a well-", "known name."], "A well-known mark and a well-known name."),
        (["See pages 3-", "5 of it."], "See pages 3- 5 of it."),
    ],
)
def test_words_parted_at_a_line_end_are_whole(tmp_path, drawn, text):
    assert pdf(tmp_path / "a.pdf", at(*((72, 700 - 14 * i, line) for i, line in enumerate(drawn))))[0] == text


@pytest.fixture(scope="session")
def font():
    from importlib import resources

    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    pdfmetrics.registerFont(TTFont("Sans", str(resources.files("matplotlib") / "mpl-data/fonts/ttf/DejaVuSans.ttf")))
    return "Sans"


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        ("con\ufb01dential o\ufb03ce", "confidential office"),
        ("ter\u00admi\u00adnation", "termination"),
        ("ter\u200bmination\u200b", "termination"),
        ("Ku\u0308ndigung", "Kündigung"),
        ("5\u00a0000 EUR", "5 000 EUR"),
        ("e\u0301te\u0301", "été"),
    ],
)
def test_a_pdf_is_read_in_one_spelling(tmp_path, font, drawn, text):
    def draw(canvas):
        canvas.setFont(font, 11)
        canvas.drawString(72, 700, drawn)

    read_text, notes = pdf(tmp_path / "a.pdf", draw)
    assert read_text == text and not notes


@pytest.mark.parametrize("field", ["EUR 777", "Acme Inc., Bremen", "30"])
def test_a_filled_form_field_is_read_in_its_place(tmp_path, field):
    def draw(canvas):
        canvas.drawString(72, 700, "The fee is")
        canvas.acroForm.textfield(name="fee", value=field, x=135, y=692, width=200, height=20)
        canvas.drawString(72, 600, "The end.")

    assert pdf(tmp_path / "a.pdf", draw)[0] == f"The fee is {field}\n\nThe end."


def test_a_field_without_a_picture_of_its_own_is_read(tmp_path):
    from pypdf import PdfWriter
    from pypdf.generic import BooleanObject, NameObject

    test_a_filled_form_field_is_read_in_its_place(tmp_path, "EUR 777")
    writer = PdfWriter(clone_from=tmp_path / "a.pdf")
    for annotation in writer.pages[0]["/Annots"]:
        del annotation.get_object()["/AP"]
    writer.root_object["/AcroForm"][NameObject("/NeedAppearances")] = BooleanObject(True)
    writer.write(tmp_path / "b.pdf")
    assert "EUR 777" in read(tmp_path / "b.pdf")[0]


def secret(canvas, how):
    if how == "invisible":
        text = canvas.beginText(72, 650)
        text.setTextRenderMode(3)
        text.textLine("SECRET")
        canvas.drawText(text)
    elif how == "off the page":
        canvas.drawString(-400, 650, "SECRET")
    elif how == "tiny":
        canvas.setFont("Helvetica", 1)
        canvas.drawString(72, 650, "SECRET")
    elif how == "transparent":
        canvas.setFillAlpha(0)
        canvas.drawString(72, 650, "SECRET")
    elif how == "covered":
        canvas.drawString(72, 650, "SECRET")
        canvas.rect(60, 640, 200, 30, fill=1)
    elif how == "white over text":
        canvas.setFillColorRGB(1, 1, 1)
        canvas.drawString(75, 703, "SECRET")
    else:
        colour = {"white": (1, 1, 1), "nearly white": (0.98, 0.98, 0.97), "black on black": (0, 0, 0)}[how]
        if how == "black on black":
            canvas.rect(60, 640, 200, 30, fill=1)
        canvas.setFillColorRGB(*colour)
        canvas.drawString(72, 650, "SECRET")


HOW = "invisible,white,nearly white,off the page,tiny,transparent,covered,white over text,black on black".split(",")


@pytest.mark.parametrize("how", HOW)
def test_hidden_text_of_a_pdf_is_kept_out_and_reported(tmp_path, how):
    def draw(canvas):
        canvas.drawString(72, 700, "The buyer pays in time.")
        secret(canvas, how)

    text, notes = pdf(tmp_path / "a.pdf", draw)
    assert text == "The buyer pays in time." and 'page 1: hidden text: "SECRET"' in notes


@pytest.mark.parametrize("ground", [(0, 0, 0), (0.1, 0.2, 0.5), (0.6, 0, 0)])
def test_white_text_on_a_dark_ground_is_read(tmp_path, ground):
    def draw(canvas):
        canvas.setFillColorRGB(*ground)
        canvas.rect(60, 640, 200, 30, fill=1, stroke=0)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.drawString(72, 650, "seen well enough")

    assert pdf(tmp_path / "a.pdf", draw) == ("seen well enough", "")


def picture():
    from PIL import Image, ImageDraw
    from reportlab.lib.utils import ImageReader

    image = Image.new("L", (600, 850), 255)
    ImageDraw.Draw(image).text((60, 60), "A scanned page that nobody typed", fill=0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return ImageReader(buffer)


@pytest.mark.parametrize("stamp", ["Page {}", "- {} -", "Exhibit B, page {} of 2", ""])
def test_a_scan_with_a_stamped_page_number_is_reported(tmp_path, stamp):
    def draw(canvas):
        for page in range(2):
            canvas.drawImage(picture(), 0, 0, *A4)
            canvas.drawString(280, 20, stamp.format(page + 1))
            canvas.showPage()
        canvas.save()

    draw(Canvas(str(tmp_path / "a.pdf"), pagesize=A4))
    assert "OCR" in problem(tmp_path / "a.pdf")


def test_a_scan_among_pages_of_text_costs_itself(tmp_path):
    def draw(canvas):
        canvas.drawString(72, 700, "The first page.")
        canvas.showPage()
        canvas.drawImage(picture(), 0, 0, *A4)
        canvas.drawString(280, 20, "Page 2")
        canvas.showPage()
        canvas.drawString(72, 700, "The third page.")

    text, notes = pdf(tmp_path / "a.pdf", draw)
    assert text == "The first page.\n\nThe third page." and "page 2: a picture" in notes and "Page 2" in notes


def test_text_recognised_on_a_scan_is_read_and_reported(tmp_path):
    def draw(canvas):
        canvas.drawImage(picture(), 0, 0, *A4)
        text = canvas.beginText(60, 700)
        text.setTextRenderMode(3)
        for line in clauses(4, 6):
            text.textLine(line)
        canvas.drawText(text)

    text, notes = pdf(tmp_path / "a.pdf", draw)
    assert "Clause 4 says w4x0" in text and "page 1: a scan" in notes


def test_a_font_that_does_not_name_its_letters_is_reported(tmp_path, font):
    from pypdf import PdfWriter
    from pypdf.generic import DictionaryObject, NameObject

    def draw(canvas):
        canvas.setFont(font, 11)
        canvas.drawString(72, 700, "Договор поставки товара, Ελλάδα, Größe")

    pdf(tmp_path / "a.pdf", draw)
    writer = PdfWriter(clone_from=tmp_path / "a.pdf")
    for thing in writer._objects:
        if isinstance(thing, DictionaryObject) and "/ToUnicode" in thing:
            del thing[NameObject("/ToUnicode")]
    writer.write(tmp_path / "b.pdf")
    assert "which letters" in problem(tmp_path / "b.pdf")


def grid(rows, rules=True, **more):
    style = [("GRID", (0, 0), (-1, -1), 0.5, "#000000")] if rules else [("LINEBELOW", (0, 0), (-1, 0), 0.5, "#000000")]
    return Table(rows, colWidths=[150] * len(rows[0]), style=TableStyle([*style, *more.get("style", [])]), repeatRows=1)


@pytest.mark.parametrize("rules", [True, False])
def test_a_price_list_in_a_pdf_keeps_rows_and_headings(tmp_path, rules):
    rows = [["Item", "Price"], ["Bolt", "USD 5"], ["Nut", "USD 7"]]
    text, _ = printed(
        tmp_path / "a.pdf", [Paragraph("The prices are:", BODY), grid(rows, rules), Paragraph("End.", BODY)]
    )
    assert text == "The prices are:\n\n" + "\n\n\n".join(PRICES) + "\n\nEnd."


def test_merged_and_wrapped_cells_of_a_pdf(tmp_path):
    rows = [
        ["Item", "Unit", "Price"],
        [Paragraph("A bolt of hardened steel with a round head", BODY), "box", "USD 5"],
        ["", "crate", "USD 50"],
        ["All of these together", "", "USD 55"],
    ]
    text, _ = printed(tmp_path / "a.pdf", [grid(rows, style=[("SPAN", (0, 1), (0, 2)), ("SPAN", (0, 3), (1, 3))])])
    assert [t for t in text.split("\n") if t] == [
        "Item: A bolt of hardened steel with a round head | Unit: box | Price: USD 5",
        "Unit: crate | Price: USD 50",
        "Item: All of these together | Price: USD 55",
    ]


@pytest.mark.parametrize(
    ("cell", "said"),
    [("third-\nparty performers", "third-party performers"), ("con-\nsideration", "consideration")],
)
def test_a_word_parted_at_the_end_of_a_line_in_a_cell_is_whole(tmp_path, cell, said):
    rows = [["Item", "Price"], ["Bolt", "USD 5"], [cell, "USD 7"]]
    table = Table(rows, style=TableStyle([("GRID", (0, 0), (-1, -1), 0.5, "#000000")]))
    assert f"Item: {said} | Price: USD 7" in printed(tmp_path / "table.pdf", [table])[0]


def test_a_table_over_two_pages_keeps_its_headings(tmp_path):
    rows = [["Item", "Price"], *([f"Thing {i}", f"USD {i}"] for i in range(80))]
    text, _ = printed(tmp_path / "a.pdf", [grid(rows)], "ACME", "{page}")
    assert [t for t in text.split("\n") if t] == [f"Item: Thing {i} | Price: USD {i}" for i in range(80)]


def test_turned_pages_are_read_upright(tmp_path):
    from pypdf import PdfWriter

    lines = clauses(3, 4)
    pdf(tmp_path / "a.pdf", at(*((72, 700 - 40 * i, line) for i, line in enumerate(lines))))
    for angle in (90, 180, 270):
        writer = PdfWriter(clone_from=tmp_path / "a.pdf")
        writer.pages[0].rotate(angle)
        writer.write(tmp_path / "b.pdf")
        assert read(tmp_path / "b.pdf")[0].split("\n\n") == lines

    def draw(canvas):
        canvas.rotate(90)
        at(*((72, -100 - 40 * i, line) for i, line in enumerate(lines)))(canvas)

    assert pdf(tmp_path / "c.pdf", draw)[0].split("\n\n") == lines


def test_a_watermark_does_not_fall_into_the_lines(tmp_path):
    def draw(canvas):
        for page in range(2):
            canvas.saveState()
            canvas.translate(150, 300)
            canvas.rotate(45)
            canvas.setFont("Helvetica", 80)
            canvas.drawString(0, 0, "DRAFT")
            canvas.restoreState()
            canvas.drawString(72, 500, f"Sentence {page} crosses the word that stands at an angle on the page.")
            canvas.showPage()

    text, notes = pdf(tmp_path / "a.pdf", draw)
    assert (
        re.findall(r"Sentence \d crosses the word that stands at an angle on the page\.", text) and "DRAFT" not in text
    )
    assert "DRAFT" in notes


def test_one_broken_page_costs_a_page(tmp_path, monkeypatch):
    from labkit.corpus import pdf as reader

    lines = at((72, 700, "A page of text."))

    def draw(canvas):
        for _ in range(3):
            lines(canvas)
            canvas.showPage()

    whole = reader.read_page

    def breaks(document, number):
        if number == 1:
            raise RuntimeError("bad content")
        return whole(document, number)

    monkeypatch.setattr(reader, "read_page", breaks)
    text, notes = pdf(tmp_path / "a.pdf", draw)
    assert text.count("A page of text.") == 2 and "page 2: it cannot be read (bad content)" in notes


def test_a_page_that_is_missing_in_the_file_costs_a_page(tmp_path):
    def draw(canvas):
        for page in range(3):
            canvas.drawString(72, 700, f"Page of text {page}.")
            canvas.showPage()

    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4, pageCompression=0)
    draw(canvas)
    canvas.save()
    from pypdf import PdfWriter
    from pypdf.generic import NameObject, NullObject

    writer = PdfWriter(clone_from=tmp_path / "a.pdf")
    writer.pages[1][NameObject("/Contents")] = NullObject()
    writer.pages[1][NameObject("/MediaBox")] = NullObject()
    writer.write(tmp_path / "b.pdf")
    text, _ = read(tmp_path / "b.pdf")
    assert "text 0" in text and "text 2" in text


def test_places_and_pages_point_into_the_text(tmp_path):
    wanted = clauses(25)
    printed(tmp_path / "a.pdf", [Paragraph(text, BODY) for text in wanted], "ACME", "{page}")
    [document] = corpus.load_folder(tmp_path / "a.pdf").documents
    pages = corpus.pages(document)
    assert len(pages) > 1 and "".join(pages) == document.text
    for clause in wanted:
        start = document.text.index(clause)
        assert document.quote(corpus.Span(document.id, start, start + len(clause))) == clause
