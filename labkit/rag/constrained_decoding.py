"""Constrained decoding: a model that extracts triples may write nothing but triples of what it reads.

Source: De Cao et al. 2021, Autoregressive Entity Retrieval, where a model may write only names that exist. The hook is
transformers' `prefix_allowed_tokens_fn`, which asks at every step which tokens may follow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from labkit.models import Generator

# Relations of which a passage may state more than one.
REPEATED = {"party": 2, "role": 2, "former name": 3}
# Longest object, in tokens.
LONGEST = 20


class TripleGrammar:
    """Which tokens may come next in a reply that lists triples: "none", or lines "document | relation | object".

    An object is copied from the passage and ends where a word or number ends.

    Args:
        generator: the model, whose tokens these are.
        passage: that objects are copied from.
        relations: those that may be used.
        subject: what every line begins with.
    """

    def __init__(self, generator: Generator, passage: str, relations: Sequence[str], subject: str = "document") -> None:
        tokenizer: Any = generator.tokenizer
        self._end, self._line = int(tokenizer.eos_token_id), _ids(tokenizer, "\n")[0]
        lead = _lead(generator)
        self._none = _ids(tokenizer, f"{lead}none")
        self._heads = {
            start: {r: _ids(tokenizer, f"{begin}{subject} | {r} |") for r in relations}
            for start, begin in ((True, lead), (False, "\n"))
        }
        plain = " ".join(passage.split())
        # Names in quotation marks follow no space; without the marks they do.
        self._streams = [_stream(tokenizer, text) for text in (plain, re.sub(r'["\u201c\u201d()]', " ", plain))]
        self.key = f"{subject}|{';'.join(relations)}"

    def __call__(self, reply: Sequence[int]) -> list[int]:
        """Tokens that may follow what was written so far."""
        at, used, first = 0, dict.fromkeys(self._heads[True], 0), True
        while True:
            open_to = [(r, s) for r, s in self._heads[first].items() if used[r] < REPEATED.get(r, 1)]
            sequences = [*open_to, ("", self._none)] if first else open_to
            relation, at, step = _follow(sequences, reply, at)
            if relation is None:
                return step or [self._end]
            if not relation:
                return [self._end]
            used[relation] += 1
            at, step = self._object(reply, at, used)
            if step:
                return step
            first = False
            at -= 1  # the line break is part of the next line's beginning

    def _object(self, reply: Sequence[int], at: int, used: dict[str, int]) -> tuple[int, list[int]]:
        """Where the next line begins, or the tokens that may follow inside this object."""
        places = [(ids, ends, i) for ids, ends in self._streams for i in range(-1, len(ids) - 1)]
        length = 0
        while at < len(reply):
            token = reply[at]
            if length and token == self._line:
                return at + 1, []
            if token == self._end:
                return at, [self._end]
            if length == 0:
                places = [(ids, ends, i) for ids, ends in self._streams for i, t in enumerate(ids) if t == token]
            else:
                places = [(ids, ends, i + 1) for ids, ends, i in places if i + 1 < len(ids) and ids[i + 1] == token]
            at, length = at + 1, length + 1
        following = {ids[i + 1] for ids, _, i in places if i + 1 < len(ids)} if length < LONGEST else set()
        if length and any(ends[i] for _, ends, i in places):
            more = any(used[r] < REPEATED.get(r, 1) for r in used)
            following |= {self._end, self._line} if more else {self._end}
        return at, sorted(following) or [self._end]


def _follow(
    sequences: Sequence[tuple[str, list[int]]], reply: Sequence[int], at: int
) -> tuple[str | None, int, list[int]]:
    """Which sequence the reply wrote from `at` on, and where it ends; or None, and the tokens that may come next."""
    live, depth = list(sequences), 0
    while at < len(reply):
        live = [(name, ids) for name, ids in live if len(ids) > depth and ids[depth] == reply[at]]
        at, depth = at + 1, depth + 1
        done = [name for name, ids in live if len(ids) == depth]
        if done:
            return done[0], at, []
    return None, at, sorted({ids[depth] for _, ids in live})


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _lead(generator: Generator) -> str:
    """What the chat template writes between the prompt and a reply: a space, or nothing."""
    return generator.reply_text([{"role": "user", "content": "u"}], "reply").split("reply")[0]


def _stream(tokenizer: Any, text: str) -> tuple[list[int], list[bool]]:
    """The tokens of a text with a space in front, and after which of them a word or number ends."""
    spaced = " " + " ".join(text.split())
    encoded = tokenizer(spaced, add_special_tokens=False, return_offsets_mapping=True)
    ends = []
    for _, stop in encoded["offset_mapping"]:
        rest = spaced[stop : stop + 2]
        inside = rest[:1].isalnum() or (rest[:1] in (",", ".") and rest[1:].isdigit())
        ends.append(not inside and spaced[stop - 1 : stop].strip() != "")
    return list(encoded["input_ids"]), ends
