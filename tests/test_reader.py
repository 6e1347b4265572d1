"""The reader's engine: its bank, its examples, its tokenizer, its training."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from labkit import prompts
from labkit.making.reader import batches, evaluate, examples, names, separation, tokenizer, train, worlds

TINY = train.Recipe(
    hidden=32, layers=2, heads=2, inner=64, tokens=1024, questions=2, vocabulary_groups=60, checkpoint_s=1e9,
    evaluate_s=1e9, phases=(0.5, 1.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def vocabulary():
    return tokenizer.train_tokenizer(groups=200, size=3000)


def groups(count: int, level: int) -> list[examples.Group]:
    return [examples.group(3, i, examples.LEVELS[level]) for i in range(count)]


def test_bank_is_sound_and_broad():
    bank = worlds.load_bank(strict=True)
    assert len(bank.topics) >= 60
    assert all(len(t.clauses) >= 6 and len(t.questions) >= 6 for t in bank.topics)


def test_strict_loading_names_the_flaw(tmp_path: Path):
    rows = 'label = ["fee"]\nclauses = ["The fee is {v}.", "Fee {v}", "{v} is due", "no value"]\n'
    text = f'[fee]\nkind = "money"\n{rows}questions = ["fee?", "what fee?", "cost?"]\n'
    (tmp_path / "topics_a.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="exactly once"):
        worlds.load_bank(tmp_path, strict=True)
    assert len(worlds.load_bank(tmp_path).flaws) == 1


@pytest.mark.parametrize("level", [0, 1, 2])
def test_answers_are_copied_from_the_cited_passages(level: int):
    checked = 0
    for group in groups(300, level):
        for _, reply in group.turns:
            if reply == prompts.REFUSAL:
                continue
            for part in reply.split("; ") if reply.count("[") > 1 else [reply]:
                answer, number = part.removesuffix("]").rsplit(" [", 1)
                assert (
                    answer in group.passages[int(number) - 1].text.replace("\n", " ")
                    or answer in group.passages[int(number) - 1].text
                ), (answer, group)
                checked += 1
    assert checked > 1000


def test_no_slot_is_left_in_any_text():
    for group in groups(300, 1):
        shown = " ".join([*(p.title + p.text for p in group.passages), *(q + a for q, a in group.turns)])
        assert "{" not in shown and "\x01" not in shown and "\x02" not in shown


def test_refusals_have_their_share():
    replies = [reply for group in groups(800, 1) for _, reply in group.turns]
    assert 0.08 < replies.count(prompts.REFUSAL) / len(replies) < 0.2


def test_held_out_wordings_never_occur_in_training():
    bank, lexicon = worlds.load_bank(), examples.load_lexicon()
    assert lexicon is not None
    clauses = {c for t in bank.topics for c in t.held_clauses}
    questions = {q for t in bank.topics for q in t.held_questions}
    trained = {q for t in bank.topics for q in t.questions}
    held_frames = {*lexicon.statements[1], *lexicon.asks[1]}
    seen_questions: set[str] = set()
    for group in groups(1500, 1):
        for clause, question in group.wordings:
            assert clause not in clauses and clause not in held_frames
            assert question not in questions - trained and question not in held_frames
            seen_questions.add(question)
    assert len(seen_questions & trained) > 300


def test_held_out_wordings_are_used_in_evaluation():
    bank, lexicon = worlds.load_bank(), examples.load_lexicon()
    held = {q for t in bank.topics for q in t.held_questions}
    for index in range(40):
        made = examples.make_answer(random.Random(index), bank, lexicon, examples.LEVELS[1], 1, "both", True, "topics")
        assert all(question in held or question == "" for _, question in made.wordings)


def test_names_of_training_and_evaluation_are_disjoint():
    trained = {names.Names(random.Random(i)).company()[0] for i in range(3000)}
    held = {names.Names(random.Random(i), heldout=True).company()[0] for i in range(3000)}
    assert not trained & held


def test_group_is_a_function_of_seed_and_index():
    assert examples.group(1, 5, examples.LEVELS[1]) == examples.group(1, 5, examples.LEVELS[1])
    assert examples.group(1, 5, examples.LEVELS[1]) != examples.group(1, 6, examples.LEVELS[1])


def test_tokenizer_round_trip_and_single_digits(vocabulary):
    text = "Fee: EUR 2,000,000.50 (99.95 %),\n\n- Zoë's “naïve” plan  § 7.2"
    ids = vocabulary(text, add_special_tokens=False)["input_ids"]
    assert vocabulary.decode(ids) == text
    for token in vocabulary.get_vocab():
        assert sum(c.isdigit() for c in token) <= 1, token


def test_encoding_equals_the_chat_template(vocabulary):
    group = next(g for g in groups(50, 1) if len(g.turns) > 3)
    row = batches.encode(group, vocabulary, 4000)
    assert row is not None
    for number, example in enumerate(group.examples(), start=1):
        chat = [*example.messages, {"role": "assistant", "content": example.answer}]
        whole = vocabulary.apply_chat_template(chat, tokenize=False)
        ids = vocabulary(whole, add_special_tokens=False)["input_ids"]
        kept = [i for i, b in enumerate(row.branch) if b in (0, number)]
        assert [row.tokens[i] for i in kept] == ids
        assert [row.position[i] for i in kept] == list(range(len(ids)))
        learned = [row.target[i] for i in kept if row.weight[i] == 1]
        assert vocabulary.decode(learned) == f" {example.answer}{tokenizer.END}"


def test_branches_do_not_see_one_another():
    import torch

    branch = torch.tensor([[0, 0, 1, 1, 2, -1]])
    seen = train.attention_mask(branch, torch.float32)[0, 0] == 0
    assert seen[4].tolist() == [True, True, False, False, True, False]
    assert seen[1].tolist() == [True, True, False, False, False, False]


def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path):
    import torch

    def run(folder: Path, stop: int | None) -> train.Trainer:
        made = train.Trainer(folder, TINY, minutes=None, steps=20, compiled=False)
        made.load_checkpoint()
        while made.progress() < 1 and made.step != stop:
            made.train_step()
        return made

    torch.set_num_threads(1)
    straight = run(tmp_path / "a", None)
    broken = run(tmp_path / "b", 13)
    broken.save_checkpoint()
    broken.train_step()
    resumed = run(tmp_path / "b", None)
    assert resumed.step == 20 and resumed.tokens_seen == straight.tokens_seen
    for (name, one), two in zip(straight.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-5), name


def test_training_writes_a_model_that_answers(tmp_path: Path):
    folder = train.train(tmp_path, steps=6, threads=1, compiled=False, recipe=TINY, say=lambda _: None)
    figures = evaluate.evaluate(folder, n=2, passages=(1,), wordings=("known",))
    assert figures["1 passages, known"]["n"] == 2
    rows = [json.loads(line) for line in (folder / "training_log.jsonl").read_text().splitlines()]
    assert "evaluation" in rows[-1]
    other = train.Recipe(**{**TINY.__dict__, "muon": 0.5})
    with pytest.raises(ValueError, match="other settings"):
        train.train(tmp_path, steps=8, compiled=False, recipe=other, say=lambda _: None)


def test_measure_counts_refusals_and_citations():
    wanted = ["45 days [1]", "Oslo [2]", prompts.REFUSAL, "5% [1]; 6% [2]"]
    figures = evaluate.measure(["45 days [2]", prompts.REFUSAL, prompts.REFUSAL, "5% [1]; 6% [2]"], wanted)
    assert figures["exact_match"] == 0.75
    assert figures["refusal_precision"] == 0.5 and figures["refusal_recall"] == 1
    assert figures["citation_accuracy"] == 0.5


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
