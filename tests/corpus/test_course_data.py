"""The course's data is loaded with its checksums."""

from __future__ import annotations

import shutil

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
