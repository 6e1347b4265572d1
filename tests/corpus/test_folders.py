"""Any folder of files is read, its bad files reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import corpus, paths
from labkit.corpus import readers


def _pdf(path, password=None):
    from pypdf import PdfWriter
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path))
    canvas.drawString(72, 720, "The deposit is EUR 5,000.")
    canvas.save()
    if password:
        writer = PdfWriter(clone_from=path)
        writer.encrypt(password, algorithm="AES-256")
        writer.write(path)


def _docx(path):
    from docx import Document

    document = Document()
    document.add_paragraph("The term is three years.")
    row = document.add_table(rows=1, cols=2).rows[0]
    row.cells[0].text, row.cells[1].text = "Payment", "30 days"
    document.save(str(path))


def test_a_folder_keeps_the_good_files_and_reports_the_bad(tmp_path):
    _pdf(tmp_path / "good.pdf")
    _pdf(tmp_path / "locked.pdf", password="secret")
    (tmp_path / "table.xlsx").write_bytes(b"a spreadsheet")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    _docx(tmp_path / "good.docx")
    (tmp_path / "broken.docx").write_bytes(b"no archive")
    (tmp_path / "page.html").write_text("<h1>Lease</h1><script>x()</script><p>Rent is due.</p>", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("  ")
    (tmp_path / "old.txt").write_bytes("Die Kündigungsfrist beträgt drei Monate für beide Verträge.".encode("cp1252"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "note.md").write_text("# Note\n\nAll is well.", encoding="utf-8")
    read = corpus.load_folder(tmp_path)
    texts = {d.id: d.text for d in read.documents}
    assert set(texts) == {"good.pdf", "good.docx", "page.html", "old.txt", "sub/note.md"}
    assert "EUR 5,000" in texts["good.pdf"] and "Payment: 30 days" in texts["good.docx"]
    assert "x()" not in texts["page.html"] and "Kündigungsfrist beträgt" in texts["old.txt"]
    assert set(read.problems) == {"locked.pdf", "broken.pdf", "broken.docx", "empty.txt", "table.xlsx"}
    assert "password" in read.problems["locked.pdf"] and "OCR" in read.problems["empty.txt"]
    assert ".docx" in read.problems["table.xlsx"]
    assert "5 files left out" in read.report()


def test_an_empty_or_missing_folder_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="empty"):
        corpus.load_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="check the path"):
        corpus.load_folder(tmp_path / "nowhere")
    (tmp_path / "broken.pdf").write_bytes(b"no pdf")
    with pytest.raises(ValueError, match=r"broken\.pdf"):
        corpus.load_folder(tmp_path)


def test_hidden_folders_and_links_out_of_the_folder_are_not_read(tmp_path):
    folder, outside = tmp_path / "mine", tmp_path / "theirs"
    for name in (".git", "sub/.ipynb_checkpoints"):
        (folder / name).mkdir(parents=True)
        (folder / name / "hidden.txt").write_text("hidden")
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (folder / "note.txt").write_text("fine")
    try:
        (folder / "inside.txt").symlink_to(folder / "note.txt")
        (folder / "outside.txt").symlink_to(outside / "secret.txt")
        (folder / "linked").symlink_to(outside)
    except OSError:
        pytest.skip("this system makes no links")
    read = corpus.load_folder(folder)
    assert [d.id for d in read.documents] == ["inside.txt", "note.txt"]
    assert "outside of the folder" in read.problems["outside.txt"]


def test_a_file_in_place_of_a_folder_says_what_to_do(tmp_path):
    (tmp_path / "note.txt").write_text("fine")
    with pytest.raises(ValueError, match="that is a file: give the folder"):
        corpus.load_folder(tmp_path / "note.txt")


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    _pdf(tmp_path / "good.pdf")
    monkeypatch.setitem(__import__("sys").modules, "pypdfium2", None)
    assert "labkit[files]" in readers.read(tmp_path / "good.pdf").problem


COPIES = [paths.data() / "contracts" / kind for kind in ("pdf", "docx", "html")] + [paths.data() / "files"]


def contract(name):
    return corpus.read_checked(f"contracts/{name}.txt").strip()


@pytest.mark.parametrize("folder", COPIES, ids=lambda folder: folder.name)
def test_copies_of_contracts_hold_their_words_in_order(folder):
    read = corpus.load_folder(folder)
    assert set(read.problems) <= {"C062-scan.pdf"}
    for copy in read.documents:
        if not copy.id.endswith(".eml"):
            assert copy.text.split() == contract(Path(copy.id).stem).split(), copy.id


def test_evidence_is_found_word_for_word_in_the_pdf_copies():
    records = {record["id"]: record for record in corpus.contract_records()}
    copies = [d for folder in COPIES for d in corpus.load_folder(folder).documents if d.id.endswith(".pdf")]
    assert len(copies) >= 8
    for copy in copies:
        flat = " ".join(copy.text.split())
        for clause in records[Path(copy.id).stem]["clauses"]:
            wanted = contract(Path(copy.id).stem)[clause["evidence_start"] : clause["evidence_end"]]
            assert " ".join(wanted.split()) in flat, (copy.id, clause["category"])


def test_a_clause_that_runs_over_pages_is_one_paragraph_of_the_pdf_copies():
    crossing = 0
    for copy in (d for folder in COPIES for d in corpus.load_folder(folder).documents if d.id.endswith(".pdf")):
        paragraphs = {" ".join(p.split()) for p in contract(Path(copy.id).stem).split("\n\n")}
        for start in copy.metadata["pages"][1:]:
            begin, end = copy.text.rfind("\n\n", 0, start), copy.text.find("\n\n", start)
            if begin + 2 < start and copy.text[begin + 2 : start].strip():
                crossing += 1
                assert copy.text[begin + 2 : end] in paragraphs, copy.id
    assert crossing >= 4


def test_an_email_and_a_scan_come_with_the_course():
    read = corpus.load_folder(paths.data() / "files")
    [mail] = [d for d in read.documents if d.id.endswith(".eml")]
    assert "\n\n\nPayment term: Seventy-five (75) days\n" in mail.text and "C062.pdf" in read.report()
    assert "OCR" in read.problems["C062-scan.pdf"]
