"""Replay is the share of tokens asked for, drawn without repetition; pairs are labelled by the evidence they hold."""

from __future__ import annotations

import pytest
from small import TERM_HITS, TERM_QUESTIONS
from tiny_model import tiny_folder

from labkit import models, tune


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return models.load_generator(tiny_folder(tmp_path_factory.mktemp("replay") / "tiny"), dtype="fp32")


def chats(count, words):
    return [tune.Chat(({"role": "user", "content": f"the contract {i} " * words},), "yes") for i in range(count)]


def tokens(tiny, group):
    return sum(tiny.count_tokens(c.messages) + tiny.count_reply_tokens(c.messages, c.reply) for c in group)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_it_is_a_share_of_all_tokens(tiny, share):
    new, earlier = chats(200, 3), chats(400, 2)
    drawn = tune.replay(new, earlier * 3, share, tiny)
    assert tokens(tiny, drawn) / tokens(tiny, [*drawn, *new]) == pytest.approx(share, abs=0.01)
    assert all(chat in earlier for chat in drawn) and len({str(c.messages) for c in drawn}) == len(drawn)


def test_the_seed_decides_which(tiny):
    new, earlier = chats(50, 3), chats(200, 2)
    assert tune.replay(new, earlier, 0.2, tiny) == tune.replay(new, earlier, 0.2, tiny)
    assert tune.replay(new, earlier, 0.2, tiny) != tune.replay(new, earlier, 0.2, tiny, seed=1)


def test_none_and_all(tiny):
    assert tune.replay(chats(9, 3), chats(9, 3), 0.0, tiny) == [] == tune.replay(chats(9, 3), [], 0.5, tiny)
    few = chats(3, 1)
    assert sorted(map(str, tune.replay(chats(90, 3), few, 0.9, tiny))) == sorted(map(str, few))


@pytest.mark.parametrize("share", [-0.1, 1.0, 5])
def test_a_share_is_below_one(tiny, share):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        tune.replay(chats(1, 1), chats(1, 1), share, tiny)


def test_pairs_hold_the_evidence_and_hard_negatives():
    made = tune.pairs(TERM_QUESTIONS, TERM_HITS, negatives=2)
    assert sum(p.label for p in made) == len(TERM_QUESTIONS) and len(made) == 3 * len(TERM_QUESTIONS)
    assert all((p.question.rstrip("?").split()[-1] in p.passage) == bool(p.label) for p in made)
    assert made == tune.pairs(TERM_QUESTIONS, TERM_HITS, negatives=2)
    with pytest.raises(ValueError, match="search for each"):
        tune.pairs(TERM_QUESTIONS, TERM_HITS[:1])
    with pytest.raises(ValueError, match="search deeper"):
        tune.pairs(TERM_QUESTIONS, [rows[1:] for rows in TERM_HITS])
