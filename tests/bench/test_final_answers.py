"""Answers to the final questions as they come with the course: complete, quickly told, and what models choose."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter

import pytest
import style
from reading import lead
from synthesis import final

from labkit import bench, corpus, paths, stats
from labkit.bench import grid as module
from labkit.bench.arms import Answerer, new_tokens
from labkit.bench.grid import ANSWERS

# Rows drawn anew for each commit. As for the replies of lessons, another number format may choose another token, and
# another processor another of two passages that are almost equally near.
CHECKED, FEW, MARGIN = 40, 0.05, 0.5


@pytest.fixture(scope="module")
def grid() -> bench.Grid:
    return bench.repeated(bench.shipped_grid())


@pytest.fixture(scope="module")
def rows():
    return module.read_rows(bench.shipped_grid())


def test_every_arm_has_its_answers(grid, rows):
    assert [q.id for q in grid.questions] == [q.id for q in final.questions()]
    wanted = {(arm.name, seed, q.id) for arm in grid.arms for seed in arm.seeds for q in grid.asked(arm)}
    assert set(rows) == wanted
    for arm in grid.arms:
        halves = Counter(q.half for q in grid.asked(arm) if arm.tasks == module.TASKS)
        assert not halves or (halves["new"] >= arm.share * 600 and halves["seen"] >= arm.share * 300)
    assert set(module.read_times(bench.shipped_grid())) == {arm.name for arm in grid.arms}


def test_the_predictions_were_about_these_arms(grid):
    said = json.loads(paths.read_checked("grid/predictions.json", paths.shipped_results()))
    assert {row[key] for row in said["family"] for key in ("arm", "rival")} <= {arm.name for arm in grid.arms}


def test_shipped_answers_make_the_same_file(grid, rows, tmp_path):
    file = bench.run_grid(grid, tmp_path, "shipped", progress=False)
    assert module.read_rows(tmp_path) == rows and file.name == ANSWERS
    scores = bench.by_task(bench.load_runs(tmp_path))
    assert set(scores["arm"]) == {arm.name for arm in grid.arms}


def test_answers_are_what_their_models_choose(grid, rows):
    """Prompts made anew hold the passages that were read, and each token of a reply is a first choice, or almost."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=style.ROOT, capture_output=True, text=True, check=False)
    arms, known = {arm.name: arm for arm in grid.arms}, {q.id: q for q in grid.questions}
    # What tools answer comes from facts; adapters of further seeds do not come with the course.
    there = [
        key for key in rows
        if arms[key[0]].system != "tools" and all(f.is_dir() for f in grid.folders(arms[key[0]], key[1]))
    ]  # fmt: skip
    drawn = random.Random(commit.stdout).sample(there, min(CHECKED, len(there)))
    answerer, far = Answerer(grid), []
    for (name, seed), keys in sorted(stats.grouped((key[:2], key) for key in drawn).items()):
        questions = [known[key[2]] for key in keys]
        generator, asked = answerer.generator(arms[name], seed), answerer.prompts(arms[name], questions)
        pairs = []
        for key, question, (messages, spans) in zip(keys, questions, asked, strict=True):
            row = rows[key]
            if [corpus.Span(*place) for place in row["places"]] != spans:
                far.append((key, "other passages"))
                continue
            ended = row["reply_tokens"] < new_tokens(question) - 4
            pairs.append((key, messages, row["reply"] + generator.tokenizer.eos_token * ended))
        texts = [(generator.text(messages), reply) for _, messages, reply in pairs]
        gaps = generator.forced(texts, lead)
        far += [(key, round(float(gap), 2)) for gap, (key, *_) in zip(gaps, pairs, strict=True) if gap > MARGIN]
    assert len(far) <= FEW * len(drawn), far
