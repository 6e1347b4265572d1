"""Some contracts as PDF, DOCX and HTML, the same bytes on every run."""

from __future__ import annotations

import datetime
import html
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthesis.archive.contracts import Contract

# Split, style, layout of the contracts that are also printed.
PDFS = (("train", "schedule", "plain"), ("train", "classic", "plain"), ("dev", "us", "columns"),
        ("test", "civil", "plain"), ("test", "schedule", "columns"))  # fmt: skip
DOCXS = (("train", "plain", ""), ("test", "classic", ""))
HTMLS = (("train", "civil", ""), ("test", "us", ""))
FIXED = datetime.datetime(2025, 1, 2, 3, 4, 5)


@dataclass
class Block:
    """A piece of a contract: `heading`, `text` or `rows` of a table."""

    kind: str
    text: str
    rows: list[tuple[str, str]]


def blocks(text: str) -> list[Block]:
    """Cut a contract's text into headings, paragraphs and tables."""
    found = []
    for paragraph in text.split("\n\n"):
        lines = paragraph.split("\n")
        if len(lines) > 4 and all(": " in line for line in lines):
            rows = [(label + ":", value) for label, _, value in (line.partition(": ") for line in lines)]
            found.append(Block("rows", paragraph, rows))
        elif len(lines) == 1 and len(paragraph.split()) <= 12 and not re.search(r"[.;:,_)\"”]$", paragraph):
            found.append(Block("heading", paragraph, []))
        else:
            found.append(Block("text", paragraph, []))
    return found


