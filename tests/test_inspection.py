"""What labkit sees of a document, page by page, beside what it leaves out."""

from __future__ import annotations

import pytest

from labkit import cli, corpus, inspection, paths

FILES = paths.data() / "files"


def test_a_report_shows_each_page_beside_what_was_left_out(tmp_path):
    (tmp_path / "a.html").write_text("<p>seen &lt;b&gt;</p><p hidden>SECRET</p>", encoding="utf-8")
    (tmp_path / "b.xlsx").write_bytes(b"")
    text = inspection.report(tmp_path)
    assert "b.xlsx: not read" in text and '!! hidden text: "SECRET"' in text and "--- page 1\nseen <b>" in text
    pages = inspection.report(FILES / "C040.pdf").split("--- page ")
    assert len(pages) > 3 and "Execution copy of contract C040" in pages[0] and "PAGE" not in pages[2]


def test_the_command_prints_it_and_tells_what_is_wrong(capsys, tmp_path):
    assert cli.main(["inspect", str(FILES / "C062.eml")]) == 0
    assert "Payment term: Seventy-five (75) days" in capsys.readouterr().out
    assert cli.main(["inspect", str(FILES / "C062-scan.pdf")]) == 1
    assert "OCR" in capsys.readouterr().err
    assert cli.main(["inspect", str(tmp_path / "nothing")]) == 1
    assert "check the path" in capsys.readouterr().err


def test_a_pdf_has_a_picture_and_no_html_of_its_own():
    folder = corpus.load_folder(FILES / "C040.pdf")
    [document] = folder.documents
    html = inspection.page_html(document, 2, folder.left_out)
    assert html.count("<img") == 1 and "lines that pages repeat" in html
    harmful = corpus.Document("x.txt", "x", "<script>alert(1)</script>", {"path": "x.txt", "pages": [0]})
    html = inspection.page_html(harmful, 1, {"x.txt": ["<b>note</b>"]})
    assert "<script>" not in html and "<b>note" not in html and "<img" not in html


def test_the_viewer_turns_pages_and_changes_documents():
    pytest.importorskip("ipywidgets")
    viewer = inspection.document_viewer(FILES)
    (chosen, page), view = viewer.children[0].children, viewer.children[1]
    first = view.value
    assert "C062-scan.pdf: not read" in first
    page.value = 2
    assert view.value != first
    chosen.value = "C062.eml"
    assert page.max == 1 and page.value == 1 and "Please file the particulars" in view.value
