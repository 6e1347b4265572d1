"""The reader's engine: its bank, its examples, its tokenizer, its training, its evaluation."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from synthesis.reader import (
    answer,
    batches,
    breadth,
    evaluate,
    examples,
    lexicon,
    names,
    quantities,
    separation,
    tokenizer,
    train,
    worlds,
)  # fmt: skip
from synthesis.reader.groups import WORDINGS, Group
from torch.optim import _muon

from labkit import models, paths, prompts, stats
from labkit.replies import parse_answer, parse_judgement, parse_preference, parse_triples

TINY = train.Recipe(
    hidden=32, layers=2, heads=2, inner=64, tokens=1024, questions=2, vocabulary_groups=60, checkpoint_s=1e9,
    evaluate_s=1e9, phases=(0.5, 1.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def vocabulary():
    return tokenizer.train_tokenizer(groups=200, size=3000)


@pytest.fixture(scope="module")
def finished(vocabulary, tmp_path_factory) -> Path:
    """A run folder with a model of the tiny shape, as good as untrained."""
    folder = tmp_path_factory.mktemp("run")
    train.new_model(TINY, vocabulary).save_pretrained(folder / "model")
    vocabulary.save_pretrained(folder / "model")
    (folder / "model" / "training_log.jsonl").write_text('{"step": 5}\n{"st', encoding="utf-8")
    return folder


def groups(count: int, level: int, instruction: str | None = "answer") -> list[Group]:
    made = (examples.group(3, i, examples.LEVELS[level]) for i in range(count))
    return [g for g in made if instruction in (None, g.instruction)]


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
    for group in groups(340, level):
        for _, reply in group.turns:
            if reply == prompts.REFUSAL:
                continue
            for part in reply.split("; ") if reply.count("[") > 1 else [reply]:
                value, number = part.removesuffix("]").rsplit(" [", 1)
                text = group.passages[int(number) - 1].text
                assert value in text.replace("\n", " ") or value in text, (value, group)
                checked += 1
    assert checked > 1000


def test_no_slot_is_left_in_any_text():
    for group in groups(600, 1, None):
        shown = " ".join([*(p.title + p.text for p in group.passages), *(q + a for q, a in group.turns)])
        assert "{" not in shown and "\x01" not in shown and "\x02" not in shown


def test_refusals_have_their_share():
    replies = [reply for group in groups(800, 1) for _, reply in group.turns]
    assert 0.1 < replies.count(prompts.REFUSAL) / len(replies) < 0.25


def test_held_out_wordings_never_occur_in_training():
    bank, words = worlds.load_bank(), lexicon.load_lexicon()
    assert words is not None
    clauses = {c for t in bank.topics for c in t.held_clauses}
    questions = {q for t in bank.topics for q in t.held_questions}
    trained = {q for t in bank.topics for q in t.questions}
    held_frames = {*words.statements[1], *words.asks[1]}
    seen_questions: set[str] = set()
    for group in groups(1500, 1):
        for clause, question in group.wordings:
            assert clause not in clauses and clause not in held_frames
            assert question not in questions - trained and question not in held_frames
            seen_questions.add(question)
    assert len(seen_questions & trained) > 300


def test_held_out_wordings_are_used_in_evaluation():
    bank, words = worlds.load_bank(), lexicon.load_lexicon()
    held = {q for t in bank.topics for q in t.held_questions}
    for index in range(40):
        made = answer.make_answer(random.Random(index), bank, words, examples.LEVELS[1], 1, "both", True, "topics")
        assert all(question in held or question == "" for _, question in made.wordings)


def test_names_of_training_and_evaluation_are_disjoint():
    trained = {names.Names(random.Random(i)).company()[0] for i in range(3000)}
    held = {names.Names(random.Random(i), heldout=True).company()[0] for i in range(3000)}
    assert not trained & held


def test_group_is_a_function_of_seed_and_index():
    assert examples.group(1, 5, examples.LEVELS[1]) == examples.group(1, 5, examples.LEVELS[1])
    assert examples.group(1, 5, examples.LEVELS[1]) != examples.group(1, 6, examples.LEVELS[1])


def test_the_stream_is_the_same_in_every_process():
    code = (
        "import hashlib; from synthesis.reader import examples; "
        "made = [examples.group(1, i, examples.LEVELS[1]) for i in range(60)]; "
        "print(hashlib.sha256(repr(made).encode()).hexdigest())"
    )
    run = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        for seed in ("1", "2")
    ]
    assert run[0].stdout and run[0].stdout == run[1].stdout


def test_tokenizer_round_trip_and_single_digits(vocabulary):
    text = "Fee: EUR 2,000,000.50 (99.95 %),\n\n- Zoë's “naïve” plan  § 7.2"
    ids = vocabulary(text, add_special_tokens=False)["input_ids"]
    assert vocabulary.decode(ids) == text
    for token in vocabulary.get_vocab():
        assert sum(c.isdigit() for c in token) <= 1, token


@pytest.mark.parametrize("instruction", examples.INSTRUCTIONS)
def test_encoding_equals_the_chat_template(vocabulary, instruction: str):
    group = examples.make(random.Random(5), instruction, examples.LEVELS[1], 5)
    row = batches.encode(group, vocabulary, 4000)
    assert row is not None
    reply = vocabulary.convert_tokens_to_ids(tokenizer.ASSISTANT)
    for number, example in enumerate(group.examples(), start=1):
        chat = [*example.messages, {"role": "assistant", "content": example.answer}]
        whole = vocabulary.apply_chat_template(chat, tokenize=False)
        ids = vocabulary(whole, add_special_tokens=False)["input_ids"]
        kept = [i for i, b in enumerate(row.branch) if b in (0, number)]
        assert [row.tokens[i] for i in kept] == ids
        assert [row.position[i] for i in kept] == list(range(len(ids)))
        learned = [row.target[i] for i in kept if row.branch[i] and i >= kept[ids.index(reply)] and row.weight[i]]
        assert vocabulary.decode(learned) == f" {example.answer}{tokenizer.END}"


def test_auxiliary_targets_point_at_passages_and_values(vocabulary):
    passages = [
        prompts.Passage("Acme lease", "Rent is EUR 900 a month."),
        prompts.Passage("Bolt lease", "Rent: EUR 750."),
    ]
    turns = [("Rent of Bolt?", "EUR 750 [2]"), ("Who sings?", prompts.REFUSAL)]
    row = batches.encode(Group(passages, turns), vocabulary, 1000)
    assert row is not None
    assert row.passage.count(0) > 0 and max(row.passage) == 2
    (begin, places), (refusing, nowhere) = row.pointers
    assert vocabulary.decode(row.tokens[places[0] : places[0] + 5]).strip().startswith("EUR 750")
    assert row.passage[places[0]] == 2 and nowhere == [0]
    assert row.source[begin : begin + 3] == [2, 2, 2] and row.source[refusing : refusing + 3] == [0, 0, 0]
    batch = batches.pack([row], len(row.tokens) + 3, random.Random(1))
    assert batch.found.shape == (2, len(row.tokens) + 3) and batch.found.sum() == 1 + len(places)
    assert set(batch.number) <= {0, 1}


def test_branches_do_not_see_one_another():
    branch = torch.tensor([[0, 0, 1, 1, 2, -1]])
    seen = train.attention_mask(branch, torch.float32)[0, 0] == 0
    assert seen[4].tolist() == [True, True, False, False, True, False]
    assert seen[1].tolist() == [True, True, False, False, False, False]


def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path):
    def run(folder: Path, stop: int | None) -> train.Trainer:
        made = train.Trainer(folder, TINY, minutes=None, steps=20, compiled=False, start=None)
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


def quiet_train(out: Path, start: Path | None, recipe: train.Recipe = TINY, **settings: Any) -> Path:
    """A run without the evaluations, which take longer than the training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.Trainer, "short_evaluation", lambda _: {"em": 0.0})
        return train.train(
            out, recipe=recipe, start=start, compiled=False, **{"log_every": 1, "say": lambda _: None, **settings}
        )


