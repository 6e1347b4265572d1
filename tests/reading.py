"""Reads single files and what a model would write, and writes Word files of pieces of XML."""

from __future__ import annotations

import re

from docx import Document as WordDocument
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from labkit.corpus import readers


def read(path, content=None):
    """Text of a file and what was left out of it, as one string."""
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    made = readers.read(path)
    assert not made.problem, made.problem
    return made.text, "; ".join(made.left_out)


def problem(path, content=None):
    if content is not None:
        path.write_bytes(content)
    made = readers.read(path)
    assert made.problem and not made.text
    return made.problem


NAMES = nsdecls("w") + "".join(
    f' xmlns:{prefix}="{space}"'
    for prefix, space in {
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
        "v": "urn:schemas-microsoft-com:vml",
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    }.items()
)


def run(text, look=""):
    return f'<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def deleted(text):
    return f'<w:del w:id="1" w:author="a"><w:r><w:delText xml:space="preserve">{text}</w:delText></w:r></w:del>'


def inserted(text):
    return f'<w:ins w:id="2" w:author="a">{run(text)}</w:ins>'


def word(path, *blocks, change=None):
    """A Word file of paragraphs (what stands within <w:p>) and blocks (whole elements)."""
    document = WordDocument()
    body = document.element.body
    for block in blocks:
        whole = block if block.startswith(("<w:p>", "<w:tbl>", "<w:sdt>")) else f"<w:p>{block}</w:p>"
        body.insert(len(body) - 1, parse_xml(re.sub(r"^<(w:\w+)", rf"<\1 {NAMES}", whole)))
    if change:
        change(document)
    document.save(str(path))
    return read(path)


def lead(logits, tokens):
    """By how many logits a model's first choice leads over the token that it is forced to write, at worst."""
    return float((logits.max(-1).values - logits.gather(-1, tokens[:, None])[:, 0]).max())
