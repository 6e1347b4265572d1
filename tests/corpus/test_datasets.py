"""The course's data is loaded with its checksums, gold facts stand where they should, CUAD is read as published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from labkit import corpus, paths


@pytest.fixture
def copied_data(tmp_path, monkeypatch):
    """A copy of the data (without the reader) that a test may damage."""
    folder = tmp_path / "data"
    shutil.copytree(paths.data(), folder, ignore=shutil.ignore_patterns("models"))
    monkeypatch.setenv("LABKIT_DATA", str(folder))
    yield folder


def test_documents_and_questions_load():
    documents = {d.id: d for d in corpus.load_documents()}
    assert {"playbook"} < set(documents)
    for question in corpus.load_questions("dev"):
        for span in question.evidence:
            assert documents[span.document].quote(span).strip()


def test_splits_select_contracts():
    dev = corpus.load_documents("dev", kinds=("contract", "amendment"))
    assert dev and all(d.metadata["split"] == "dev" for d in dev)
    with pytest.raises(ValueError, match="train, dev, test"):
        corpus.load_documents("validation")
    with pytest.raises(ValueError, match="register"):
        corpus.load_documents(kinds=("emails",))


def test_a_single_kind_in_place_of_a_list_is_refused():
    with pytest.raises(ValueError, match="write kinds="):
        corpus.load_documents(kinds="contract")


def test_the_test_split_stays_closed():
    with pytest.raises(ValueError, match="benchmark"):
        corpus.load_questions("test")
    with pytest.raises(ValueError, match="lookup"):
        corpus.load_questions("dev", task="poetry")


def test_a_missing_file_says_what_to_do(copied_data):
    (copied_data / "playbook.md").unlink()
    with pytest.raises(FileNotFoundError, match="git checkout data"):
        corpus.load_documents(kinds=("playbook",))


def test_a_changed_file_is_refused(copied_data):
    path = copied_data / "questions" / "dev.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="checksum"):
        corpus.load_questions("dev")


def test_changed_and_missing_files_are_listed(copied_data):
    assert corpus.changed_files() == {}
    (copied_data / "models" / "intents").mkdir(parents=True)
    (copied_data / "playbook.md").write_text("another", encoding="utf-8")
    (copied_data / "results" / "triples.jsonl").unlink()
    assert corpus.changed_files(copied_data) == {
        "playbook.md": "changed",
        "results/triples.jsonl": "missing",
        "models/intents/SHA256SUMS": "missing",
    }


def test_the_description_counts_what_is_there():
    lines: dict[str, list[str]] = {}
    for line in corpus.describe().splitlines():
        if line.strip():  # the first table that counts a task is that of all questions
            lines.setdefault(line.split()[0], line.split()[1:])
    asked = [row for split in corpus.SPLITS for row in paths.read_rows(f"questions/{split}.jsonl")]
    assert int(lines["compare"][-1]) == sum(row["task"] == "compare" for row in asked)
    assert lines["style"] == [] and lines["letter"] == ["0", "6", "0", "0", "8", "0"]


# ------------------------------------------------------------------------------ the gold graph


@pytest.fixture(scope="module")
def dev():
    return corpus.load_documents("dev")


def test_facts_stand_where_they_are_said_to(dev):
    by_id = {d.id: d for d in dev}
    facts = corpus.gold_facts(dev)
    assert all(by_id[f.span.document].quote(f.span) == f.object for f in facts)
    assert corpus.gold_facts(dev[::-1])[0].span.document == dev[-2].id and dev[-1].id == "playbook"
    assert {f.relation for f in facts} <= {
        *corpus.clause_relations(),
        *corpus.PARTY_RELATIONS,
        *corpus.COMPANY_RELATIONS,
    }


# ---------------------------------------------- CUAD, as a made file of its published form

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
