"""Word files as text. mammoth makes HTML of them; what it does not know (hidden text, numbering) is settled before."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from labkit.corpus.canonical import quoted
from labkit.corpus.html import counted, read_html

LARGEST = 20  # megabytes of XML
_TEXTS = re.compile(r"word/(document|footnotes|endnotes)\d*\.xml")
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_MATHS = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_BESIDE = {"comments": r"word/comments\d*\.xml", "page headers and footers": r"word/(header|footer)\d*\.xml"}


def read_docx(path: Path) -> tuple[str, list[str]]:
    """Text of a Word file as it reads with all tracked changes accepted, and what was left out of it.

    Raises:
        ValueError: it is no Word file, has a password, or holds more XML than can be read in time.
    """
    import mammoth

    try:
        source = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise ValueError("it is no Word file, or has a password; open it in Word and save a copy.") from None
    with source:
        parts = [item for item in source.infolist() if item.filename.endswith((".xml", ".rels"))]
        size = sum(item.file_size for item in parts) / 1e6
        if size > LARGEST:
            raise ValueError(f"it unpacks to {size:.0f} MB of XML, and {LARGEST} MB is the most; split the document.")
        content = {item.filename: source.read(item) for item in parts}
    notes = _prepare(content)
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as target:
        for name, part in content.items():
            target.writestr(name, part)
    no_pictures = mammoth.images.img_element(lambda image: {})
    # Its map of styles to HTML headings takes time and changes no text.
    made = mammoth.convert_to_html(plain, convert_image=no_pictures, include_default_style_map=False)
    text, more = read_html(re.sub(r'<a href="#(foot|end)note-ref-[^>]*>.*?</a>', "", made.value))
    return text, notes + more


def _prepare(content: dict[str, bytes]) -> list[str]:
    """Write numbers into the paragraphs, take hidden text out; what is not part of the text."""
    hidden: list[str] = []
    deleted = False
    label = _numbering(content)
    for name in [n for n in content if _TEXTS.fullmatch(n)]:
        root = ElementTree.fromstring(content[name])
        w = root.tag[: root.tag.index("}") + 1]
        deleted |= next(root.iter(f"{w}del"), None) is not None
        _plain(root, w)
        hidden += _take_out_hidden(root, w, _hidden_styles(content))
        for paragraph in root.iter(f"{w}p"):
            if text := label(paragraph, w):
                run = Element(f"{w}r")
                ElementTree.SubElement(
                    run, f"{w}t", {"{http://www.w3.org/XML/1998/namespace}space": "preserve"}
                ).text = text
                paragraph.insert(1 if paragraph.find(f"{w}pPr") is not None else 0, run)
        content[name] = ElementTree.tostring(root)
    _shorten_styles(content)
    notes = [f"hidden text: {quoted(hidden)}"] if hidden else []
    notes += ["tracked deletions"] * deleted
    for kind, pattern in _BESIDE.items():
        texts = [_text(ElementTree.fromstring(part)) for name, part in content.items() if re.fullmatch(pattern, name)]
        if shown := [text for text in dict.fromkeys(texts) if text]:
            notes.append(f"{kind}: {quoted(shown)}")
    return notes


def _text(element: Element) -> str:
    return " ".join(
        "".join(e.text or "" for e in p.iter() if e.tag.endswith("}t")) for p in element.iter() if p.tag.endswith("}p")
    ).strip()


def _plain(root: Element, w: str) -> None:
    """Make what mammoth would pass over into what it reads: simple fields, formulas; take deleted rows out."""
    for element in root.iter():
        if element.tag == f"{w}fldSimple":
            element.tag = f"{w}smartTag"
        elif element.tag == f"{_MATHS}oMath":
            said = "".join(t.text or "" for t in element.iter(f"{_MATHS}t"))
            element.clear()
            element.tag = f"{w}r"
            ElementTree.SubElement(element, f"{w}t").text = said
        for row in element.findall(f"{w}tr"):
            if row.find(f"{w}trPr/{w}del") is not None:
                element.remove(row)


def _take_out_hidden(root: Element, w: str, styles: set[str]) -> list[str]:
    """Empty the runs that Word does not show: hidden, white on white, or under 2 points."""
    grounds = [part for part in root.iter() if part.tag in (f"{w}tc", f"{w}p") and _is_shaded(part, w)]
    shaded = {id(run) for ground in grounds for run in ground.iter(f"{w}r")}
    found = []
    for run in root.iter(f"{w}r"):
        look = run.find(f"{w}rPr")
        if look is None:
            continue
        white = _value(look, f"{w}color", w).upper() in ("FFFFFF", "FEFEFE") and not _is_shaded(run, w)
        size = _value(look, f"{w}sz", w)
        tiny = size.isdecimal() and int(size) < 5  # half points
        style = _value(look, f"{w}rStyle", w)
        if _is_on(look.find(f"{w}vanish"), w) or (white and id(run) not in shaded) or tiny or style in styles:
            found.append("".join(t.text or "" for t in run.iter(f"{w}t")))
            run.clear()
    return [text for text in found if text.strip()]


def _is_on(switch: Element | None, w: str) -> bool:
    return switch is not None and switch.get(f"{w}val", "1") not in ("0", "false", "off")


def _value(parent: Element | None, path: str, w: str, name: str = "val") -> str:
    found = parent.find(path) if parent is not None else None
    return "" if found is None else found.get(f"{w}{name}", "")


def _is_shaded(element: Element, w: str) -> bool:
    look = element.find(f"{element.tag}Pr")
    return _value(look, f"{w}shd", w, "fill").upper() not in ("", "AUTO", "FFFFFF") or (
        look is not None and look.find(f"{w}highlight") is not None
    )


def _styles(content: dict[str, bytes]) -> Iterator[tuple[str, Element, str]]:
    """Each style: its id, element, and namespace."""
    if "word/styles.xml" in content:
        root = ElementTree.fromstring(content["word/styles.xml"])
        w = root.tag[: root.tag.index("}") + 1]
        for style in root.iter(f"{w}style"):
            yield style.get(f"{w}styleId", ""), style, w


def _shorten_styles(content: dict[str, bytes]) -> None:
    """Leave of the styles what mammoth uses, their names: reading all of it takes longer than the text does."""
    if styles := list(_styles(content)):
        root = Element(f"{styles[0][2]}styles")
        for _, style, w in styles:
            short = ElementTree.SubElement(root, style.tag, style.attrib)
            short.extend(style.findall(f"{w}name"))
        content["word/styles.xml"] = ElementTree.tostring(root)


def _hidden_styles(content: dict[str, bytes]) -> set[str]:
    return {name for name, style, w in _styles(content) if _is_on(style.find(f"{w}rPr/{w}vanish"), w)}


# --------------------------------------------------------------------------------------- numbering

Level = tuple[int, str, str]  # first number, format, and text such as "%1.%2."


def _numbering(content: dict[str, bytes]) -> Callable[[Element, str], str]:
    """What numbers a paragraph, as Word counts; called on the paragraphs in their order.

    The part that defines the numbering is taken out of `content`, so that mammoth does not number anew.
    """
    lists, starts, of_styles = _lists(content)
    counts: dict[str, dict[int, int]] = {}
    begun: set[str] = set()

    def label(paragraph: Element, w: str) -> str:
        look = paragraph.find(f"{w}pPr")
        styled = of_styles.get(_value(look, f"{w}pStyle", w), ("", ""))
        name = _value(look, f"{w}numPr/{w}numId", w) or styled[0]
        level = int(_value(look, f"{w}numPr/{w}ilvl", w) or styled[1] or 0)
        shows = next((e for e in paragraph.iter() if e.tag == f"{w}drawing" or (e.tag == f"{w}t" and e.text)), None)
        if name not in lists or level not in lists[name][1] or shows is None:
            return ""
        key, levels = lists[name]
        count = counts.setdefault(key, {})
        if name not in begun:
            begun.add(name)
            count |= {at: first - 1 for at, first in starts.get(name, {}).items()}
        count[level] = count.get(level, levels[level][0] - 1) + 1
        for deeper in [at for at in count if at > level]:
            del count[deeper]
        _, kind, text = levels[level]
        if kind == "bullet":
            return "• "

        def number(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            first, form, _ = levels.get(at, (1, "decimal", ""))
            return counted(count.get(at, first), form)

        return re.sub(r"%(\d)", number, text) + " " if kind != "none" and text else ""

    return label


def _lists(
    content: dict[str, bytes],
) -> tuple[dict[str, tuple[str, dict[int, Level]]], dict[str, dict[int, int]], dict[str, tuple[str, str]]]:
    """The lists by their number: which they count with, and levels; where they start anew; those of styles."""
    source = content.get("word/numbering.xml")
    if source is None:
        return {}, {}, {}
    root = ElementTree.fromstring(source)
    w = root.tag[: root.tag.index("}") + 1]
    content["word/numbering.xml"] = ElementTree.tostring(Element(root.tag))
    kinds, linked = {}, {}
    for kind in root.iter(f"{w}abstractNum"):
        levels = {}
        for level in kind.iter(f"{w}lvl"):
            at = int(level.get(f"{w}ilvl", "0"))
            start = int(_value(level, f"{w}start", w) or 1)
            levels[at] = (start, _value(level, f"{w}numFmt", w) or "decimal", _value(level, f"{w}lvlText", w))
            linked[_value(level, f"{w}pStyle", w)] = str(at)
        kinds[kind.get(f"{w}abstractNumId", "")] = levels
    lists, starts = {}, {}
    for one in root.iter(f"{w}num"):
        name, key = one.get(f"{w}numId", ""), _value(one, f"{w}abstractNumId", w)
        lists[name] = (key, kinds.get(key, {}))
        anew = [(o.get(f"{w}ilvl", "0"), _value(o, f"{w}startOverride", w)) for o in one.iter(f"{w}lvlOverride")]
        starts[name] = {int(at): int(first) for at, first in anew if first}
    own = {n: (_value(s, f"{w}pPr/{w}numPr/{w}numId", w), _value(s, f"{w}basedOn", w)) for n, s, w in _styles(content)}
    of_styles = {}
    for style in own:
        base = style
        while not own.get(base, ("x", ""))[0] and own[base][1] != base:
            base = own[base][1]
        of_styles[style] = (own.get(base, ("", ""))[0], linked.get(style, linked.get(base, "0")))
    return lists, starts, of_styles
