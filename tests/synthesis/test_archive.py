"""The data: reproducible to the byte, free of leaks, sound in its spans and sizes."""

from __future__ import annotations

import copy
import datetime
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthesis.archive import (
    build,
    checks,
    clauses,
    consistency,
    definitions,
    figures,
    notices,
    references,
    terms,
    values,
    wording_checks,
)

from labkit import corpus

DATA = Path(__file__).resolve().parents[2] / "data"
Rows = list[dict[str, Any]]


def _build(folder: Path) -> Path:
    folder.mkdir()
    for name in checks.BY_HAND:
        shutil.copy(DATA / name, folder / name)
    for name in checks.SHIPPED:
        shutil.copytree(DATA / name, folder / name)
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


def test_the_order_of_sets_plays_no_part(built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in checks.BY_HAND:
        shutil.copy(DATA / name, folder / name)
    for name in checks.SHIPPED:
        shutil.copytree(DATA / name, folder / name)
    code = f"from synthesis.archive import build; from pathlib import Path; build.main(Path({str(folder)!r}))"
    environment = os.environ | {"PYTHONHASHSEED": "4242", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert _files(folder) == _files(built)


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
    assert wording_checks.check_wordings() == []


def test_every_flaw_of_a_wording_is_named() -> None:
    row = {"id": "x", "style": "odd", "text": "Pay {value} or {value} to {C} after {other:moons} under {ref:nothing}."}
    found = " ".join(wording_checks._check_clause("x", row, "days"))
    row = {"id": "x", "style": "us", "text": "Under Section {ref:deposit} the Purple Notice is due in {value}."}
    found += " ".join(wording_checks._check_clause("cure_period.us.9", row, "days"))
    for part in (
        "unknown style",
        "a clause on deposit that may be absent",
        "'Purple Notice', which nothing defines",
        "{value} 2 times",
        "{C:}",
        "{other:moons}",
        "{ref:nothing}",
        "words",
    ):
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
    (folder / "hypothetical_questions.jsonl").unlink()
    found = checks.verify(damaged)
    assert any("results/triples.jsonl is changed" in line for line in found)
    assert any("results/hypothetical_questions.jsonl is missing" in line for line in found)
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


# ---- what a lawyer would stumble over is found


@pytest.fixture(scope="module")
def texts(loaded: dict[str, Rows]) -> dict[str, str]:
    return checks._texts(DATA, loaded["contracts"], loaded["companies"])


Change = Callable[[dict[str, Rows], dict[str, str]], None]


def _contract(rows: dict[str, Rows], *categories: str, kind: str | None = None) -> dict[str, Any]:
    """The first contract that has clauses of these categories."""
    return next(r for r in rows["contracts"] if not r["amends"] and kind in (None, r["kind"])
                and set(categories) <= {c["category"] for c in r["clauses"]})  # fmt: skip


def _clause(row: dict[str, Any], category: str) -> dict[str, Any]:
    return next(c for c in row["clauses"] if c["category"] == category)


def _set(category: str, value: str, *others: str) -> Change:
    def change(rows: dict[str, Rows], texts: dict[str, str]) -> None:
        _clause(_contract(rows, category, *others), category)["value"] = value

    return change


def _same_party(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    parties = rows["contracts"][0]["parties"]
    parties[1]["company"] = parties[0]["company"]


def _same_group(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    first, second = (party["company"] for party in rows["contracts"][0]["parties"])
    known = {company["id"]: company for company in rows["companies"]}
    known[second]["parent"] = known[first]["parent"]


def _wrong_kind(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    _contract(rows, "delivery_time", kind="supply")["kind"] = "consultancy"


def _wrong_wording(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    row = _contract(rows, "delivery_time", kind="equipment_lease")
    _clause(row, "delivery_time")["wording"] = "delivery_time.plain.2"


def _missing_partner(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    row = _contract(rows, "renewal_term", "renewal_notice")
    row["clauses"].remove(_clause(row, "renewal_term"))


def _old_order(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    row = rows["contracts"][0]
    texts[row["id"]] += " Purchase orders accepted before 4 May 2011 keep their own terms."


def _early_shipment(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    for row in rows["contracts"]:
        for clause in row["clauses"]:
            if clause["wording"] == "delivery_time.us.1":
                old = texts[row["id"]][clause["start"] : clause["end"]]
                new = f"{old.split('Shipments more')[0]}Shipments more than 180 days early may be refused at "
                new += "X's expense. Risk passes on delivery."
                texts[row["id"]] = texts[row["id"]].replace(old, new)
                clause["end"] += len(new) - len(old)
                return


def _foreign_court(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    row = rows["contracts"][0]
    _clause(row, "jurisdiction")["value"] = "Helsinki"
    _clause(row, "governing_law")["value"] = "Danish law"


def _foreign_laws(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    for row in rows["contracts"]:
        for clause in row["clauses"] if not row["amends"] else ():
            if clause["category"] in ("governing_law", "jurisdiction"):
                clause["value"] = "Finnish law" if clause["category"] == "governing_law" else "Helsinki"


def _foreign_law(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    known = {company["id"]: company for company in rows["companies"]}
    row = next(r for r in rows["contracts"] if _clause(r, "governing_law")["value"] == "Italian law")
    for party in row["parties"]:
        known[party["company"]]["country"] = "Sweden"


def _say(sentence: str, *, amendment: bool = False, without: str = "first_refusal", style: str = "") -> Change:
    """Add a sentence to a text before its signatures, of a contract without a clause of this category."""

    def change(rows: dict[str, Rows], texts: dict[str, str]) -> None:
        row = next(r for r in rows["contracts"] if bool(r["amends"]) == amendment and style in ("", r["style"])
                   and without not in {c["category"] for c in r["clauses"]})  # fmt: skip
        texts[row["id"]] += f"\n\n{sentence}"

    return change


def _define(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    """A definition that nothing uses."""
    row = next(r for r in rows["contracts"] if r["style"] == "us" and "Losses" not in texts[r["id"]])
    texts[row["id"]] += '\n\n"Losses" means damages and fines.'


def _repeat(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    """An amendment says what an article of its contract says already."""
    row = next(r for r in rows["contracts"] if r["amends"])
    texts[row["id"]] += texts[row["amends"]]


def _passing(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    """A new value below the shorter time that its clause allows for one case."""
    known = {row["id"]: row for row in rows["contracts"]}
    for row in rows["contracts"]:
        for clause in row["clauses"] if row["amends"] else ():
            base = _clause(known[row["amends"]], clause["category"])
            wording = clauses.by_id()[base["wording"]]["text"]
            said = figures.beside(wording, texts[row["amends"]][base["start"] : base["end"]],
                                              {c["category"] for c in known[row["amends"]]["clauses"]})  # fmt: skip
            if figures.between(said or [], values.size_of(base["value"]))[0]:
                clause["value"] = {"day": "1 hour", "%": "0.01%"}.get(
                    values.CATEGORIES[base["category"]].kind, "1 hour"
                )
                return


def _early_amendment(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    row = next(row for row in rows["contracts"] if row["amends"])
    row["date"], row["round"] = "2016-12-31", 0


def _wrong_round(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    next(row for row in rows["contracts"] if row["round"] == 2)["round"] = 1


def _empty_round(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    rows["contracts"] = [r for r in rows["contracts"] if (r["split"], r["round"]) != ("dev", 3)]


def _late(rows: dict[str, Rows], texts: dict[str, str]) -> None:
    for row in rows["contracts"]:
        row["round"] = 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_same_party, "contracts with itself"),
        (_same_group, "contracts with itself or with its own group"),
        (_wrong_kind, "does not belong to a consultancy"),
        (_wrong_wording, "delivery_time.plain.2 does not belong to a equipment lease"),
        (_missing_partner, "has renewal_notice without renewal_term"),
        (_set("renewal_notice", "90 months", "renewal_term"), "renewal_notice and renewal_term contradict"),
        (_set("minimum_commitment", "USD 90,000,000"), "minimum_commitment and liability_cap contradict"),
        (_set("deposit", "USD 9,000,000", "minimum_commitment"), "deposit and minimum_commitment contradict"),
        (_set("cure_period", "11 months"), "cure_period and convenience_termination contradict"),
        (_set("insurance_cover", "EUR 5,000"), "liability_cap and insurance_cover contradict"),
        (_old_order, "speaks of 2011-05-04, which does not fit its date"),
        (_set("insurance_cover", "EUR 900,000,000"), "insurance_cover and liability_cap contradict"),
        (_set("liability_cap", "EUR 80,000,000", "minimum_commitment"), "liability_cap and minimum_commitment contrad"),
        (_early_shipment, "180 days does not fit beside"),
        (_foreign_court, "a court in Helsinki does not go with Danish law"),
        (_foreign_law, "both parties come from Sweden, but Italian law governs"),
        (_say("Clause 97.3 applies.", style="classic"), "refers to 97.3, which"),
        (_say("It is in line with sections 2 and 98.", style="plain"), "refers to 98, which"),
        (_say("As paragraph (zz) says, we agree.", style="letter"), "refers to zz, which"),
        (_say("Article 99 of the Main Contract applies.", amendment=True, style="civil"), "refers to 99, which"),
        (_say("The annex lists them."), "mentions 'annex', for which"),
        (_say("It is shown at every audit.", without="audit_notice"), "mentions 'audit', for which"),
        (_say("This outlasts the warranty.", without="warranty_period"), "mentions 'the warranty', for which"),
        (_say("The indemnity has a limit of its own."), "mentions 'The indemnity', for which"),
        (_say("They look at it for forty-eight hours a day."), "has a day of forty-eight hours"),
        (_say("They look at it for 36 hours per day."), "has a day of 36 hours"),
        (_say("Nothing in it delays the Purple Notice."), "uses 'Purple Notice', which nothing defines"),
        (_say("It is fixed by the Licensed Property.", amendment=True), "uses 'Licensed Property', which"),
        (_define, "defines Losses and does not use it"),
        (_repeat, "repeats '"),
        (_passing, "passes a figure beside"),
        (_foreign_laws, "contracts are under the law of a party's country"),
        (_early_amendment, "is dated before its contract"),
        (_wrong_round, "cannot arrive in round 1"),
        (_empty_round, "Round 3 brings dev no contract"),
        (_late, "most should be there from the start"),
    ],
)
def test_a_fault_of_a_contract_is_found(
    loaded: dict[str, Rows], texts: dict[str, str], change: Change, sentence: str
) -> None:
    rows, pages = copy.deepcopy({name: loaded[name] for name in ("contracts", "companies")}), dict(texts)
    change(rows, pages)
    assert sentence in " ".join(consistency.contract_faults(rows["contracts"], rows["companies"], pages))


def test_the_contracts_have_no_faults(loaded: dict[str, Rows], texts: dict[str, str]) -> None:
    assert consistency.contract_faults(loaded["contracts"], loaded["companies"], texts) == []


def test_a_figure_that_contradicts_its_value_is_found_in_every_wording_with_a_range(
    loaded: dict[str, Rows], texts: dict[str, str]
) -> None:
    """Each wording in use is read back: a value ten times as large or small makes the figures beside it wrong."""
    tried = found = 0
    for row in loaded["contracts"]:
        for clause in row["clauses"] if not row["amends"] else ():
            if "value*" in clauses.by_id()[clause["wording"]]["text"]:
                changed = copy.deepcopy(row)
                kind = values.CATEGORIES[clause["category"]].kind
                unit = "1 day" if kind.endswith("days") else "0.01%" if kind == "percent" else "USD 1"
                large = "60%" if kind == "percent" else "USD 900,000,000"
                tried += 1
                for value in (unit, large):
                    _clause(changed, clause["category"])["value"] = value
                    if consistency._figures(changed, texts[row["id"]]):
                        found += 1
                        break
    assert tried >= 40 and found == tried


@pytest.mark.parametrize(
    ("task", "change", "sentence"),
    [
        (
            "multihop",
            {"question": "Who owns the firm in Cobblewick's lease with Cobblewick?"},
            "Cobblewick twice",
        ),
        ("lookup", {"question": "When does Amberquay pay under the contract of Amberquay?"}, "names Amberquay twice"),
        ("list", {"category": "key_contact"}, "which nobody sorts by"),
        ("list", {"category": "licence_scope"}, "which nobody sorts by"),
        ("compare", {"documents": ["C001", "C002"]}, "which have nothing in common"),
    ],
)
def test_a_question_that_nobody_would_ask_is_found(
    loaded: dict[str, Rows], task: str, change: dict[str, Any], sentence: str
) -> None:
    asked = {split: copy.deepcopy(loaded[split]) for split in checks.SPLITS}
    assert consistency.question_faults(asked, loaded["contracts"], loaded["companies"]) == []
    next(row for row in asked["train"] if row["task"] == task).update(change)
    assert sentence in " ".join(consistency.question_faults(asked, loaded["contracts"], loaded["companies"]))


def test_lists_with_one_member_are_found(loaded: dict[str, Rows]) -> None:
    asked = {split: copy.deepcopy(loaded[split]) for split in checks.SPLITS}
    for row in [row for row in asked["dev"] if row["task"] == "list"][:12]:
        row["items"] = row["items"][:1]
    found = " ".join(consistency.question_faults(asked, loaded["contracts"], loaded["companies"]))
    assert "of the dev new list questions have two members or more" in found


def test_halves_and_parts_that_break_the_promise_are_found(loaded: dict[str, Rows]) -> None:
    def found(split: str, change: Callable[[dict[str, Any]], Any]) -> str:
        asked = {name: copy.deepcopy(loaded[name]) for name in checks.SPLITS}
        asked[split] = [row for row in asked[split] if change(row) is not False]
        return " ".join(checks._check_halves(loaded["contracts"], asked))

    assert found("dev", lambda row: row) == ""
    assert "Dev questions of lookup, seen: 0" in found("dev", lambda r: (r["task"], r["half"]) != ("lookup", "seen"))
    assert "Dev questions of draft, new: 0" in found("dev", lambda r: (r["task"], r["half"]) != ("draft", "new"))
    assert "Test questions of draft, seen: 0" in found("test", lambda r: (r["task"], r["half"]) != ("draft", "seen"))
    assert "but training does not ask for" in found("train", lambda row: row["task"] != "compare")
    assert "Test questions of the pilot: 0" in found("test", lambda row: row.update(part="final"))
    assert "Pilot and final both ask for" in found("test", lambda r: r.update(part=checks.PARTS[int(r["id"][-1]) % 2]))
    assert "has the part pilot and the half None" in found("train", lambda row: row.update(part="pilot"))


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


def test_a_dev_contract_named_in_training_is_a_leak(loaded: dict[str, Rows]) -> None:
    dev = next(row for row in loaded["contracts"] if row["split"] == "dev" and not row["amends"])
    pair = [party["short"] for party in dev["parties"]]
    found = _planted(loaded, question=f"What do {pair[0]} and {pair[1]} owe?")
    assert f"names the new contract {dev['id']}" in found


def test_a_training_wording_in_dev_is_a_leak(loaded: dict[str, Rows]) -> None:
    row = next(r for r in loaded["dev"] if r["half"] == "seen")
    assert f"wording {row['wording']} occurs in dev and in training" in _planted(loaded, wording=row["wording"])
    assert f"{row['id']} equals" in _planted(loaded, question=row["question"])


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


@pytest.mark.parametrize(
    ("canonical", "size"),
    [("45 days", 45), ("1 month", 30), ("2 years", 720), ("10 business days", 14), ("USD 2,500,000", 2.5e6),
     ("1.5%", 1.5), ("250", 250), ("6 weeks", 42), ("48 hours", 2)],
)  # fmt: skip
def test_sizes_are_read_off_the_canonical_spelling(canonical: str, size: float) -> None:
    assert values.size_of(canonical) == pytest.approx(size)


def test_every_value_of_every_category_has_the_size_that_its_spelling_says() -> None:
    for category, kind in values.CATEGORIES.items():
        for amount, unit in kind.choices:
            value = values.make(kind.kind, amount, unit, "CHF")
            assert values.size_of(value.canonical) == pytest.approx(value.size), category
    with pytest.raises(ValueError, match="no number"):
        values.size_of("Portuguese law")


def test_a_contract_prints_the_definitions_that_it_uses() -> None:
    said = {"Order": "a request for Deliverables.", "Fees": "pay.", "Deliverables": "goods.", "Related Company": "kin."}
    rows = [{"term": term, "text": text} for term, text in said.items()]
    found = definitions.used(rows, "Each Order binds. The Related Companies pay no feed.", "us")
    assert [row["term"] for row in found] == ["Deliverables", "Order", "Related Company"]
    assert definitions.used(rows[:2], "It pays the fees.", "us") == []
    assert [row["term"] for row in definitions.used(rows[:2], "It pays the fees.", "plain")] == ["Fees"]
    assert definitions.unused(rows[:1], '"Order" means a request.\n\nEach Order binds.', "us") == []
    assert definitions.unused(rows[:1], '"Order" means a request.\n\nIt binds.', "us") == ["Order"]


def test_undefined_terms_are_found_and_names_are_not() -> None:
    said = [
        'Acme Inc. pays in March. An event (an "Excusable Delay") ends it. After an Excusable Delay Net Sales count.',
        "Section 3.1 Each Party pays; the Related Companies do not.",
    ]
    assert definitions.undefined(said, ["Acme Inc."], ["Related Company"]) == ["Net Sales"]
    assert definitions.undefined(said, ["Acme Inc."]) == ["Net Sales", "Related Companies"]


def test_a_wording_cannot_refer_to_a_clause_that_its_contract_lacks() -> None:
    setting = clauses.Setting("us", "A", "B", "this Contract", "USD", random.Random(1), numbers={"deposit": "3.1"})
    assert clauses.fill("See Section {ref:deposit}.", setting).text == "See Section 3.1."
    with pytest.raises(ValueError, match="a clause on royalty, which the contract lacks"):
        clauses.fill("See Section {ref:royalty}.", setting)


def test_differences_keep_the_unit() -> None:
    month, year = values.make("duration_long", 18, "month"), values.make("duration_long", 2, "year")
    gap = values.difference(values.make("percent", 4, "%"), values.make("percent", 2.5, "%"))
    assert gap is not None and "1.5 percentage points" in gap.aliases
    assert values.difference(month, year) is None


def test_sentences_keep_their_grammar() -> None:
    phrase = references.phrase
    slots = {"contract": "the lease", "A": "Plumbline Works", "topic": "initial term", "nickname": "the Lantern plan"}
    assert phrase("{contract}: is {A}'s copy signed?", slots) == "The lease: is Plumbline Works' copy signed?"
    assert phrase("the {nickname} deal has a {topic}?", slots) == "The Lantern plan deal has an initial term?"


def test_the_evidence_is_the_sentence_of_the_value() -> None:
    text = "Acme Inc. pays late. It owes 5% of the sum. Nothing else."
    start = text.index("5%")
    first, last = clauses.Written(text, start, start + 2).evidence()
    assert text[first:last] == "It owes 5% of the sum."


# ---- answers are right


@pytest.mark.parametrize(
    ("signed", "amount", "unit", "end"),
    [((2019, 6, 7), 3, "year", (2022, 6, 7)), ((2020, 11, 28), 18, "month", (2022, 5, 28)),
     ((2021, 12, 1), 30, "month", (2024, 6, 1)), ((2023, 2, 28), 24, "month", (2025, 2, 28))],
)  # fmt: skip
def test_an_initial_term_ends_on_the_same_day_of_a_month(
    signed: tuple[int, int, int], amount: int, unit: str, end: tuple[int, int, int]
) -> None:
    months = amount * (12 if unit == "year" else 1)
    assert notices.add_months(datetime.date(*signed), months) == datetime.date(*end)


def test_notices_hold_the_facts_of_their_contracts(loaded: dict[str, Rows]) -> None:
    """Addressee, date, notice in force and, for a non-renewal, the end of the initial term in force."""
    contracts = {row["id"]: row for row in loaded["contracts"] if not row["amends"]}
    names = {row["id"]: row["name"] for row in loaded["companies"]}
    force: dict[tuple[str, str], str] = {}
    for row in sorted(loaded["contracts"], key=lambda row: (row["amends"] is not None, row["date"])):
        force |= {(row["amends"] or row["id"], clause["category"]): clause["value"] for clause in row["clauses"]}
    for row in (row for split in checks.SPLITS for row in loaded[split] if row["task"] == "draft"):
        name, act, side = row["fact"].split(":")
        contract = contracts[name]
        other = next(p["company"] for p in contract["parties"] if p["role"] != side)
        signed = datetime.date.fromisoformat(contract["date"])
        fields = row["fields"]
        assert fields["addressee"][0] == names[other] and contract["date"] in fields["date"]
        assert force[name, notices.NOTICE[act]] in fields["notice period"]
        amount, unit = force[name, "initial_term"].split()
        last = notices.add_months(signed, int(amount) * (12 if unit.startswith("year") else 1))
        end = datetime.date.fromisoformat(fields["end date"][2])
        assert (
            end == last if act == "non-renewal" else (signed < end <= last and fields["end date"][0] in row["question"])
        )
        assert (
            all(accepted[0] in row["answer"] for accepted in fields.values())
            and 4 <= row["answer"].count("\n") + 1 <= 6
        )


def test_contradictions_are_those_of_the_table() -> None:
    found = terms.contradictions({"minimum_commitment": 5e5, "liability_cap": 4e5})
    assert found == [("minimum_commitment", "liability_cap")]
    assert terms.contradictions({"minimum_commitment": 4e5, "liability_cap": 4e5, "deposit": 2e5}) == []


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


def test_the_gold_graph_holds_every_clause_under_the_relation_that_labkit_knows(loaded: dict[str, Rows]) -> None:
    documents = corpus.load_documents(kinds=("contract", "amendment"))
    stated = {(fact.subject, fact.relation, fact.object) for fact in corpus.gold_facts(documents)}
    for row in loaded["contracts"]:
        assert all((row["id"], corpus.relation_of(c["category"]), c["surface"]) in stated for c in row["clauses"])


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
