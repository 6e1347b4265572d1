"""Any folder of files is read in any encoding, its bad files reported; limits are told; a bad file costs itself."""

from __future__ import annotations

import os
import sys
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from reading import problem, read, run, word

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
    made = corpus.load_folder(tmp_path)
    texts = {d.id: d.text for d in made.documents}
    assert set(texts) == {"good.pdf", "good.docx", "page.html", "old.txt", "sub/note.md"}
    assert "EUR 5,000" in texts["good.pdf"] and "Payment: 30 days" in texts["good.docx"]
    assert "x()" not in texts["page.html"] and "Kündigungsfrist beträgt" in texts["old.txt"]
    assert set(made.problems) == {"locked.pdf", "broken.pdf", "broken.docx", "empty.txt", "table.xlsx"}
    assert "password" in made.problems["locked.pdf"] and "OCR" in made.problems["empty.txt"]
    assert ".docx" in made.problems["table.xlsx"]
    assert "5 files left out" in made.report()


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
    made = corpus.load_folder(folder)
    assert [d.id for d in made.documents] == ["inside.txt", "note.txt"]
    assert "outside of the folder" in made.problems["outside.txt"]


def test_a_file_is_read_as_a_folder_that_holds_nothing_else(tmp_path):
    for name, text in (("note.txt", "fine"), ("other.txt", "other"), ("empty.txt", " ")):
        (tmp_path / name).write_text(text)
    assert [(d.id, d.text) for d in corpus.load_folder(tmp_path / "note.txt").documents] == [("note.txt", "fine")]
    with pytest.raises(ValueError, match=r"empty\.txt: it holds no text.*OCR"):
        corpus.load_folder(tmp_path / "empty.txt")
    (tmp_path / "sub").mkdir()
    try:
        (tmp_path / "sub" / "link.txt").symlink_to(tmp_path / "note.txt")
    except OSError:
        pytest.skip("this system makes no links")
    assert corpus.load_folder(tmp_path / "sub" / "link.txt").documents[0].text == "fine"


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    _pdf(tmp_path / "good.pdf")
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    monkeypatch.delitem(sys.modules, "labkit.corpus.pdf", raising=False)
    assert "labkit[files]" in readers.read(tmp_path / "good.pdf").problem


COPIES = [paths.data() / "contracts" / kind for kind in ("pdf", "docx", "html")] + [paths.data() / "files"]


def contract(name):
    return corpus.read_checked(f"contracts/{name}.txt").strip()


@pytest.mark.parametrize("folder", COPIES, ids=lambda folder: folder.name)
def test_copies_of_contracts_hold_their_words_in_order(folder):
    made = corpus.load_folder(folder)
    assert set(made.problems) <= {"C062-scan.pdf"}
    for copy in made.documents:
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
    made = corpus.load_folder(paths.data() / "files")
    [mail] = [d for d in made.documents if d.id.endswith(".eml")]
    assert "\n\n\nPayment term: Seventy-five (75) days\n" in mail.text and "C062.pdf" in made.report()
    assert "OCR" in made.problems["C062-scan.pdf"]


# ------------------------------------------------------------------------------------ one file


