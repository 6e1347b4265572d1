"""Replies that come with the course: what the lessons ask for, all of it, nothing else, and what their models choose.

`labkit test` runs every lesson and solution first, and notes in a folder what they ask.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
import style
from reading import lead
from synthesis.shipped_replies import read_asked

from labkit import models, paths, profiles
from labkit.models import shipped_replies
from labkit.models.encoders import TASK
from labkit.models.generator import mean_likelihood

# On another processor a search may order two almost equal passages the other way, and so ask for other replies.
FEW = 0.02
CHECKED = 200
# Where two tokens are almost equally likely, another number format or batch may choose the other one: of 160 replies
# made in bf16, seven held a token that was not the first choice in fp32, none by more than 0.11 logits.
MARGIN = 0.5
BLANKS = 4


@pytest.fixture(scope="module")
def asked() -> dict[str, dict[str, str]]:
    """What lessons and solutions asked for in this run of `labkit test`, by key."""
    folder = os.environ.get("LABKIT_LESSONS_ASKED", "")
    if rows := read_asked(Path(folder)) if folder else {}:
        return rows
    message = "Nothing is noted of what the lessons ask: run make test."
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="module")
def shipped() -> dict[str, str]:
    """Every reply that comes with the lessons, by key."""
    folder = paths.shipped_results()
    files = [n for n in paths.checksums(folder) if n.startswith("replies/")]
    return {key: reply for name in files for key, reply in shipped_replies.read_file(folder, name)[1]}


def test_lessons_find_their_replies(asked, shipped):
    missing = [row["content"][-300:] for key, row in asked.items() if key not in shipped]
    assert len(missing) <= FEW * len(asked), (len(missing), len(asked), missing[:3])


def test_no_reply_comes_that_nothing_asks_for(asked, shipped):
    unused = set(shipped) - set(asked)
    assert len(unused) <= FEW * len(shipped), (len(unused), len(shipped))


def drawn(rows: list[tuple[str, dict[str, str]]]) -> list[tuple[str, dict[str, str]]]:
    """Rows to check, drawn anew for each commit."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=style.ROOT, capture_output=True, text=True, check=False)
    return random.Random(commit.stdout).sample(rows, min(CHECKED, len(rows)))


def whole(generator: models.Generator, row: dict[str, str], reply: str) -> str:
    """A reply as the model wrote it: with the end token, unless its length was cut."""
    longest = int(row["task"].split()[1])
    length = len(generator.tokenizer(reply, add_special_tokens=False)["input_ids"])
    # Blanks at the end are not kept, so that a reply that was cut may be a little shorter.
    return reply + generator.tokenizer.eos_token if length < longest - BLANKS else reply


def test_replies_are_what_their_models_choose(asked, shipped, reader):
    """Each token of a shipped reply is the first choice of the model that runs here, or almost."""
    loaded = {g.fingerprint: g for g in (reader, models.load_generator(profiles.BASE))}
    for name in ("extractor", "sft"):
        tuned = models.load_tuned(paths.adapter(name))
        loaded[tuned.fingerprint] = tuned
    rows = drawn([(key, row) for key, row in asked.items() if key in shipped and row["task"] != TASK])
    assert {row["fingerprint"] for _, row in rows} <= set(loaded)
    far = []
    for fingerprint, generator in loaded.items():
        own = [(k, r) for k, r in rows if r["fingerprint"] == fingerprint]
        likely = [(k, r) for k, r in own if r["task"] == "likelihood"]
        written = [(k, r) for k, r in own if r["task"] != "likelihood"]
        texts = [row["content"] for _, row in written]
        replies = [whole(generator, row, shipped[key]) for key, row in written]
        gaps = generator.forced(list(zip(texts, replies, strict=True)), lead)
        far += [(round(float(g), 2), shipped[k]) for g, (k, _) in zip(gaps, written, strict=True) if g > MARGIN]
        pairs = [row["content"].split("\x00") for _, row in likely]
        found = generator.forced([(a, b) for a, b in pairs], mean_likelihood)
        far += [(v, shipped[k]) for v, (k, _) in zip(found, likely, strict=True) if abs(v - float(shipped[k])) > MARGIN]
    assert len(far) <= FEW * len(rows), far


def test_scores_are_those_that_the_reranker_gives(asked, shipped):
    reranker = models.load_tuned_reranker(paths.adapter("reranker"))
    rows = drawn([(key, row) for key, row in asked.items() if key in shipped and row["task"] == TASK])
    assert {row["fingerprint"] for _, row in rows} <= {reranker.fingerprint}
    question_and_passage = [tuple(row["content"].split("\x00")) for _, row in rows]
    found = models.Reranker(lambda: reranker.model, "without a cache").score(question_and_passage)
    assert found == pytest.approx([float(shipped[key]) for key, _ in rows], abs=1e-4)
