"""Any folder of files is read, its bad files reported."""

from __future__ import annotations

import pytest

from labkit import corpus, paths


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
    (tmp_path / "note.txt").write_text("fine")
    monkeypatch.setitem(__import__("sys").modules, "pypdf", None)
    assert "labkit[files]" in corpus.load_folder(tmp_path).problems["good.pdf"]


def test_the_courses_pdf_docx_and_html_copies_read_like_the_canonical_text():
    for kind in ("pdf", "docx", "html"):
        copies = corpus.load_folder(paths.data() / "contracts" / kind)
        assert not copies.problems
        for copy in copies.documents:
            canonical = corpus.read_checked(f"contracts/{copy.title}.txt")
            words = set(canonical.split())
            assert len(words & set(copy.text.split())) > 0.85 * len(words)


def test_dev_and_test_have_halves_and_test_has_parts():
    new, seen = (corpus.load_questions("dev", half=half) for half in ("new", "seen"))
    assert corpus.load_questions("dev") == new and {q.half for q in seen} == {"seen"}
    trained = {q.cluster for q in corpus.load_questions("train")}
    assert {q.cluster for q in seen} <= trained and not {q.cluster for q in new} & trained
    everything = corpus.load_questions("test", open_test=True)
    parts = [corpus.load_questions("test", open_test=True, part=part) for part in ("pilot", "final")]
    assert sorted(q.id for part in parts for q in part) == sorted(q.id for q in everything)
    assert {q.part for q in new} == {None} and {q.part for q in parts[0]} == {"pilot"}


def test_unknown_halves_and_parts_are_refused():
    with pytest.raises(ValueError, match="choose one of new, seen"):
        corpus.load_questions("dev", half="old")
    with pytest.raises(ValueError, match="choose one of pilot, final"):
        corpus.load_questions("test", open_test=True, part="first")
    with pytest.raises(ValueError, match="leave it out"):
        corpus.load_questions("dev", part="pilot")
    with pytest.raises(ValueError, match="benchmark"):
        corpus.load_questions("test", part="pilot")


def test_every_document_arrives_in_a_round():
    documents = corpus.load_documents(kinds=("contract", "amendment"))
    rounds = {d.id: d.metadata["round"] for d in documents}
    assert set(rounds.values()) == {0, 1, 2, 3}
    assert all(rounds[d.metadata["amends"]] <= rounds[d.id] for d in documents if d.metadata["amends"])