@pytest.mark.parametrize(
    ("content", "text", "doubtful"),
    [
        ("The fee is £5,000.".encode("cp1252"), "The fee is £5,000.", True),
        ("The fee is €5,000.".encode("cp1252"), "The fee is €5,000.", True),
        ("The “Fee” is 5 ½ % – §7.".encode("cp1252"), "The “Fee” is 5 ½ % – §7.", True),
        ("Die Größe kostet €5.".encode("iso8859-15"), "Die Größe kostet €5.", True),
        ("Żółta łąka, świeża gęś i źdźbło: umowa kupna.".encode("cp1250"), "Żółta łąka", True),
        ("Договор поставки товара заключён сторонами.".encode("cp1251"), "Договор поставки", True),
        ("The fee is €5,000.".encode(), "The fee is €5,000.", False),
        ("\ufeffThe fee.".encode(), "The fee.", False),
        ("The fee is €5,000.\n".encode("utf-16"), "The fee is €5,000.", False),
        ("The fee is €5,000.\n".encode("utf-16-le"), "The fee is €5,000.", False),
        ("The fee is €5,000.\n".encode("utf-16-be"), "The fee is €5,000.", False),
        ("The fee is €5,000.\n".encode("utf-32-le"), "The fee is €5,000.", False),
        ("Договор поставки. Срок 5 дней.\n".encode("utf-16-le"), "Договор поставки.", False),
        ("A half \ud800 of a letter".encode("utf-8", "surrogatepass"), "A half \ufffd", True),
        ("A half \ud800 of a letter".encode("utf-16", "surrogatepass"), "A half \ufffd of a letter", True),
        (b"One broken " + b"\xff" + " byte, but “good” else – 5 €.".encode(), "but “good” else – 5 €.", True),
    ],
)
def test_encodings_are_read_right_or_reported(tmp_path, content, text, doubtful):
    found, notes = read(tmp_path / "a.txt", content)
    assert text in found and bool(notes) is doubtful


@pytest.mark.parametrize("content", [b"\0" * 1000, b"\x7fELF\x02\x01\0\0\0\xff\xfe\0\x01\x02" * 20, b"\0\0\0"])
def test_what_is_no_text_is_reported(tmp_path, content):
    assert "not text" in problem(tmp_path / "a.txt", content)


@pytest.mark.parametrize(
    ("markup", "encoding", "text"),
    [
        ("<p>£5,000 and €7</p>", "cp1252", "£5,000 and €7"),
        ('<meta charset="windows-1252"><p>£5,000 – €7</p>', "cp1252", "£5,000 – €7"),
        ('<meta charset="iso-8859-1"><p>€5,000</p>', "cp1252", "€5,000"),
        ('<meta charset="windows-1250"><p>Łódź</p>', "cp1250", "Łódź"),
        ('<meta charset="utf-8"><p>£5,000</p>', "cp1252", "£5,000"),
        ("<p>£5,000</p>", "utf-8", "£5,000"),
        ('<meta charset="utf-16"><p>£5,000</p>', "utf-8", "£5,000"),
    ],
)
def test_encodings_of_html(tmp_path, markup, encoding, text):
    assert read(tmp_path / "a.html", markup.encode(encoding))[0] == text


def mail(**parts):
    message = EmailMessage()
    message["From"], message["To"] = "Ann Lee <ann@example.org>", "bob@example.org"
    message["Subject"], message["Date"] = "Prolongation – Größe", "Mon, 6 May 2024 10:00:00 +0200"
    message.set_content(parts.get("plain", "plain"))
    if "html" in parts:
        message.add_alternative(parts["html"], subtype="html")
    return message


def test_an_email_reads_as_a_mail_program_shows_it(tmp_path):
    message = mail(plain="See the HTML part.", html="<p>We <b>ac</b>cept.</p><p style='display:none'>Pay twice.</p>")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="prices.pdf")
    text, notes = read(tmp_path / "a.eml", message.as_bytes())
    assert text.startswith("From: Ann Lee <ann@example.org>\nTo: bob@example.org\nDate: Mon, 06 May 2024")
    assert "Subject: Prolongation – Größe\n\nWe accept." in text and "HTML part" not in text
    assert "prices.pdf" in notes and "Pay twice." in notes and "twice" not in text


def test_plain_and_forwarded_emails(tmp_path):
    inner, outer = mail(plain="The old text: £5,000."), mail(plain="Forwarded.\n")
    outer.add_attachment(inner)
    text, _ = read(tmp_path / "a.eml", outer.as_bytes())
    assert text.index("Forwarded.") < text.index("The old text: £5,000.") and text.count("Subject:") == 2
    raw = b"From: a@example.org\nSubject: x\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\nFee \xa35\n"
    assert "Fee £5" in read(tmp_path / "b.eml", raw)[0]
    raw = b"From: a@example.org\nContent-Type: text/plain; charset=nonsense\n\nFee 5\n"
    assert "Fee 5" in read(tmp_path / "c.eml", raw)[0]


