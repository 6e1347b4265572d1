"""Examples for training and evaluation: their answers, refusals, wordings and verdicts."""

from __future__ import annotations

import json
import lzma
import os
import random
import subprocess
import sys

import pytest
from synthesis.reader import answer, examples, worlds
from synthesis.reader.groups import Group, Level

from labkit import paths, prompts
from labkit.replies import parse_judgement, parse_preference, parse_triples

SEVERAL = examples.SEVERAL_PASSAGES
LEVELS = (Level((1,), 150), SEVERAL, examples.FULL_WINDOW, examples.LONG_PASSAGES)


def groups(count: int, level: Level, instruction: str | None = "answer") -> list[Group]:
    made = []
    for number in range(count):
        rng = random.Random(f"3/{number}")
        name = instruction or rng.choices(examples.INSTRUCTIONS, list(examples.SHARES.values()))[0]
        made.append(examples.make(rng, name, level, 1 if rng.random() < 0.08 else rng.randint(5, 11)))
    return made


@pytest.mark.parametrize("level", LEVELS)
def test_answers_are_copied_from_the_cited_passages(level: Level):
    checked = 0
    for group in groups(500, level):
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
    for group in groups(600, SEVERAL, None):
        shown = " ".join([*(p.title + p.text for p in group.passages), *(q + a for q, a in group.turns)])
        assert "{" not in shown and "\x01" not in shown and "\x02" not in shown


def test_refusals_have_their_share():
    replies = [reply for group in groups(800, SEVERAL) for _, reply in group.turns]
    assert 0.1 < replies.count(prompts.REFUSAL) / len(replies) < 0.25


def test_held_out_wordings_never_occur_in_training():
    bank = worlds.load_bank()
    clauses = {c for t in bank.topics for c in t.held_clauses}
    questions = {q for t in bank.topics for q in t.held_questions}
    trained = {q for t in bank.topics for q in t.questions}
    seen_questions: set[str] = set()
    for group in groups(1500, SEVERAL):
        for clause, question in group.wordings:
            assert clause not in clauses
            assert question not in questions - trained
            seen_questions.add(question)
    assert len(seen_questions & trained) > 300


def test_held_out_wordings_are_used_in_evaluation():
    bank = worlds.load_bank()
    held = {q for t in bank.topics for q in t.held_questions}
    for index in range(40):
        made = answer.make_answer(random.Random(index), bank, SEVERAL, 1, "both", True)
        assert all(question in held or question == "" for _, question in made.wordings)


def test_group_is_a_function_of_seed_and_index():
    assert examples.group(1, 5) == examples.group(1, 5)
    assert examples.group(1, 5) != examples.group(1, 6)


def test_the_stream_is_the_same_in_every_process():
    code = (
        "import hashlib; from synthesis.reader import examples; "
        "made = [examples.group(1, i) for i in range(60)]; "
        "print(hashlib.sha256(repr(made).encode()).hexdigest())"
    )
    run = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        for seed in ("1", "2")
    ]
    assert run[0].stdout and run[0].stdout == run[1].stdout


@pytest.mark.parametrize("instruction", examples.INSTRUCTIONS[1:])
@pytest.mark.parametrize("wording", ["known", "both"])
def test_every_instruction_has_sound_examples(instruction: str, wording: str):
    made = [examples.make(random.Random(i), instruction, SEVERAL, 6, wording, True) for i in range(40)]
    turns = [turn for group in made for turn in group.turns]
    assert len(turns) >= 40
    for asked, reply in turns:
        assert reply.strip() == reply and reply and "{" not in asked + reply
    systems = {g.system for g in made}
    held = worlds.load_wordings().prompts[instruction][1]
    assert systems <= set(held) if wording == "both" else not systems & set(held)


def test_judged_answers_are_right_and_wrong_by_halves():
    made = [examples.make(random.Random(i), "judge", SEVERAL, 8) for i in range(150)]
    replies = [parse_judgement(reply) for group in made for _, reply in group.turns]
    assert 0.42 < replies.count(True) / len(replies) < 0.58
    made = [examples.make(random.Random(i), "prefer", SEVERAL, 8) for i in range(150)]
    replies = [parse_preference(reply) for group in made for _, reply in group.turns]
    assert 0.42 < replies.count("A") / len(replies) < 0.58


def test_triples_stand_in_the_passage():
    for index in range(60):
        group = examples.make(random.Random(index), "triples", SEVERAL, 3)
        text = group.passages[0].title + "\n" + group.passages[0].text.replace("\n", " ")
        for asked, reply in group.turns:
            for _, relation, value in parse_triples(reply):
                assert relation in asked.split("; ")
                assert value.rstrip(".") in text


def test_an_amendment_changes_the_answer():
    bank, found = worlds.load_bank(), 0
    for index in range(200):
        group = answer.make_answer(random.Random(index), bank, SEVERAL, 8)
        amended = [i for i, p in enumerate(group.passages, 1) if p.title.startswith(worlds.AMENDMENT_TITLES)]
        found += any(f"[{i}]" in reply for i in amended for _, reply in group.turns)
    assert found > 5


def test_the_sample_that_comes_with_the_course_is_what_the_code_makes():
    content = paths.read_checked(examples.SAMPLE, paths.adapter("reader"))
    assert len(content) < 150_000
    rows = [json.loads(line) for line in lzma.decompress(content).decode("utf-8").splitlines()]
    assert rows == json.loads(json.dumps(examples.sample())) and len(rows) == examples.SAMPLE_SIZE
    counts = {name: sum(row["instruction"] == name for row in rows) for name in examples.INSTRUCTIONS}
    assert counts == {name: round(share * len(rows)) for name, share in examples.SHARES.items()}


def test_the_sample_can_be_written_anew(tmp_path):
    written = examples.write_sample(tmp_path)
    paths.check_folder(tmp_path)
    shipped = lzma.decompress(paths.read_checked(examples.SAMPLE, paths.adapter("reader")))
    assert lzma.decompress(written.read_bytes()) == shipped
