"""The reader meets the course's contracts as a stranger: its bank and `data/` share no wording."""

from __future__ import annotations

import json

import pytest
from synthesis.archive import checks
from synthesis.reader import course_dev, examples, separation, worlds

from labkit import paths, prompts


def _rows(name):
    return [json.loads(line) for line in (paths.data() / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def data_side():
    """Every text of the data, names and numbers masked: (documents, questions)."""
    documents, companies = _rows("contracts.jsonl"), _rows("companies.jsonl")
    mask = checks.Masker(checks.names_of(documents, companies))
    texts = [(paths.data() / f"contracts/{d['id']}.txt").read_text(encoding="utf-8") for d in documents]
    texts += [c["text"] for c in companies] + [(paths.data() / "playbook.md").read_text(encoding="utf-8")]
    questions = [q["question"] for split in ("train", "dev", "test") for q in _rows(f"questions/{split}.jsonl")]
    return [_slots(mask(t)) for t in texts], sorted({_slots(mask(q)) for q in questions})


def _slots(masked):
    """Masks of the data's checks, <name>, in the form of the bank's slots, {name}."""
    return masked.replace("<", "{").replace(">", "}")


@pytest.fixture(scope="module")
def bank_side():
    """Every wording of the bank, slots included: (texts, questions)."""
    bank = worlds.load_bank(strict=True)
    new = worlds.load_bank(strict=True, files=worlds.NEW_TOPICS)
    further = worlds.load_wordings().texts()
    return bank.texts() + new.texts() + further, bank.questions() + new.questions() + further


def measure(bank_side, data_side, more_bank=(), more_questions=()):
    return separation.overlap(
        [*bank_side[0], *more_bank],
        data_side[0],
        bank_questions=[*bank_side[1], *more_questions],
        data_questions=data_side[1],
        exempt=[prompts.INSTRUCTIONS["answer"]],
    )


def test_bank_and_data_share_no_wording(bank_side, data_side):
    found = measure(bank_side, data_side)
    print(f"equal {found.equal_questions}, runs of eight {found.shared_eight}, of five {found.five_share:.4f}")
    assert found.holds(), found


def test_no_everyday_question_is_in_the_bank(bank_side):
    names = checks.names_of(_rows("contracts.jsonl"), _rows("companies.jsonl"))
    mask = checks.Masker(names)
    asked = sorted({_slots(mask(q.question)) for q in course_dev.everyday_questions()})
    found = measure(bank_side, (asked, asked))
    print(f"equal {found.equal_questions}, runs of eight {found.shared_eight}, of five {found.five_share:.4f}")
    assert len(asked) == 60 and found.equal_questions == 0
    # One idiom, "how many years do we have to hang on to", was found by both writers; nothing else may join it.
    assert found.shared_eight <= 3, found.examples


def test_what_is_generated_from_the_bank_shares_no_wording_either(data_side):
    made = [examples.group(99, i) for i in range(1200)]
    texts = [p.text for g in made for p in g.passages]
    questions = [q for g in made for q, _ in g.turns]
    found = separation.overlap(texts, data_side[0], bank_questions=questions, data_questions=data_side[1])
    assert found.equal_questions == 0 and found.shared_eight == 0, found
    assert found.five_share <= 0.02


def test_planted_overlaps_are_caught(bank_side, data_side):
    documents, questions = data_side
    question = next(q for q in questions if len(q.split()) > 6)
    assert measure(bank_side, data_side, more_questions=[question]).equal_questions == 1
    sentence = max((s for s in documents[0].split(". ") if "{" not in s), key=len)
    planted = measure(bank_side, data_side, more_bank=[f"As agreed, {sentence}"])
    assert planted.shared_eight > 0 and not planted.holds()
    assert measure(bank_side, data_side, more_bank=documents[:20]).five_share > 0.02


def test_separation_finds_planted_overlap():
    bank = ["{a} hands the keys of the house to {b} before {v} without asking for a receipt."]
    clean = ["Invoices fall due within 30 days of receipt by the buyer, who may object in writing."]
    planted = ["Norvex hands the keys of the house to Halden before May 2021 without asking for a receipt."]

    def mask(text: str) -> str:
        return separation.mask_names(text, ["Norvex", "Halden"])

    assert separation.overlap(bank, clean, mask).holds()
    found = separation.overlap(bank, planted, mask)
    assert found.shared_eight > 0 and found.five_share == 1.0 and not found.holds()
    asked = separation.overlap([], [], mask, bank_questions=["Who pays {a}?"], data_questions=["Who pays Norvex?"])
    assert asked.equal_questions == 1
    freed = separation.overlap(bank, planted, mask, exempt=planted)
    assert freed.shared_eight == 0
