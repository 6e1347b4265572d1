"""Bytes to text: the encodings that documents come in, doubtful ones reported."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

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
    try:
        halves = content.decode(name, errors="surrogatepass").encode("utf-16", errors="surrogatepass")
        text = halves.decode("utf-16", errors="replace")
    except UnicodeDecodeError:
        text = content.decode(name, errors="replace")
    text = text.removeprefix("\ufeff")
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
