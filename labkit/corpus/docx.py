"""Word files as text. mammoth makes HTML of them; what it does not know (hidden text, numbering) is settled before."""

import io
import re
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import mammoth
from lxml import etree

from labkit.corpus.canonical import quoted
from labkit.corpus.html import counted, read_html

LARGEST = 20  # megabytes of XML
_TEXTS = r"word/(document|footnotes|endnotes)\d*\.xml"
_BESIDE = {"comments": r"word/comments\d*\.xml", "page headers and footers": r"word/(header|footer)\d*\.xml"}
_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"  # the same elements, under another name
_W, _M = f"{{{_MAIN}}}", "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_NAMES = {"w": _MAIN, "re": "http://exslt.org/regular-expressions"}
_VANISHES = 'w:vanish[not(re:test(@w:val, "^(0|false|off)$"))]'
# Runs that Word does not show: hidden, by a hidden style, under 2 points (the unit is half a point), white on white.
_HIDDEN = f"""//w:r[w:rPr[{_VANISHES}
    or w:rStyle[contains($styles, concat("|", @w:val, "|"))]
    or w:sz/@w:val < 5
    or w:color[re:test(@w:val, "^(ffffff|fefefe)$", "i")] and not(ancestor::*/*[self::w:rPr or self::w:pPr or
        self::w:tcPr][w:highlight or w:shd[not(re:test(@w:fill, "^(auto|ffffff)?$", "i"))]])]]"""


def read_docx(content: bytes) -> tuple[str, list[str]]:
    """Text of a Word file as it reads with all tracked changes accepted, and what was left out of it.

    Raises:
        ValueError: it is no Word file, has a password, or holds more XML than can be read in time.
    """
    try:
        source = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        raise ValueError("it is no Word file, or has a password; open it in Word and save a copy.") from None
    packed = [item for item in source.infolist() if item.filename.endswith((".xml", ".rels"))]
    size = sum(item.file_size for item in packed) / 1e6
    if size > LARGEST:
        raise ValueError(f"it unpacks to {size:.0f} MB of XML, and {LARGEST} MB is the most; split the document.")
    parts = {item.filename: source.read(item) for item in packed}
    notes = _prepare(parts)
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as target:
        for name, part in parts.items():
            target.writestr(name, part)
    no_pictures = mammoth.images.img_element(lambda image: {})
    # Its map of styles to HTML headings takes time and changes no text.
    made = mammoth.convert_to_html(plain, convert_image=no_pictures, include_default_style_map=False)
    text, more = read_html(re.sub(r'<a href="#(foot|end)note-ref-[^>]*>.*?</a>', "", made.value))
    return text, notes + more


def _prepare(parts: dict[str, bytes]) -> list[str]:
    """Write numbers into the paragraphs, take hidden text out; what is not part of the text."""

    def parsed(pattern: str) -> dict[str, Any]:
        found = {name: part for name, part in parts.items() if re.fullmatch(pattern, name)}
        return {n: etree.fromstring(part.replace(_STRICT.encode(), _MAIN.encode())) for n, part in found.items()}

    texts, settings = parsed(_TEXTS), parsed(r"word/(numbering|styles)\.xml")
    numbering, styles = (settings.get(f"word/{n}.xml", etree.Element("none")) for n in ("numbering", "styles"))
    label = _numbering(numbering, styles)
    hidden_styles = " ".join(f"|{name}|" for name in _all(styles, f"//w:style[w:rPr/{_VANISHES}]/@w:styleId"))
    deleted, hidden = any(_all(root, "//w:del") for root in texts.values()), []
    for root in texts.values():
        _plain(root)
        for run in _all(root, _HIDDEN, styles=hidden_styles):
            hidden.append("".join(run.itertext(_W + "t")))
            run.clear()
        for paragraph in root.iter(_W + "p"):
            if text := label(paragraph):
                run = paragraph.makeelement(_W + "r")
                etree.SubElement(run, _W + "t").text = text
                paragraph.insert(len(_all(paragraph, "w:pPr")), run)
    parts |= {name: etree.tostring(root) for name, root in (texts | settings).items()}
    notes = [f"hidden text: {quoted(shown)}"] if (shown := [text for text in hidden if text.strip()]) else []
    notes += ["tracked deletions"] * deleted
    for kind, pattern in _BESIDE.items():
        said = [" ".join("".join(p.itertext("{*}t")) for p in root.iter(_W + "p")) for root in parsed(pattern).values()]
        if shown := [text for text in dict.fromkeys(map(str.strip, said)) if text]:
            notes.append(f"{kind}: {quoted(shown)}")
    return notes