def bomb(path, megabytes):
    """A small Word file with a lot of XML."""
    word(path, run("a"))
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    text = b"<w:p><w:r><w:t>a</w:t></w:r></w:p>"
    body = parts["word/document.xml"]
    cut = body.index(b"<w:sectPr")
    parts["word/document.xml"] = body[:cut] + text * (megabytes * 1_000_000 // len(text)) + body[cut:]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, part in parts.items():
            target.writestr(name, part)


def test_a_word_file_that_unpacks_to_too_much_is_refused_by_size(tmp_path):
    bomb(tmp_path / "a.docx", 61)
    assert (tmp_path / "a.docx").stat().st_size < 1_000_000
    assert "62 MB of XML" in problem(tmp_path / "a.docx")


def test_entities_that_unfold_are_refused(tmp_path):
    word(tmp_path / "a.docx", run("a"))
    with zipfile.ZipFile(tmp_path / "a.docx") as source:
        parts = {name: source.read(name) for name in source.namelist()}
    lines = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 50}">' for i in range(1, 12))
    bad = parts["word/document.xml"].replace(
        b"<w:document", f'<!DOCTYPE x [<!ENTITY a0 "ha">{lines}]><w:document'.encode(), 1
    )
    parts["word/document.xml"] = bad.replace(b">a</w:t>", b">&a11;</w:t>")
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as target:
        for name, part in parts.items():
            target.writestr(name, part)
    assert "cannot be read" in problem(tmp_path / "a.docx")


def test_depth_costs_nothing_or_is_told(tmp_path):
    (tmp_path / "deep.html").write_text("<div>" * 20_000 + "text" + "</div>" * 20_000, encoding="utf-8")
    (tmp_path / "note.txt").write_text("fine", encoding="utf-8")
    message = mail()
    for _ in range(5):
        outer = mail()
        outer.add_attachment(message)
        message = outer
    (tmp_path / "deep.eml").write_bytes(message.as_bytes())
    folder = corpus.load_folder(tmp_path)
    texts = {d.id: d.text for d in folder.documents}
    assert texts["note.txt"] == "fine"
    assert texts.get("deep.html") == "text" or "nested" in folder.problems["deep.html"]
    assert "plain" in texts["deep.eml"]


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "LARGEST_FILE", 0.00001)
    assert "larger than" in problem(tmp_path / "a.txt", b"more than ten bytes")


def test_a_file_that_ends_or_hangs_its_reader_costs_itself(tmp_path, monkeypatch):
    names = ["a.txt", "ends.txt", "b.txt", "c.txt"]
    for name in names:
        (tmp_path / name).write_text("fine", encoding="utf-8")
    # The other process loads this module as it starts.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib\nplain = pathlib.Path.read_bytes\n"
        "pathlib.Path.read_bytes = lambda path: os.abort() if path.name == 'ends.txt' else plain(path)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    if hasattr(os, "mkfifo"):
        names.insert(3, "endless.txt")
        os.mkfifo(tmp_path / "endless.txt")  # nobody ever writes into it
        monkeypatch.setattr(readers, "SECONDS", 2)
    made = dict(zip(names, readers.read_apart([tmp_path / name for name in names]), strict=True))
    assert [made[name].text for name in ("a.txt", "b.txt", "c.txt")] == ["fine"] * 3
    assert "breaks its reader" in made["ends.txt"].problem
    assert "endless.txt" not in made or "took more than 2 s" in made["endless.txt"].problem


def test_the_report_names_what_was_left_out(tmp_path):
    (tmp_path / "a.html").write_text("<p>seen</p><p hidden>SECRET</p>", encoding="utf-8")
    report = corpus.load_folder(tmp_path).report()
    assert "1 documents read" in report and '- a.html, hidden text: "SECRET"' in report
