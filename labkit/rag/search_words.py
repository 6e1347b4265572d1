"""Words as BM25 compares them: stemmed, without stop words, but with what tells contracts and clauses apart."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_WORD = re.compile(r"\d+(?:\.\d+)+|\w+")
# What a label such as "Schedule A" or "clause 7.2" ends with.
_NUMBER = re.compile(r"[^\W_]|\d+(?:\.\d+)*")


@cache
def _stop_words() -> frozenset[str]:
    """bm25s's English stop words without the negations."""
    from bm25s.stopwords import STOPWORDS_EN

    return frozenset(STOPWORDS_EN) - {"no", "not"}


@cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")


def search_words(text: str) -> list[str]:
    """The words of a text, for index and question alike.

    Negations, numbers and single letters are kept, "1,000" is "1000", "shan't" holds "not". A word and the number or
    letter after it also count as one ("schedule a", "clause 7"), for apart they stand in nearly every contract.
    """
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    text = re.sub(r"'s\b", "", re.sub(r"n't\b", " not", text, flags=re.IGNORECASE), flags=re.IGNORECASE)
    words: list[str] = []
    before, end = "", 0
    for match in _WORD.finditer(text):
        word, stem = match[0], str(_stemmer().stemWord(match[0].lower()))
        stop = word.lower() in _stop_words()
        if not stop:
            words.append(stem)
        # A small "a" is the article.
        if before and text[end : match.start()].isspace() and _NUMBER.fullmatch(word) and word != "a":
            words.append(f"{before} {stem}")
        before, end = "" if stop or not word.isalpha() or len(word) < 2 else stem, match.end()
    return words