def losses(model: Path) -> dict[int, float]:
    """Loss by step; the sitting before has none."""
    rows = [json.loads(line) for line in (model / "training_log.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def same_weights(one: Path, two: Path) -> bool:
    a, b = (load_file(folder / "model.safetensors") for folder in (one, two))
    return all(torch.allclose(a[name].float(), b[name].float(), atol=1e-3) for name in a)


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(finished: Path, tmp_path: Path):
    recipe = replace(TINY, checkpoint_s=0.1)
    code = (
        "from pathlib import Path; from synthesis.reader import train; "
        f"train.train(Path({str(tmp_path / 'a')!r}), steps=40, log_every=1, recipe=train.{recipe!r}, "
        f"start=Path({str(finished)!r}), compiled=False)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (tmp_path / "a" / "checkpoint.pt").exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    shown: list[str] = []
    broken = quiet_train(tmp_path / "a", finished, recipe, steps=40, say=shown.append)
    assert shown[0].startswith("going on from step ") and not shown[0].startswith("going on from step 0,")
    straight = quiet_train(tmp_path / "b", finished, recipe, steps=40)
    assert losses(broken) == pytest.approx(losses(straight), rel=1e-4) and len(losses(broken)) == 40
    assert same_weights(broken, straight)


@pytest.mark.parametrize("within", [False, True], ids=["between steps", "within a step"])
def test_ctrl_c_keeps_what_was_trained(finished: Path, tmp_path: Path, monkeypatch, within: bool):
    def say(line: str) -> None:
        if line.startswith("step     2") and not within:
            signal.raise_signal(signal.SIGINT)

    def step(run: train.Trainer) -> dict[str, float]:
        if run.step == 1:
            signal.raise_signal(signal.SIGINT)
        return trained(run)

    trained = train.Trainer.train_step
    if within:
        monkeypatch.setattr(train.Trainer, "train_step", step)
    with pytest.raises(KeyboardInterrupt, match="stopped at step 2; the same command goes on"):
        quiet_train(tmp_path / "a", finished, steps=5, say=say)
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    on = quiet_train(tmp_path / "a", finished, steps=5)
    straight = quiet_train(tmp_path / "b", finished, steps=5)
    assert losses(on) == pytest.approx(losses(straight), rel=1e-4) and same_weights(on, straight)


def test_a_second_ctrl_c_does_not_wait_for_the_step(finished: Path, tmp_path: Path, monkeypatch):
    def step(run: train.Trainer) -> dict[str, float]:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it waited")

    monkeypatch.setattr(train.Trainer, "train_step", step)
    with pytest.raises(KeyboardInterrupt, match="last checkpoint"):
        quiet_train(tmp_path / "a", finished, steps=5)
    assert not (tmp_path / "a" / "checkpoint.pt").exists()


@pytest.fixture(scope="module")
def stopped(finished: Path, tmp_path_factory) -> Path:
    """A run that was trained to its end, with its checkpoint."""
    return quiet_train(tmp_path_factory.mktemp("stopped") / "run", finished, steps=2).parent


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def cut(name: str, share: float = 0.5) -> Callable[[Path], None]:
    """What a kill or a full disk leaves of a file."""

    def act(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: int(share * len(whole))])

    return act


def written(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def without(*keys: str) -> Callable[[Path], None]:
    """A checkpoint as an earlier version wrote it."""

    def act(folder: Path) -> None:
        state = torch.load(folder / "checkpoint.pt", weights_only=True)
        torch.save({k: v for k, v in state.items() if k not in keys}, folder / "checkpoint.pt")

    return act


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut("checkpoint.pt", 0.0), "is broken: delete it, or give --fresh"),
        (cut("checkpoint.pt"), "is broken: delete it, or give --fresh"),
        (written("checkpoint.pt", b"no checkpoint at all\n"), "is broken: delete it, or give --fresh"),
        (without("start", "tokenizer"), "another version of labkit: delete it, or give --fresh"),
        (without("matched"), "another version of labkit: delete it, or give --fresh"),
        (cut("tokenizer/tokenizer.json"), "tokenizer in .* is broken or not the one.* --fresh"),
        (written("log.jsonl", b'{"step": 1}\n{"st\n{"step": 2}\n'), "Line 2 of .*log.jsonl is broken: delete the line"),
    ],
    ids=["empty", "half", "garbage", "older", "lacking", "tokenizer", "log"],
)
def test_a_broken_run_says_what_to_do(finished: Path, stopped: Path, tmp_path: Path, damage, told: str):
    shutil.copytree(stopped, tmp_path / "run")
    damage(tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(ValueError, match=told) as cause:
        quiet_train(tmp_path / "run", finished, steps=3)
    assert "\n" not in str(cause.value) and contents(tmp_path / "run") == before
    quiet_train(tmp_path / "run", finished, steps=1, resume=False)
    assert list(losses(tmp_path / "run" / "model")) == [1]


def test_a_row_of_the_log_that_a_kill_has_cut_is_dropped(finished: Path, stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "run")
    with (tmp_path / "run" / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"sitting": 2, "st')
    rows = (quiet_train(tmp_path / "run", finished, steps=3) / "training_log.jsonl").read_text("utf-8").splitlines()
    # The first is of the sitting before, whose own last row was cut.
    assert [json.loads(row)["step"] for row in rows] == [5, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut("model/model.safetensors"), "is broken: give --start another folder"),
        (cut("model/tokenizer.json"), "is broken: give --start another folder"),
        (cut("model/config.json"), "describes no reader: give --start another folder"),
        (lambda folder: (folder / "model" / "config.json").unlink(), "is missing .*: give --start another folder"),
        (lambda folder: shutil.rmtree(folder / "model"), "no finished model in .*: train one first"),
    ],
    ids=["weights", "tokenizer", "config", "no config", "no model"],
)
def test_a_broken_start_says_what_to_do(finished: Path, tmp_path: Path, damage, told: str):
    shutil.copytree(finished, tmp_path / "start")
    damage(tmp_path / "start")
    with pytest.raises((ValueError, FileNotFoundError), match=told) as cause:
        quiet_train(tmp_path / "out", tmp_path / "start", steps=1)
    assert "\n" not in str(cause.value) and not (tmp_path / "out").exists()


