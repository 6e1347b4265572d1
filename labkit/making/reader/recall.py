"""The first level of the curriculum: contexts in which a question repeats the words of the text.

What is left to learn is to look for equal words and to copy what follows them. In the contexts of the
bank a model has to understand wordings before copying pays, and to copy before understanding pays; here
the second half of that circle is learned alone. Labels are random words, so nothing is learned about
wordings.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from labkit import prompts
from labkit.making.reader import answer
from labkit.making.reader.groups import Group, Level
from labkit.making.reader.names import KINDS
from labkit.making.reader.worlds import Document, World

_KINDS = tuple(sorted(KINDS - {"role", "text"}))
_ROWS = ("{l}: {v}", "{l}: {v}", "{l} - {v}", "{l} {v}", "{w} {l} {x} {v}", "{w} {l}: {v}, {x}")
_ASKED = ("{l}?", "{l}", "What is the {l}?", "The {l}, please.", "I need the {l}.")
_ASKED_OF = ("{l}, {d}?", "{d}: {l}?", "What is the {l} in {d}?", "The {l} of {d}", "For {d}, what is the {l}?")
# Of the questions those without an answer: another label, or a label of another document.
_REFUSED = 0.15
# Of the values those that are long.
_LONG = 0.5


def recall_group(rng: random.Random, words: Sequence[str], level: Level, turns: int, held_names: bool) -> Group:
    """Documents of a few lines, the same labels in each, and questions that name a label and, where needed, a document.

    Args:
        words: to make labels of. level: how many passages. turns: number of questions wanted.
    """
    world = World(rng, held_names)
    count = rng.choice(level.passages)
    documents = [world.document("contract")]
    while len(documents) < count:
        documents.append(world.document("contract", documents[0] if rng.random() < 0.4 else None))
    lines = rng.randint(3, 7) if count == 1 else rng.randint(1, 3)
    labels = [" ".join(rng.sample(words, rng.choice((1, 2, 2, 3)))) for _ in range(lines + 2)]
    stated: list[tuple[int, str, str]] = []
    passages = []
    for number, document in enumerate(documents, start=1):
        rows = []
        for label in rng.sample(labels[:-1], min(lines, len(labels) - 1)):
            value = _value(rng, words, world)
            shown = label[:1].upper() + label[1:] if rng.random() < 0.3 else label
            slots = {"l": shown, "v": value, "w": rng.choice(words), "x": rng.choice(words)}
            rows.append(rng.choice(_ROWS).format(**slots))
            stated.append((number, label, value))
        passages.append(prompts.Passage(document.title, rng.choice(("\n", "\n", ". ")).join(rows)))
    group = Group(passages, [], source="recall")
    for _ in range(2 * turns):
        if len(group.turns) < turns:
            number, label, value = rng.choice(stated)
            reply = f"{value} [{number}]"
            if rng.random() < _REFUSED:
                label, reply = _lacking(rng, stated, labels, number), prompts.REFUSAL
            question = _question(rng, label, documents, number - 1, rng.random() < 0.3)
            group.add((question, reply, ("", "")) if question else None)
    return group


def _value(rng: random.Random, words: Sequence[str], world: World) -> str:
    """A value as documents state it, or a long string of words and values: each word of it is one more word to copy."""
    if rng.random() > _LONG:
        return world.names.value(rng.choice(_KINDS))
    parts = [
        rng.choice(words) if rng.random() < 0.7 else world.names.value(rng.choice(_KINDS))
        for _ in range(rng.randint(6, 20))
    ]
    return " ".join(parts)


def _lacking(rng: random.Random, stated: Sequence[tuple[int, str, str]], labels: Sequence[str], number: int) -> str:
    """A label that passage `number` does not state."""
    here = {label for at, label, _ in stated if at == number}
    return rng.choice([label for label in labels if label not in here])


def _question(rng: random.Random, label: str, documents: Sequence[Document], at: int, named: bool) -> str | None:
    """The question for a label; with several documents, or where `named`, it says which; None where it cannot."""
    others = [d for i, d in enumerate(documents) if i != at]
    if not others and not named:
        return rng.choice(_ASKED).format(l=label)
    reference = answer.reference(rng, documents[at], others, set())
    return None if reference is None else rng.choice(_ASKED_OF).format(l=label, d=reference)