def _all(element: Any, path: str, **variables: str) -> Any:
    """What an XPath leads to from an element; the prefix w is Word's."""
    return element.xpath(path, namespaces=_NAMES, **variables)


def _plain(root: Any) -> None:
    """Make what mammoth would pass over into what it reads: simple fields, formulas."""
    for field in list(root.iter(_W + "fldSimple")):
        field.tag = _W + "smartTag"
    for formula in list(root.iter(_M + "oMath")):
        said = "".join(formula.itertext(_M + "t"))
        formula.clear()
        formula.tag = _W + "r"
        formula.append(formula.makeelement(_W + "t"))
        formula[0].text = said


def _numbering(numbering: Any, styles: Any) -> Callable[[Any], str]:
    """What numbers a paragraph, as Word counts; called on the paragraphs in their order.

    Args:
        numbering: the part that defines the lists.
        styles: of the document.
    """
    levels: dict[tuple[str, int], tuple[int, str, str]] = {}  # first number, format, and text such as "%1.%2."
    level_of_style: dict[str, int] = {}
    for level in _all(numbering, "w:abstractNum/w:lvl"):
        first, form, text, style = (_value(level, f"w:{name}") for name in ("start", "numFmt", "lvlText", "pStyle"))
        at = level_of_style[style] = int(level.get(_W + "ilvl", "0"))
        levels[level.getparent().get(_W + "abstractNumId"), at] = int(first or 1), form or "decimal", text
    lists = {one.get(_W + "numId"): _value(one, "w:abstractNumId") for one in _all(numbering, "w:num")}
    anew: dict[tuple[str, int], int] = {}  # where a list starts otherwise than those that it counts with
    for start in _all(numbering, "w:num/w:lvlOverride/w:startOverride[@w:val]"):
        level = start.getparent()
        anew[level.getparent().get(_W + "numId"), int(level.get(_W + "ilvl", "0"))] = int(start.get(_W + "val"))
    named = {style.get(_W + "styleId"): style for style in _all(styles, "//w:style")}
    counts: dict[str, dict[int, int]] = {}

    @cache
    def of_style(name: str) -> tuple[str, int]:
        """The list that a style, or one that it is based on, belongs to, and the level there."""
        if name not in named:
            return "", 0
        own, base = _value(named[name], "w:pPr/w:numPr/w:numId"), _value(named[name], "w:basedOn")
        one, at = (own, 0) if own or base == name else of_style(base)
        return one, level_of_style.get(name, at)

    def label(paragraph: Any) -> str:
        style, one, level = (_value(paragraph, f"w:pPr/{p}") for p in ("w:pStyle", "w:numPr/w:numId", "w:numPr/w:ilvl"))
        one, at = one or of_style(style)[0], int(level or of_style(style)[1])
        of_list = lists.get(one, "")
        if (of_list, at) not in levels or not _all(paragraph, ".//w:drawing | .//w:t[text()]"):
            return ""
        start, form, text = levels[of_list, at]
        count = counts.get(of_list, {}) | {deep: anew.pop((num, deep)) - 1 for num, deep in list(anew) if num == one}
        count[at] = count.get(at, start - 1) + 1
        counts[of_list] = count = {deep: number for deep, number in count.items() if deep <= at}

        def shown(match: re.Match[str]) -> str:
            first, its_form, _ = levels.get((of_list, int(match[1]) - 1), (1, "decimal", ""))
            return counted(count.get(int(match[1]) - 1, first), its_form)

        return "• " if form == "bullet" else re.sub(r"%(\d)", shown, text) + " " if form != "none" and text else ""

    return label


def _value(element: Any, path: str) -> str:
    """The value of what a path leads to, or nothing."""
    return str(_all(element, f"string({path}/@w:val)"))
