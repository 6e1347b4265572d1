"""Words as BM25 compares them: stemmed, without stop words, but with what tells contracts and clauses apart."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

_WORD = re.compile(r"\d+(?:\.\d+)+|\w+")
# What a label such as "Schedule A" or "clause 7.2" ends with.
_NUMBER = re.compile(r"[^\W_]|\d+(?:\.\d+)*")


@cache
def stemmer() -> Any:
    """Snowball's stemmer of English."""
    import Stemmer

    return Stemmer.Stemmer("english")


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """A word without its ending; empty for one of bm25s's stop words, negations aside."""
    from bm25s.stopwords import STOPWORDS_EN

    return "" if word in STOPWORDS_EN and word not in ("no", "not") else str(stemmer().stemWord(word))


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
        word, stem = match[0], _stem(match[0].lower())
        if stem:
            words.append(stem)
        # A small "a" is the article.
        if before and _NUMBER.fullmatch(word) and word != "a" and text[end : match.start()].isspace():
            words.append(f"{before} {word.lower()}")
        before, end = stem if word.isalpha() and len(word) > 1 else "", match.end()
    return words