def _printable(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def choose(written: list[Contract], wanted: tuple[tuple[str, str, str], ...]) -> list[tuple[Contract, str]]:
    """The first contracts of the wanted splits and styles that standard fonts can print."""
    taken: list[tuple[Contract, str]] = []
    for split, style, layout in wanted:
        free = [c for c in written if c.deal.split == split and c.deal.style == style and _printable(c.text)
                and len(c.formats) == 1]  # fmt: skip
        if not free:
            raise ValueError(f"No {split} contract in the style {style} can be printed: use another style.")
        taken.append((free[0], layout))
        free[0].formats.append("")
    for contract, _ in taken:
        contract.formats.remove("")
    return taken


def furniture(contract: Contract, page: int) -> tuple[str, str]:
    """Header and footer of a page."""
    return f"{contract.heading} | {contract.deal.a.short} / {contract.deal.b.short}", f"Confidential | page {page}"


def write_pdf(contract: Contract, layout: str, path: Path) -> None:
    """Print a contract on A4 with page headers and footers, in one column or in two."""
    from reportlab.lib.enums import TA_JUSTIFY
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, Spacer, Table, TableStyle

    width, height = A4
    two = layout == "columns"
    size = 8.5 if two else 10
    body = ParagraphStyle("body", fontName="Times-Roman", fontSize=size, leading=size * 1.25, spaceAfter=5,
                          alignment=TA_JUSTIFY)  # fmt: skip
    head = ParagraphStyle("head", parent=body, fontName="Times-Bold", spaceBefore=4, keepWithNext=1, alignment=0)
    cell = ParagraphStyle("cell", parent=body, spaceAfter=0, alignment=0)

    def decorate(canvas: Any, document: Any) -> None:
        header, footer = furniture(contract, document.page)
        canvas.setFont("Helvetica", 7)
        canvas.drawString(56, height - 36, header)
        canvas.drawRightString(width - 56, 30, footer)

    column = (width - 112 - 18) / 2 if two else width - 112
    frames = [Frame(56 + number * (column + 18), 50, column, height - 100, leftPadding=0, rightPadding=0)
              for number in range(2 if two else 1)]  # fmt: skip
    document = BaseDocTemplate(str(path), pagesize=A4, title=contract.title, author="labkit", invariant=1,
                               pageCompression=0)  # fmt: skip
    document.addPageTemplates([PageTemplate(frames=frames, onPage=decorate)])
    flow: list[Any] = []
    for block in blocks(contract.text):
        if block.kind == "rows":
            rows = [[Paragraph(html.escape(part), cell) for part in row] for row in block.rows]
            grid = TableStyle([("GRID", (0, 0), (-1, -1), 0.4, "#808080"), ("VALIGN", (0, 0), (-1, -1), "TOP")])
            flow += [Table(rows, colWidths=[column * 0.55, column * 0.45], style=grid), Spacer(1, 6)]
        else:
            text = html.escape(block.text).replace("\n", "<br/>")
            flow.append(Paragraph(text, head if block.kind == "heading" else body))
    document.build(flow)


def align(contract: Contract, path: Path) -> list[dict[str, Any]]:
    """Find every clause's evidence in the text that pypdf reads from a PDF.

    Page headers and footers are taken out first; white space and hyphens at line ends do not count.
    Raises ValueError where a piece of evidence is missing.
    """
    from pypdf import PdfReader

    letters: list[tuple[str, int, int]] = []
    pages: list[str] = []
    for number, page in enumerate(PdfReader(path).pages, 1):
        text = page.extract_text()
        for part in furniture(contract, number):
            text = text.replace(part, "", 1)
        pages.append(text)
        letters += [(char, number, place) for place, char in enumerate(text) if not char.isspace()]
    squeezed = "".join(char for char, _, _ in letters)
    found = []
    for clause in contract.clauses:
        wanted = re.sub(r"\s+", "", contract.text[clause.evidence_start : clause.evidence_end])
        start = squeezed.find(wanted)
        if start < 0:
            raise ValueError(f"{path.name} does not contain the evidence of {clause.category}: print it again.")
        (_, first, begin), (_, last, end) = letters[start], letters[start + len(wanted) - 1]
        pieces = [pages[number - 1][begin if number == first else 0 : end + 1 if number == last else None]
                  for number in range(first, last + 1)]  # fmt: skip
        found.append({"document": contract.id, "category": clause.category, "page": first,
                      "text": " ".join(" ".join(pieces).split())})  # fmt: skip
    return found


def write_docx(contract: Contract, path: Path) -> None:
    """Write a contract as a Word document with headings and tables."""
    import docx

    document = docx.Document()
    properties = document.core_properties
    properties.title, properties.author, properties.last_modified_by = contract.title, "labkit", "labkit"
    properties.created = properties.modified = FIXED
    properties.revision = 1
    for number, block in enumerate(blocks(contract.text)):
        if block.kind == "rows":
            table = document.add_table(rows=0, cols=2)
            for row in block.rows:
                for part, place in zip(row, table.add_row().cells, strict=True):
                    place.text = part
        elif block.kind == "heading":
            document.add_heading(block.text, level=0 if number == 0 else 2)
        else:
            document.add_paragraph(block.text)
    _leave_out_unused(document)
    buffer = io.BytesIO()
    document.save(buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(source.namelist()):
            target.writestr(zipfile.ZipInfo(name, (2025, 1, 2, 3, 4, 4)), source.read(name))


def _leave_out_unused(document: Any) -> None:
    """Take out of python-docx's template what no contract uses: it is nearly all of a file stored uncompressed."""
    from docx.enum.style import WD_STYLE_TYPE

    for part in (document.part, document.part.package):
        for name, relation in list(part.rels.items()):
            if relation.reltype.endswith(("/stylesWithEffects", "/thumbnail")):
                del part.rels[name]
    default = document.styles.default(WD_STYLE_TYPE.TABLE)
    for style in list(document.styles):
        if style.type == WD_STYLE_TYPE.TABLE and style != default:
            style.delete()


def write_html(contract: Contract, path: Path) -> None:
    """Write a contract as a plain web page."""
    lines = ["<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
             f"<title>{html.escape(contract.title)}</title>", "</head>", "<body>"]  # fmt: skip
    for number, block in enumerate(blocks(contract.text)):
        text = html.escape(block.text, quote=False)
        if block.kind == "heading":
            level = 1 if number == 0 else 2
            lines.append(f"<h{level}>{text}</h{level}>")
        elif block.kind == "rows":
            cells = [f"<tr><th>{html.escape(a, quote=False)}</th><td>{html.escape(b, quote=False)}</td></tr>"
                     for a, b in block.rows]  # fmt: skip
            lines += ["<table>", *cells, "</table>"]
        else:
            lines.append(f"<p>{text.replace(chr(10), '<br>')}</p>")
    path.write_text("\n".join([*lines, "</body>", "</html>"]) + "\n", encoding="utf-8")


def write_all(written: list[Contract], folder: Path) -> list[dict[str, Any]]:
    """Print the chosen contracts under `folder`, note the formats, and return the alignment of the PDFs."""
    chosen = {"pdf": choose(written, PDFS)}
    for contract, _ in chosen["pdf"]:
        contract.formats.append("pdf")
    writers: dict[str, Callable[[Contract, Path], None]] = {"docx": write_docx, "html": write_html}
    for name, wanted in (("docx", DOCXS), ("html", HTMLS)):
        chosen[name] = choose(written, wanted)
        for contract, _ in chosen[name]:
            contract.formats.append(name)
    aligned: list[dict[str, Any]] = []
    for name, documents in chosen.items():
        (folder / name).mkdir(parents=True)
        for contract, layout in documents:
            path = folder / name / f"{contract.id}.{name}"
            if name == "pdf":
                write_pdf(contract, layout, path)
                aligned += align(contract, path)
            else:
                writers[name](contract, path)
    return aligned
