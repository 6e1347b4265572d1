"""CUAD in its published form: a made file of that form is read, and what cannot be used is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labkit import corpus

TEXT = "RESELLER AGREEMENT\n\nThis Agreement is governed by the laws of Utah.  Disputes go to the courts of Utah."
LAW = "governed by the laws of Utah"


def question(category: str, details: str, *marked: str) -> dict[str, Any]:
    return {
        "id": f"ACME_2001-EX-10__{category}",
        "question": f'Highlight the parts of this contract related to "{category}". Details: {details}',
        "answers": [{"text": text, "answer_start": TEXT.index(text)} for text in marked],
        "is_impossible": not marked,
    }


ROWS = [
    question("Document Name", "The name of the contract", "RESELLER AGREEMENT"),
    question("Governing Law", "Which law governs?", LAW, "courts of Utah"),
    question("Cap On Liability", "Is liability capped?"),
]


def written(folder: Path, rows: list[dict[str, Any]]) -> Path:
    contract = {"title": "ACME_2001-EX-10", "paragraphs": [{"qas": rows, "context": TEXT}]}
    path = folder / "CUAD_v1.json"
    path.write_text(json.dumps({"version": "aok_v1.0", "data": [contract]}), encoding="utf-8")
    return path


def test_contracts_and_questions_are_read(tmp_path):
    documents, asked = corpus.load_cuad(written(tmp_path, ROWS))
    assert [(d.id, d.text) for d in documents] == [("ACME_2001-EX-10", TEXT)]
    assert [(q.task, q.category) for q in asked] == [
        ("lookup", "Document Name"), ("lookup", "Governing Law"), ("unanswerable", "Cap On Liability"),
    ]  # fmt: skip
    law = asked[1]
    assert law.question == "ACME_2001-EX-10: Governing Law. Which law governs?"
    assert law.accepted() == (LAW, "courts of Utah") and law.cluster == "ACME_2001-EX-10"
    assert [documents[0].quote(span) for span in law.evidence] == [LAW, "courts of Utah"]
    assert asked[2].answer is None and asked[2].evidence == ()


def test_categories_can_be_chosen(tmp_path):
    _, [asked] = corpus.load_cuad(written(tmp_path, ROWS), ["Governing Law"])
    assert asked.category == "Governing Law"
    with pytest.raises(ValueError, match="asks nothing about Warranty"):
        corpus.load_cuad(written(tmp_path, ROWS), ["Warranty"])


def test_what_cannot_be_used_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"get CUAD_v1\.json from"):
        corpus.load_cuad(tmp_path / "none.json")
    moved = question("Governing Law", "Which law governs?", LAW)
    moved["answers"][0]["answer_start"] += 1
    with pytest.raises(ValueError, match="marked for 'ACME_2001-EX-10__Governing Law' does not stand"):
        corpus.load_cuad(written(tmp_path, [moved]))
    for content in ("no JSON", '{"data": [{}]}', "[]"):
        (tmp_path / "other.json").write_text(content)
        with pytest.raises(ValueError, match=r"other\.json has not the form of CUAD_v1\.json"):
            corpus.load_cuad(tmp_path / "other.json")