def test_another_start_is_refused_before_anything_is_written(finished: Path, stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(ValueError, match=r"began from weights .* and this run begins from weights .*--fresh"):
        quiet_train(tmp_path / "run", stopped, steps=3)
    with pytest.raises(ValueError, match=r"this run begins from scratch.*--fresh"):
        quiet_train(tmp_path / "run", None, steps=3)
    with pytest.raises(ValueError, match="other settings"):
        quiet_train(tmp_path / "run", finished, replace(TINY, muon=0.5), steps=3)
    with pytest.raises(ValueError, match="hidden_size 32 and the recipe 64: give --start"):
        quiet_train(tmp_path / "run", finished, replace(TINY, hidden=64), steps=3)
    for nothing in ({"steps": 0}, {"minutes": 0.0}, {"minutes": float("nan")}):
        with pytest.raises(ValueError, match="give minutes or steps"):
            quiet_train(tmp_path / "run", finished, **nothing)
    assert contents(tmp_path / "run") == before


def test_batches_made_ahead_are_the_same(vocabulary, tmp_path: Path):
    vocabulary.save_pretrained(tmp_path)
    with contextlib.closing(batches.Ahead(2, tmp_path, seed=3, tokens=1024)) as ahead:
        # The second level begins while macro batches of the first are already on their way.
        for index, level in ((0, 0), (1, 0), (2, 1)):
            here = batches.macro(3, index, level, vocabulary, 1024)
            there = ahead.take(index, level)
            assert all((one.tokens == two.tokens).all() for one, two in zip(here, there, strict=True))


def test_training_writes_a_model_that_answers(tmp_path: Path):
    folder = train.train(tmp_path, steps=6, threads=1, compiled=False, recipe=TINY, say=lambda _: None)
    generator = models.load_generator(folder)
    figures = evaluate.held_out_worlds(generator, n=2, passages=(1,))
    assert {name.split(",")[0] for name in figures} == set(examples.INSTRUCTIONS)
    assert all(value.n == 2 for cell in figures.values() for value in cell.values())
    further = train.train(
        tmp_path / "b", steps=2, threads=1, compiled=False, recipe=TINY, start=folder, say=lambda _: None
    )
    first = json.loads((further / "training_log.jsonl").read_text().splitlines()[0])
    assert first == json.loads((folder / "training_log.jsonl").read_text().splitlines()[0])
    rows = [json.loads(line) for line in (folder / "training_log.jsonl").read_text().splitlines()]
    assert "evaluation" in rows[-1]
    other = train.Recipe(**{**TINY.__dict__, "muon": 0.5})
    with pytest.raises(ValueError, match="other settings"):
        train.train(tmp_path, steps=8, compiled=False, recipe=other, say=lambda _: None)


def test_measure_counts_refusals_and_citations():
    wanted = ["45 days [1]", "Oslo [2]", prompts.REFUSAL, "5% [1]; 6% [2]", "7% [1]"]
    replies = ["45 days [2]", prompts.REFUSAL, prompts.REFUSAL, "5% [1]; 6% [2]", "9% [1]"]
    figures = {k: v.value for k, v in evaluate.measure("answer", replies, wanted).items()}
    assert figures["exact_match"] == pytest.approx(3 / 5)
    assert figures["wrongly_refused"] == 0.25 and figures["wrong_answers"] == pytest.approx(1 / 5)
    assert figures["refusal_f1"] == pytest.approx(2 / 3)
    assert figures["citation_accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("instruction", "reply", "wanted", "figure", "value"),
    [
        ("triples", "A | seat | Oslo\nA | parent | B\nnoise", "A | seat | Oslo", "f1", 2 / 3),
        ("judge", "Yes.", "yes", "right_accepted", 1.0),
        ("prefer", "B", "A", "accuracy", 0.0),
        ("decompose", "What is x?", "What is x?\nWhat is y?", "right_number_of_lines", 0.0),
        ("classify", "Payment term, high", "Payment term, low", "category", 1.0),
        ("classify", "Payment term, high", "Payment term, low", "rating", 0.0),
        ("term_sheet", "Term: 3 years\nLaw: Oslo", "Term: 3 years\nLaw: Norway", "field_f1", 0.5),
        ("compare", "the Acme lease", "the Acme lease", "exact_match", 1.0),
    ],
)
def test_measures_of_the_other_instructions(instruction, reply, wanted, figure, value):
    assert evaluate.measure(instruction, [reply], [wanted])[figure].value == pytest.approx(value)


@pytest.mark.parametrize("instruction", examples.INSTRUCTIONS[1:])
@pytest.mark.parametrize("wording", ["known", "both"])
def test_every_instruction_has_sound_examples(instruction: str, wording: str):
    made = [examples.make(random.Random(i), instruction, examples.LEVELS[1], 6, wording, True) for i in range(40)]
    turns = [turn for group in made for turn in group.turns]
    assert len(turns) >= 40
    for asked, reply in turns:
        assert reply.strip() == reply and reply and "{" not in asked + reply
    systems = {g.system for g in made}
    held = worlds.load_wordings().prompts[instruction][1]
    assert systems <= set(held) if wording == "both" else not systems & set(held)


def test_the_card_holds_the_figures_measured(tmp_path: Path, monkeypatch):
    cell = {name: stats.Interval(0.5, 0.25, 0.75, 4, 4) for name in evaluate.MEASURES["answer"].figures}
    report = {
        "held-out worlds": {"answer, 3 passages, known": cell, "judge, both": {"accuracy": cell["exact_match"]}},
        "course dev": {"everyday questions": {"right": 41, "of": 60, "exact_match": cell["exact_match"]}},
        "precisions": {"nf4": {**cell, "course_dev_lookup": cell["exact_match"], "memory_mb": 9.5,
                               "tokens_per_second": 1000}},
    }  # fmt: skip
    monkeypatch.setattr(evaluate, "evaluate", lambda *_, **__: report)
    with pytest.raises(ValueError, match="lacks"):
        (tmp_path / "README.md").write_text("# Card\n", encoding="utf-8")
        evaluate.write_card(tmp_path)
    (tmp_path / "README.md").write_text("# Card\n{}\nold\n{}\nend\n".format(*evaluate.CARD_MARKS), encoding="utf-8")
    evaluate.write_card(tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| 3 passages, known | 0.500 (0.250 to 0.750) |" in card and "right 41; of 60" in card and "| nf4 |" in card
    assert card.endswith("end\n") and "old" not in card
    assert json.loads((tmp_path / "evaluation.json").read_text())["precisions"]["nf4"]["memory_mb"] == 9.5
    assert "0.500" in evaluate.table(report)


def test_the_shipped_card_says_what_was_measured():
    card = (paths.reader() / "README.md").read_text(encoding="utf-8")
    report = json.loads((paths.reader() / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluate.card_figures(report) in card


def test_judged_answers_are_right_and_wrong_by_halves():
    made = [examples.make(random.Random(i), "judge", examples.LEVELS[1], 8) for i in range(150)]
    replies = [parse_judgement(reply) for group in made for _, reply in group.turns]
    assert 0.42 < replies.count(True) / len(replies) < 0.58
    made = [examples.make(random.Random(i), "prefer", examples.LEVELS[1], 8) for i in range(150)]
    replies = [parse_preference(reply) for group in made for _, reply in group.turns]
    assert 0.42 < replies.count("A") / len(replies) < 0.58


def test_triples_stand_in_the_passage():
    for index in range(60):
        group = examples.make(random.Random(index), "triples", examples.LEVELS[1], 3)
        text = group.passages[0].title + "\n" + group.passages[0].text.replace("\n", " ")
        for asked, reply in group.turns:
            for _, relation, value in parse_triples(reply):
                assert relation in asked.split("; ")
                assert value.rstrip(".") in text


@pytest.mark.parametrize("kind", quantities.KINDS)
def test_quantities_compare_by_size(kind: str):
    for index in range(200):
        rng = random.Random(index)
        drawn = names.Names(rng)
        one = quantities.draw(rng, drawn, kind)
        other = quantities.second(rng, drawn, one)
        assert quantities.again(rng, drawn, one).size == pytest.approx(one.size)
        gap = quantities.difference(one, other)
        if gap is not None:
            assert one.size != other.size and one.unit == other.unit
    assert quantities.Quantity("months", "two years", 720, 2, "year").size == 24 * quantities.PERIODS["month"]


def test_differences_are_written_in_figures():
    two, five = (quantities.Quantity("percent", "", n, n, "%") for n in (2.0, 5.25))
    assert quantities.difference(two, five) == "3.25%"
    a, b = (quantities.Quantity("money", "", n, n, "EUR") for n in (1_500_000, 500_000))
    assert quantities.difference(a, b) == "EUR 1,000,000"
    assert quantities.difference(a, a) is None


def test_an_amendment_changes_the_answer():
    bank, found = worlds.load_bank(), 0
    for index in range(200):
        group = answer.make_answer(random.Random(index), bank, None, examples.LEVELS[1], 8, source="topics")
        amended = [i for i, p in enumerate(group.passages, 1) if p.title.startswith(worlds.AMENDMENT_TITLES)]
        found += any(f"[{i}]" in reply for i in amended for _, reply in group.turns)
    assert found > 5


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


def test_a_matching_head_looks_for_equal_tokens():
    import torch
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    recipe = train.Recipe(hidden=128, layers=2, heads=2, inner=64)
    model: Any = train.new_model(recipe, tokenizer.load_tokenizer(paths.reader()))
    tokens = torch.randint(0, 200, (400,), generator=torch.Generator().manual_seed(0))
    states = model.model.embed_tokens(tokens).detach()
    layer = model.model.layers[0]
    head = train.install_matching_head(layer, states, torch.arange(400) // 100)
    read = layer.input_layernorm(states)
    q, k = (p(read).view(1, 400, 2, 64).transpose(1, 2) for p in (layer.self_attn.q_proj, layer.self_attn.k_proj))
    cos, sin = model.model.rotary_emb(read[None], torch.arange(400)[None])
    q, k = apply_rotary_pos_emb(q, k, cos, sin)
    scores = (q[0, head] @ k[0, head].T / 8).fill_diagonal_(-1e9).softmax(-1)
    same = (tokens[:, None] == tokens[None]).fill_diagonal_(False)
    again = same.any(1)
    assert float((scores * same).sum(1)[again].mean()) > 0.5
    assert float(same.float().mean()) < 0.01


def test_words_of_a_question_point_to_the_one_passage_that_holds_them():
    stands = batches._standing([5, 6, 7, 5, 8], [0, 1, 1, 2, 2])
    assert stands == {6: {1}, 7: {1}, 5: {2}, 8: {2}}
    assert batches._matches([9, 6, 8, 9], {6: {1}, 8: {1, 2}}, start=10) == [(10, 0), (11, 1)]


@pytest.mark.parametrize("instruction", ["judge", "prefer", "classify"])
def test_a_verdict_points_to_what_it_rests_on(instruction: str):
    vocabulary, found = tokenizer.load_tokenizer(paths.reader()), 0
    for index in range(12):
        group = examples.make(random.Random(index), instruction, examples.LEVELS[1], 3)
        assert len(group.grounds) == len(group.turns)
        row = batches.encode(group, vocabulary, 1280)
        assert row is not None and len(row.source) == len(row.tokens)
        for at, places in row.pointers:
            ground = parse_answer(group.grounds[row.branch[at] - 1])
            assert row.source[at] == (0 if ground.refused else ground.citations[0])
            assert {row.passage[place] for place in places} == {row.source[at]}
            text = vocabulary.decode(row.tokens[places[0] : places[0] + 40]).strip()
            found += ground.refused or text.startswith(ground.text.split("; ")[0])
    assert found > 12


def test_siblings_see_only_so_many_wordings():
    bank = breadth.new_topics()
    assert not {t.name for t in bank.topics} & {t.name for t in worlds.load_bank().topics}
    narrow = breadth.narrowed(bank, 2)
    assert all(len(t.clauses) == len(t.questions) == 2 and len(t.held_clauses) == 4 for t in narrow.topics)
    trained = {c for t in narrow.topics for c in t.clauses}
    for index in range(20):
        group = examples.group(3, index, examples.LEVELS[0], narrow)
        stated = {clause for clause, _ in group.wordings if clause and not clause.endswith("{v}")}
        assert group.instruction == "answer" and stated <= trained
    with pytest.raises(ValueError, match="choose from 1 to 20"):
        breadth.narrowed(bank, 99)


def test_breadth_is_measured_from_none_to_many(tmp_path):
    found = breadth.siblings(tmp_path, steps=1, counts=(2,), n=6, say=lambda line: None)
    none, two = found["rows"]
    assert (none["wordings"], two["wordings"], found["topics"]) == (0, 2, 13)
    assert set(WORDINGS) <= set(two) and "known" not in none
    assert (tmp_path / "2-1" / "model" / "model.safetensors").exists()


def test_muon_in_fp32_does_what_pytorch_does_in_bfloat16():
    grad = torch.randn(24, 40, generator=torch.Generator().manual_seed(0))
    settings = ((3.4445, -4.775, 2.0315), 5, 1e-7)
    own = train.newton_schulz(grad, *settings)
    theirs = _muon._zeropower_via_newtonschulz(grad, *settings).float()
    assert torch.allclose(own, theirs, atol=0.05)
    assert torch.allclose(train.newton_schulz(grad.T, *settings), own.T, atol=1e-5)
    assert torch.linalg.svdvals(own).min() > 0.5


def test_in_a_drill_only_the_title_tells():
    level = examples.LEVELS[1]
    made = [examples.group(1, i, level) for i in range(60)]
    lines = [len(p.text.split("\n")) for g in made if g.source == "topics" for p in g.passages]
    assert sorted(lines)[len(lines) // 2] <= 2
    assert sum(any(r != prompts.REFUSAL for _, r in g.turns) for g in made) > 50
