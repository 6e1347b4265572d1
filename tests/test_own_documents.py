"""A folder of documents and a file of questions become a report; what cannot be used is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_model import tiny_folder

from labkit import corpus, own_documents, questions, roi
from labkit.corpus import Span

TOWNS = ("Oslo", "Ghent", "Porto", "Turin", "Lyon", "Bergen", "Delft")
ROWS = [
    {"question": f"Where is hall {n}?", "answer": town, "evidence": f"stands in {town}"} for n, town in enumerate(TOWNS)
] + [{"question": "Who paints the halls?", "answer": "", "evidence": ""}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("own") / "halls"
    made.mkdir()
    for n, town in enumerate(TOWNS):
        text = f"Lease of hall {n}\n\nThe hall stands\nin {town}. It is let for {n + 2} years.\n\nThe key is kept."
        (made / f"hall{n}.txt").write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def documents(folder):
    return corpus.load_folder(folder).documents


def written(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_evidence_is_found_whatever_blanks_there_are(tmp_path, documents):
    asked = own_documents.read_questions(written(tmp_path / "q.jsonl", ROWS), documents)
    assert [q.answer for q in asked] == [*TOWNS, None] and asked[-1].task == "unanswerable"
    first = asked[0]
    assert documents[0].quote(first.evidence[0]) == "stands\nin Oslo" and first.cluster == "hall0.txt"


def test_a_table_will_do(tmp_path, documents):
    path = tmp_path / "q.csv"
    path.write_text('question,answer,evidence,document\n"Where, exactly?",Oslo,stands in Oslo,hall0.txt\nWho?,,,\n')
    asked = own_documents.read_questions(path, documents)
    assert [(q.question, q.answer) for q in asked] == [("Where, exactly?", "Oslo"), ("Who?", None)]


def test_a_table_as_excel_saves_it_will_do(tmp_path, documents):
    path = tmp_path / "q.csv"
    path.write_text('question;answer;evidence;document\n"Where, exactly?";Oslo;stands in Oslo;\n', encoding="utf-8-sig")
    [asked] = own_documents.read_questions(path, documents)
    assert (asked.question, asked.answer) == ("Where, exactly?", "Oslo")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.docx", b"PK\xff"),
        ("q.csv", "question\nWo h\u00f6rt es auf?".encode("latin-1")),
        ("q.jsonl", b"Where?"),
        ("q.csv", b""),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, documents, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} cannot be read as a table"):
        own_documents.read_questions(tmp_path / name, documents)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (dict(evidence=""), "it has an answer without evidence; add the words"),
        (dict(evidence="stands in Rome"), "stand in no document that was read; quote them exactly"),
        (dict(evidence="The key is kept."), "stand in 7 documents; quote them exactly, and name the document"),
        (dict(document="hall9.txt"), "there is no document 'hall9.txt'; name a file of the folder"),
    ],
)
def test_a_question_that_cannot_be_used_is_named(tmp_path, documents, changed, said):
    with pytest.raises(ValueError, match=f"Question 2 of q.jsonl cannot be used: .*{said}"):
        own_documents.read_questions(written(tmp_path / "q.jsonl", [ROWS[0], ROWS[1] | changed]), documents)


def test_missing_columns_and_empty_files_are_said(tmp_path, documents):
    with pytest.raises(ValueError, match="it has no 'answer'"):
        own_documents.read_questions(written(tmp_path / "q.jsonl", [{"question": "Where?"}]), documents)
    with pytest.raises(ValueError, match="holds no question: write some"):
        own_documents.read_questions(written(tmp_path / "q.jsonl", []), documents)


def test_questions_that_a_model_wrote_are_taken_unless_dropped(tmp_path, documents):
    place = Span("hall0.txt", 0, 17)
    rows = [questions.WrittenQuestion("Where?", "Oslo", place), questions.WrittenQuestion("Who?", "x", place)]
    path = questions.save([rows[0], replace(rows[1], dropped="refused")], tmp_path / "q.jsonl")
    [asked] = own_documents.read_questions(path, documents)
    assert (asked.question, asked.evidence) == ("Where?", (place,))


def test_from_a_folder_to_the_reports_and_once_more_without_asking(tmp_path, folder, monkeypatch):
    model, path = str(tiny_folder(tmp_path / "model")), written(tmp_path / "q.jsonl", ROWS)
    files = own_documents.measure(folder, tmp_path / "out", path, model, {"value": 3.0})
    report = files[0].read_text(encoding="utf-8")
    assert {f.name for f in files} == {"report.md", "decision.html", "figures.csv"}
    assert "7 documents read" in report and "8 questions about 7 documents" in report
    assert "fewer than about 200 questions nothing is trained" in report
    assert all(f"| {name} |" in report for name in own_documents.SYSTEMS)
    monkeypatch.setattr(own_documents.bench, "measure_times", None)
    answers = (tmp_path / "out" / "answers.jsonl").read_bytes()
    again = own_documents.measure(folder, tmp_path / "out", path, model, {"value": 3.0})
    assert (
        again[0].read_text(encoding="utf-8") == report and (tmp_path / "out" / "answers.jsonl").read_bytes() == answers
    )
    (folder / "hall0.txt").write_text((folder / "hall0.txt").read_text() + "\nMore.")
    with pytest.raises(ValueError, match="holds results of other documents"):
        own_documents.measure(folder, tmp_path / "out", path, model)


def test_where_there_are_enough_questions_half_of_the_documents_train(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(own_documents, "ENOUGH", 3)
    model, path = str(tiny_folder(tmp_path / "model")), written(tmp_path / "q.jsonl", ROWS)
    report = own_documents.measure(folder, tmp_path / "out", path, model)[0].read_text(encoding="utf-8")
    assert f"| {own_documents.TRAINED} |" in report and "3 others, about other documents, were trained on" in report
    assert (tmp_path / "out" / "adapters" / "sft" / "training.json").exists()
    assert "about 4 documents were measured on" in report


def test_the_model_writes_questions_where_there_are_none(tmp_path, folder, documents, monkeypatch):
    place = Span("hall0.txt", 0, 17)
    rows = [
        questions.WrittenQuestion("Where?", "Oslo", place),
        questions.WrittenQuestion("Who?", "x", place, dropped="refused"),
    ]
    monkeypatch.setattr(own_documents.questions, "write_questions", lambda *_, **__: rows)
    monkeypatch.setattr(own_documents.models, "load_generator", lambda _: SimpleNamespace())
    path = own_documents._write_questions(documents, tmp_path / "questions.jsonl", "m")
    assert questions.load(path) == rows
    monkeypatch.setattr(own_documents.questions, "write_questions", None)
    assert own_documents._write_questions(documents, path, "m") == path
    asked = own_documents.read_questions(path, documents)
    assert "1 of them no person has checked" in own_documents._asked(asked, 0, asked, path)
    questions.save([replace(row, dropped="leak") for row in rows], path)
    with pytest.raises(ValueError, match="No question that the model wrote passed the filters"):
        own_documents._write_questions(documents, path, "m")


def test_a_question_about_a_source_is_not_taken_for_a_model_s(tmp_path, documents):
    path = written(tmp_path / "q.jsonl", [ROWS[0] | {"question": 'Where is the "source" of hall 0?'}])
    asked = own_documents.read_questions(path, documents)
    assert "The model wrote" not in own_documents._asked(asked, 0, asked, path)


def test_assumptions_are_read_by_name():
    assert own_documents.read_assumptions(["value=3", "machine=x"]) == {"value": 3.0, "machine": "x"}
    assert set(own_documents.ASSUMED) <= set(roi.Assumptions.__dataclass_fields__)
    with pytest.raises(ValueError, match="nothing to assume called 'worth': choose one of value"):
        own_documents.read_assumptions(["worth=3"])
    with pytest.raises(ValueError, match="value is 'much': give a number, such as value=12"):
        own_documents.read_assumptions(["value=much"])
