"""Documents as other programs write them: contracts printed by Chromium and LibreOffice, an e-mail, and a scan.

Their bytes differ from run to run (dates, fonts, versions), so that they are made once and shipped; `make data` leaves
them, and a test compares each with its contract.
"""

from __future__ import annotations

import html
import io
import random
import shutil
import subprocess
import tempfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from labkit import corpus, paths
from synthesis.archive.formats import blocks

# Split, style and columns of the contracts that each program prints.
CHROMIUM = (("train", "classic", 1), ("dev", "us", 2), ("train", "schedule", 1))
LIBREOFFICE = (("train", "civil", 1), ("dev", "plain", 1), ("dev", "schedule", 1))
NAMES = ("chromium", "chromium-browser", "google-chrome")


def write_all(folder: Path) -> list[Path]:
    """Write every document into `folder`.

    Raises:
        FileNotFoundError: Chromium or LibreOffice is not installed.
    """
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    office = shutil.which("soffice")
    if browser is None or office is None:
        raise FileNotFoundError("This needs Chromium and LibreOffice Writer: install both.")
    folder.mkdir(exist_ok=True)
    made = [_by_chromium(name, columns, browser, folder) for name, columns in _choose(CHROMIUM)]
    made += [_by_libreoffice(name, office, folder) for name, _ in _choose(LIBREOFFICE)]
    first = made[-1]
    return [*made, _email(first.stem, folder), _scan(first, folder)]


def _choose(wanted: tuple[tuple[str, str, int], ...]) -> list[tuple[str, int]]:
    """A contract of each wanted split and style that has no copy yet."""
    free = [r for r in corpus.contract_records() if not r["amends"] and r["formats"] == ["txt"]]
    taken: list[tuple[str, int]] = []
    for split, style, columns in wanted:
        rows = [r["id"] for r in free if (r["split"], r["style"]) == (split, style)]
        # Chromium's from the start of the archive, LibreOffice's from its end, so that no contract comes twice.
        taken.append((rows[0] if wanted is CHROMIUM else rows[-1], columns))
    return taken


def _text(name: str) -> str:
    return corpus.read_checked(f"contracts/{name}.txt").strip()


def _html(text: str, columns: int) -> str:
    parts = []
    for block in blocks(text):
        said = html.escape(block.text).replace("\n", "<br>")
        if block.kind == "rows":
            rows = "".join(f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in block.rows)
            parts.append(f"<table>{rows}</table>")
        else:
            parts.append(f"<h3>{said}</h3>" if block.kind == "heading" else f"<p>{said}</p>")
    style = f"body{{font:10pt serif;columns:{columns};text-align:justify}}td{{border:1px solid #888;padding:2pt}}"
    return f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><style>{style}</style>{"".join(parts)}</html>'


def _by_chromium(name: str, columns: int, browser: str, folder: Path) -> Path:
    from playwright.sync_api import sync_playwright

    edge = '<div style="font-size:8px;width:100%;text-align:center">{}</div>'
    title = next(r["title"] for r in corpus.contract_records() if r["id"] == name)
    margin: Any = {"top": "25mm", "bottom": "25mm", "left": "22mm", "right": "22mm"}
    number = 'Page <span class="pageNumber"></span> of <span class="totalPages"></span>'
    path = folder / f"{name}.pdf"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page()
        page.set_content(_html(_text(name), columns))
        page.pdf(path=path, format="A4", margin=margin, display_header_footer=True,
                 header_template=edge.format(html.escape(title)), footer_template=edge.format(number))  # fmt: skip
        opened.close()
    return path


def _by_libreoffice(name: str, office: str, folder: Path) -> Path:
    import docx
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml.ns import qn
    from docx.shared import Pt

    document = docx.Document()
    document.styles["Normal"].font.name, document.styles["Normal"].font.size = "Liberation Serif", Pt(10)
    section = document.sections[0]
    section.header.paragraphs[0].text = f"Execution copy of contract {name}"
    field = section.footer.paragraphs[0].add_run("Page ")._r.makeelement(qn("w:fldSimple"), {qn("w:instr"): "PAGE"})
    section.footer.paragraphs[0]._p.append(field)
    for block in blocks(_text(name)):
        if block.kind == "rows":
            table = document.add_table(rows=0, cols=2, style="Table Grid")
            for row in block.rows:
                for part, cell in zip(row, table.add_row().cells, strict=True):
                    cell.text = part
        else:
            paragraph = document.add_paragraph(block.text)
            paragraph.paragraph_format.keep_with_next = block.kind == "heading"
            if block.kind != "heading":
                paragraph.alignment = WD_ALIGN_PARAGRAPH.JUSTIFY
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / f"{name}.docx"
        document.save(str(source))
        command = [office, "--headless", "--convert-to", "pdf", "--outdir", str(folder), str(source)]
        subprocess.run(command, check=True, capture_output=True)
    return folder / f"{name}.pdf"


def _email(name: str, folder: Path) -> Path:
    """An e-mail that sends the first table of a contract, as text and as HTML, with the contract attached."""
    record = next(r for r in corpus.contract_records() if r["id"] == name)
    table = next(block for block in blocks(_text(name)) if block.kind == "rows")
    message = EmailMessage()
    message["From"], message["To"] = "contracts@a.example", "archive@b.example"
    message["Subject"] = f"Particulars: {record['title']}"
    message["Date"] = "Mon, 06 Jan 2025 09:00:00 +0100"
    message.set_content("Please file the particulars:\n\n" + "\n".join(f"{a} {b}" for a, b in table.rows))
    rows = "".join(f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in table.rows)
    message.add_alternative(f"<p>Please file the particulars:</p><table>{rows}</table>", subtype="html")
    attached = (folder / f"{name}.pdf").read_bytes()
    message.add_attachment(attached, maintype="application", subtype="pdf", filename=f"{name}.pdf")
    path = folder / f"{name}.eml"
    path.write_bytes(message.as_bytes())
    return path


def _scan(printed: Path, folder: Path) -> Path:
    """The first page of a PDF as a scanner gives it back: a picture, a little askew, with a stamped number."""
    import pypdfium2
    from PIL import Image
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    with pypdfium2.PdfDocument(printed) as pdf:
        page = pdf[0].render(scale=1.6).to_pil().convert("L")
    page = page.rotate(0.6, resample=Image.Resampling.BICUBIC, fillcolor=250)
    dice = random.Random(printed.stem)
    for _ in range(400):
        page.putpixel((dice.randrange(page.width), dice.randrange(page.height)), 90)
    picture = io.BytesIO()
    page.save(picture, "JPEG", quality=45)
    path = folder / f"{printed.stem}-scan.pdf"
    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    canvas.drawImage(ImageReader(picture), 0, 0, *A4)
    canvas.setFont("Helvetica", 8)
    canvas.drawRightString(A4[0] - 30, 20, "Scan 1 of 1")
    canvas.save()
    return path


def main() -> None:
    """Write `data/files` anew, and its checksums."""
    from synthesis.archive import checks

    data = paths.data()
    for path in write_all(data / "files"):
        print(path)
    paths.write_checksums(data, list(checks.digests(data)))
