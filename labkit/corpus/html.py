"""HTML pages as text: what a browser shows, tables row by row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from labkit.corpus.canonical import ROW, SUPERSCRIPTS, quoted, table_text

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_BLOCKS = (
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr legend li main menu ol p pre section summary table td th title tr ul"
).split()
_NEVER_SHOWN = "script, template, noscript, title, iframe, object, svg, datalist, dialog:not([open])"
_WHITE = re.compile(r"white|transparent|#f[\da-f]f[\da-f]f[\da-f]|#fff|rgba?\((25\d,){2}25\d.*|rgba\(.*,0\)")
_OFFSETS = ("left", "top", "right", "bottom", "text-indent", "margin-left", "margin-top")
_ROW_MARK = "\ue000"  # stands for ROW while blank lines are counted


def read_html(markup: str) -> tuple[str, list[str]]:
    """Text of an HTML page, and what was left out of it.

    Inline tags join, block tags part, form fields and list markers read as they are seen.
    """
    from bs4 import BeautifulSoup, NavigableString

    soup = BeautifulSoup(markup, "html.parser")
    notes = _take_out(soup)
    for string in soup.find_all(string=True):
        if type(string) is not NavigableString:
            string.extract()  # comments and declarations
        elif not string.find_parent(["pre", "textarea"]):
            string.replace_with(re.sub(r"\s+", " ", string))
    for raised in soup("sup"):
        raised.replace_with(raised.get_text().strip("[]").translate(SUPERSCRIPTS))
    _show_fields(soup)
    for numbered in soup("ol"):
        for number, item in zip(count(_whole(numbered.get("start"), 1)), numbered("li", recursive=False), strict=False):
            shown = _whole(item.get("value"), number)
            item.insert(0, f"{counted(shown, _LIST_TYPES.get(str(numbered.get('type')), 'decimal'))}. ")
    for line_break in soup("br"):
        line_break.replace_with("\n")
    _show_tables(soup)
    for block in soup(_BLOCKS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
    text = re.sub(r" *\n *", "\n", re.sub(r"[ \t]+", " ", soup.get_text()))
    return re.sub(r"\n{3,}", "\n\n", text).strip().replace(_ROW_MARK, ROW), notes


def _take_out(soup: BeautifulSoup) -> list[str]:
    """Take out what a browser does not show; what of it a reader should know."""
    rules = re.sub(r"/\*.*?\*/", "", " ".join(style.get_text() for style in soup("style")), flags=re.S)
    rules = re.sub(r"@media[^{]*print[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", rules)
    for tag in [*soup.select(_NEVER_SHOWN), *soup("style")]:
        tag.decompose()
    hidden = soup.select("[hidden]")
    for selector, declarations in re.findall(r"([^{}]+)\{([^{}]*)\}", rules):
        if _hides(declarations, "background" in rules) and ":" not in selector and "@" not in selector:
            hidden += soup.select(selector.strip())
    for tag in soup.select("[style]"):
        grounds = [str(t.get("style", "")) + "background" * t.has_attr("bgcolor") for t in tag.parents]
        if _hides(str(tag["style"]), "background" in rules + "".join(grounds)):
            hidden.append(tag)
    kinds = {"hidden text": hidden, "struck out text": soup(["del", "s", "strike"]), "navigation": soup("nav")}
    notes = []
    for kind, tags in kinds.items():
        texts = [tag.extract().get_text(" ").strip() for tag in tags]
        if shown := [text for text in dict.fromkeys(texts) if text]:
            notes.append(f"{kind}: {quoted(shown)}")
    return notes


def _hides(declarations: str, has_ground: bool) -> bool:
    """Whether a style keeps text from being seen; white text is, unless it may stand on a coloured ground."""
    pairs = (part.lower().replace("!important", "").split(":", 1) for part in declarations.split(";") if ":" in part)
    style = {name.strip(): re.sub(r"\s", "", value) for name, value in pairs}
    size, opacity = _size(style.get("font-size", "")), _size(style.get("opacity", ""))
    return (
        style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or opacity == 0
        or (size is not None and size < 3)
        or any((_size(style.get(side, "")) or 0) < -500 for side in _OFFSETS)
        or style.get("clip", "").startswith("rect(0")
        or style.get("clip-path", "").startswith("inset(50%")
        or (bool(_WHITE.fullmatch(style.get("color", ""))) and not (has_ground or "background" in declarations))
    )


def _size(value: str) -> float | None:
    """A length in points or pixels."""
    match = re.match(r"(-?(?:\d+\.?\d*|\.\d+))(r?em|%)?", value)
    return float(match[1]) * {"em": 12, "rem": 12, "%": 0.12}.get(match[2], 1) if match else None


def _show_fields(soup: BeautifulSoup) -> None:
    """Put in the place of form fields what stands in them."""
    for field in soup("input"):
        kind = field.get("type", "text")
        mark = ("☒" if field.has_attr("checked") else "☐") if kind in ("checkbox", "radio") else field.get("value", "")
        field.replace_with("" if kind in ("hidden", "password") else f" {mark} ")
    for choice in soup("select"):
        options = choice("option")
        shown = [o for o in options if o.has_attr("selected")] or options[:1]
        choice.replace_with(" " + ", ".join(" ".join(o.get_text().split()) for o in shown) + " ")


def _show_tables(soup: BeautifulSoup) -> None:
    """Put each table's text in its place; a table that only lays out the page stays, its cells blocks."""
    tables = soup("table")
    layouts = {id(t) for t in tables if t.table or t.get("role") == "presentation"}
    for table in reversed(tables):
        rows = list(_rows(table))
        if id(table) not in layouts and max(map(len, rows), default=0) > 1:
            first = table.tr.find_all(["td", "th"]) if table.tr else []
            marked = bool(table.thead) or all(cell.name == "th" for cell in first)
            caption = table.caption.get_text() if table.caption else ""
            table.replace_with(f"\n\n{caption}\n\n{table_text(rows, marked or None).replace(ROW, _ROW_MARK)}\n\n")


def _rows(table: Tag) -> Iterator[list[str]]:
    """Cells by row; empty where a merged cell goes on."""
    below: dict[int, int] = {}
    for row in table("tr"):
        cells: list[str] = []
        for cell in row(["td", "th"]):
            while below.get(len(cells), 0):
                cells.append("")
            wide, high = (min(_whole(cell.get(name), 1), 1000) for name in ("colspan", "rowspan"))
            below |= {len(cells) + i: high for i in range(wide)}
            for block in cell(_BLOCKS):
                block.insert_after(" ")
            cells += [cell.get_text(), *[""] * (wide - 1)]
        below = {column: high - 1 for column, high in below.items() if high > 1}
        yield cells


def _whole(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, str) and value.isdecimal() else otherwise


# ------------------------------------------------------------------------------------ list markers

_LIST_TYPES = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_ROMAN = list(zip((1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
                  "m cm d cd c xc l xl x ix v iv i".split(), strict=True))  # fmt: skip


def counted(number: int, kind: str) -> str:
    """A list's number as it is shown.

    Args:
        number: from 1 up.
        kind: Word's name of the format: "decimal", "lowerLetter", "upperRoman" ...
    """
    if kind.endswith("Letter"):
        text = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
    elif kind.endswith("Roman"):
        text = ""
        for value, letters in _ROMAN:
            text += letters * (number // value)
            number %= value
    else:
        text = f"{number:02d}" if kind == "decimalZero" else str(number)
    return text.upper() if kind.startswith("upper") else text
