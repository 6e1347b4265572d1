"""The data: reproducible to the byte, free of leaks, sound in its spans and sizes."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from synthesis.archive import build, checks, clauses, questions, values

DATA = Path(__file__).resolve().parents[2] / "data"
Rows = list[dict[str, Any]]


def _build(folder: Path) -> Path:
    folder.mkdir()
    for name in checks.BY_HAND:
        shutil.copy(DATA / name, folder / name)
    build.main(folder)
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    names = [*checks.digests(folder), "SHA256SUMS"]
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(tmp_path_factory.mktemp("first") / "data")


@pytest.fixture(scope="module")
def loaded() -> dict[str, Rows]:
    rows = {split: checks.read(DATA / "questions" / f"{split}.jsonl") for split in checks.SPLITS}
    return rows | {name: checks.read(DATA / f"{name}.jsonl") for name in ("contracts", "companies")}


def _leaks(loaded: dict[str, Rows]) -> list[str]:
    return checks.leaks(loaded["train"], loaded["test"], loaded["contracts"], loaded["companies"], loaded["dev"])


def test_two_builds_and_the_committed_data_are_the_same_bytes(built: Path, tmp_path: Path) -> None:
    first, again, committed = _files(built), _files(_build(tmp_path / "data")), _files(DATA)
    assert first == again
    differing = [name for name in first.keys() | committed.keys() if first.get(name) != committed.get(name)]
    assert differing == []


def test_a_build_keeps_what_is_written_by_hand(built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "note.txt").write_text("kept", encoding="utf-8")
    (folder / "questions").mkdir()
    (folder / "questions" / "old.jsonl").write_text("{}\n", encoding="utf-8")
    build.main(folder)
    assert (folder / "models" / "note.txt").read_text(encoding="utf-8") == "kept"
    assert not (folder / "questions" / "old.jsonl").exists()
    assert not any("models" in line for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines())


def test_the_committed_data_pass_every_check() -> None:
    assert checks.verify(DATA) == []


def test_the_wordings_have_no_flaws() -> None:
    assert checks.check_wordings() == []


def test_every_flaw_of_a_wording_is_named() -> None:
    row = {"id": "x", "style": "odd", "text": "Pay {value} or {value} to {C} after {other:moons} under {ref:nothing}."}
    found = " ".join(checks._check_clause("x", row, "days"))
    for part in ("unknown style", "{value} 2 times", "{C:}", "{other:moons}", "{ref:nothing}", "words"):
        assert part in found


# ---- damage is found


@pytest.fixture()
def damaged(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "damaged"))


def _edit(path: Path, change: Any) -> None:
    rows = checks.read(path)
    change(rows)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_a_corrupted_file_is_found(damaged: Path) -> None:
    path = damaged / "contracts" / "C002.txt"
    path.write_text(path.read_text(encoding="utf-8") + "x", encoding="utf-8")
    assert any("contracts/C002.txt is changed" in line for line in checks.verify(damaged))


def test_a_missing_and_an_extra_file_are_found(damaged: Path) -> None:
    (damaged / "contracts" / "C002.txt").rename(damaged / "contracts" / "C999.txt")
    found = checks._check_sums(damaged)
    assert any("C002.txt is missing" in line for line in found)
    assert any("C999.txt is not listed" in line for line in found)
    (damaged / "companies.jsonl").unlink()
    assert "companies.jsonl" in checks.verify(damaged)[0]


def test_altered_and_missing_results_are_found(damaged: Path) -> None:
    folder = Path(shutil.copytree(DATA / "results", damaged / "results"))
    assert checks.verify(damaged) == []
    (folder / "triples.jsonl").write_text("{", encoding="utf-8")
    (folder / "benchmark.json").unlink()
    found = checks.verify(damaged)
    assert any("results/triples.jsonl is changed" in line for line in found)
    assert any("results/benchmark.json is missing" in line for line in found)
    (folder / "SHA256SUMS").unlink()
    assert any("results/SHA256SUMS is missing" in line for line in checks.verify(damaged))


def test_a_wrong_span_is_found(damaged: Path) -> None:
    def shift(rows: Rows) -> None:
        rows[0]["clauses"][0]["value_start"] += 1

    _edit(damaged / "contracts.jsonl", shift)
    assert any("span does not hold" in line for line in checks.verify(damaged))


def test_evidence_out_of_bounds_and_too_few_questions_are_found(damaged: Path) -> None:
    def cut(rows: Rows) -> None:
        rows[:] = [row for row in rows if row["task"] != "compare"]
        rows[0]["evidence"][0]["end"] = 10**6

    _edit(damaged / "questions" / "test.jsonl", cut)
    found = checks.verify(damaged)
    assert any("lies outside its text" in line for line in found)
    assert any("Test questions of compare, new: 0" in line for line in found)


def test_a_wrong_pdf_alignment_is_found(damaged: Path) -> None:
    _edit(damaged / "pdf_alignment.jsonl", lambda rows: rows[0].update(text="something else"))
    assert any("pdf_alignment.jsonl" in line and "differs from the evidence" in line for line in checks.verify(damaged))


# ---- leaks are found


def test_the_data_have_no_leaks(loaded: dict[str, Rows]) -> None:
    assert _leaks(loaded) == []


def _planted(loaded: dict[str, Rows], **change: Any) -> str:
    """Leaks after one training question has been changed."""
    rows = copy.deepcopy(loaded)
    rows["train"][0].update(change)
    return " ".join(_leaks(rows))


def test_a_paraphrase_by_names_and_numbers_is_a_leak(loaded: dict[str, Rows]) -> None:
    names = [c["short"] for c in loaded["companies"] if c["pool"] == "test"]
    other = [c["short"] for c in loaded["companies"] if c["pool"] == "train"]
    row = next(r for r in loaded["test"] if sum(name in r["question"] for name in names) == 2 and not r["followup"])
    text = row["question"]
    for old, new in zip([name for name in names if name in text], other, strict=False):
        text = text.replace(old, new)
    assert text != row["question"]
    assert f"{row['id']} equals" in _planted(loaded, question=text)


def test_a_new_contract_in_training_is_a_leak(loaded: dict[str, Rows]) -> None:
    new = [row for row in loaded["contracts"] if row["split"] == "test" and not row["amends"]]
    named = next(row for row in new if row["nickname"])
    pair = [party["short"] for party in new[0]["parties"]]
    assert f"has the new contract {new[0]['id']}" in _planted(loaded, documents=[new[0]["id"]])
    assert f"names the new contract {new[0]['id']}" in _planted(
        loaded, question=f"What do {pair[0]} and {pair[1]} owe?"
    )
    assert f"names the new contract {named['id']}" in _planted(loaded, question=f"Who runs {named['nickname']}?")
    assert f"names the new contract {new[0]['id']}" in _planted(loaded, standalone=f"And for {new[0]['subject']}?")


def test_the_same_fact_in_the_same_wording_is_a_leak(loaded: dict[str, Rows]) -> None:
    row = next(r for r in loaded["test"] if r["half"] == "seen")
    found = _planted(loaded, fact=row["fact"], wording=row["wording"])
    assert "same fact in the same wording" in found
    assert f"wording {row['wording']} occurs in test and in training" in found


def test_training_on_a_dev_contract_is_a_leak(loaded: dict[str, Rows]) -> None:
    dev = next(row["id"] for row in loaded["contracts"] if row["split"] == "dev")
    assert "a contract of another split" in _planted(loaded, documents=[dev])


def test_masking() -> None:
    text = "Copperlark Ltd's contract of 3 March 2023: forty-five (45) days, USD 2,000,000, 1.5 % and $3 million?"
    masked = checks.mask(text, ["Copperlark"])
    assert masked == "<name>'s contract of <date>: <number> days, <money>, <percent> and <money>?"
    assert checks.mask("Tobias Lindqvist of Malmö") == "<name> of <name>"


# ---- values and sentences


@pytest.mark.parametrize(
    ("kind", "amount", "unit", "canonical", "alias"),
    [
        ("days", 45, "day", "45 days", "forty-five (45) days"),
        ("duration_long", 2, "year", "2 years", "24 months"),
        ("duration_long", 24, "month", "24 months", "two years"),
        ("days_months", 1, "month", "1 month", "one month"),
        ("weeks_days", 6, "week", "6 weeks", "42 days"),
        ("hours", 72, "hour", "72 hours", "3 days"),
        ("business_days", 10, "business day", "10 business days", "ten working days"),
        ("money", 2_500_000, "", "EUR 2,500,000", "EUR 2.5 million"),
        ("percent", 1.5, "%", "1.5%", "one point five per cent"),
        ("percent", 98.75, "%", "98.75%", "98.75 percent"),
        ("count", 250, "user", "250", "two hundred and fifty"),
    ],
)
def test_values(kind: str, amount: float, unit: str, canonical: str, alias: str) -> None:
    value = values.make(kind, amount, unit, "EUR")
    assert value.canonical == canonical
    assert alias in value.aliases


def test_differences_keep_the_unit() -> None:
    month, year = values.make("duration_long", 18, "month"), values.make("duration_long", 2, "year")
    gap = values.difference(values.make("percent", 4, "%"), values.make("percent", 2.5, "%"))
    assert gap is not None and "1.5 percentage points" in gap.aliases
    assert values.difference(month, year) is None


def test_sentences_keep_their_grammar() -> None:
    slots = {"contract": "the lease", "A": "Plumbline Works", "topic": "initial term", "nickname": "the Lantern plan"}
    assert questions.phrase("{contract}: is {A}'s copy signed?", slots) == "The lease: is Plumbline Works' copy signed?"
    assert questions.phrase("the {nickname} deal has a {topic}?", slots) == "The Lantern plan deal has an initial term?"


def test_the_evidence_is_the_sentence_of_the_value() -> None:
    text = "Acme Inc. pays late. It owes 5% of the sum. Nothing else."
    start = text.index("5%")
    first, last = clauses.Written(text, start, start + 2).evidence()
    assert text[first:last] == "It owes 5% of the sum."


# ---- answers are right


def test_lists_are_complete(loaded: dict[str, Rows]) -> None:
    """Every `value` list agrees with a reading of the contracts, amendments included."""
    force: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(loaded["contracts"], key=lambda row: (row["amends"] is not None, row["date"])):
        for clause in row["clauses"]:
            force[row["amends"] or row["id"], clause["category"]] = clause
    parties = {row["id"]: [p["company"] for p in row["parties"]] for row in loaded["contracts"] if not row["amends"]}
    names = {row["id"]: row["name"] for row in loaded["companies"]}
    checked = 0
    for question in loaded["test"]:
        if question["wording"].startswith("list.value"):
            company, category, _, value = question["fact"].split(":")
            expected = {names[other] for (contract, found), clause in force.items() for other in parties[contract]
                        if found == category and company in parties[contract] and other != company
                        and value in clause["aliases"]}  # fmt: skip
            assert {item[0] for item in question["items"]} == expected, question["id"]
            checked += 1
    assert checked >= 40


def test_amended_questions_ask_for_the_latest_value(loaded: dict[str, Rows]) -> None:
    latest: dict[str, tuple[str, str]] = {}
    for row in sorted(loaded["contracts"], key=lambda row: row["date"]):
        for clause in row["clauses"] if row["amends"] else []:
            latest[f"{row['amends']}:{clause['category']}"] = (row["id"], clause["value"])
    rows = [row for split in checks.SPLITS for row in loaded[split]]
    for row in rows:
        if row["task"] == "amended":
            assert latest[row["fact"].removesuffix(":now")] == (row["evidence"][0]["document"], row["answer"])
        if row["task"] == "lookup":
            assert row["fact"] not in latest
