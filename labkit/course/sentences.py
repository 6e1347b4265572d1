"""Sentences made from figures, so that no number and no verdict in a lesson can go stale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labkit.stats import LEVEL


def say(*sentences: object) -> None:
    """Show sentences below a cell's output, as a paragraph of prose.

    Args:
        sentences: texts (Markdown), or objects whose text is a sentence; those that are empty are left out.

    Raises:
        ValueError: there is nothing to say.
    """
    text = " ".join(said for sentence in sentences if (said := str(sentence).strip()))
    if not text:
        raise ValueError("There is nothing to say: give at least one sentence.")
    from IPython.display import display

    display({"text/markdown": text, "text/plain": text}, raw=True)


def finding(change: Mapping[str, Any], up: str, down: str, unclear: str) -> str:
    """The sentence that a paired difference bears out.

    Args:
        change: a row of `bench.differences`; its fields may stand in the sentences, as in "{difference:+.2f}".
        up: for a significant gain.
        down: for a significant loss.
        unclear: for a difference that is not significant.

    Raises:
        KeyError: a sentence names a field that there is not.
    """
    sentence = unclear if not change["p"] < LEVEL else up if change["difference"] > 0 else down
    return sentence.format(**{str(name): value for name, value in change.items()})
