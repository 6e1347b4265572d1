"""HTML pages as text: what a browser shows, tables row by row."""

import re
from collections.abc import Iterator
from contextlib import suppress

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from labkit.corpus.canonical import ROW, SUPERSCRIPTS, quoted, table_text

_BLOCKS = (
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr legend li main menu ol p pre section summary table td th tr ul"
).replace(" ", ", ")
_NEVER_SHOWN = (
    "script, style, template, noscript, title, iframe, object, svg, datalist, dialog:not([open]), "
    "input[type=hidden i], input[type=password i]"
)
_GONE = "labkit-gone"  # an attribute of what is taken out of a page; its value says why
# Values of CSS properties that keep text from being seen.
_HIDING = {"display": "none", "visibility": "hidden|collapse", "opacity": r"[0.]+%?", "clip": r"rect\(0.*",
           "clip-path": r"inset\(50%.*"}  # fmt: skip
_WHITE = re.compile(r"white|transparent|#f[\da-f]f[\da-f]f[\da-f]|#fff|rgba?\((25\d,){2}25\d.*|rgba\(.*,0\)")
_OFFSETS = ("left", "top", "right", "bottom", "text-indent", "margin-left", "margin-top")
_ROW_MARK = "\ue000"  # stands for ROW while blank lines are counted


def read_html(markup: str) -> tuple[str, list[str]]:
    """Text of an HTML page, and what was left out of it.

    Inline tags join, block tags part, form fields and list markers read as they are seen.
    """
    tree = LexborHTMLParser(markup)
    assert tree.root is not None  # a parser of HTML always makes one
    notes = _take_out(tree)
    kept = {n.mem_id for pre in tree.css("pre, textarea") for n in pre.traverse(include_text=True)}
    for node in list(tree.root.traverse(include_text=True)):
        if node.is_text_node and node.mem_id not in kept:
            node.replace_with(re.sub(r"\s+", " ", node.text_content or ""))
    for raised in tree.css("sup"):
        raised.replace_with(raised.text().strip("[]").translate(SUPERSCRIPTS))
    _show_fields(tree)
    for numbered in tree.css("ol"):
        number, kind = _whole(numbered.attributes.get("start"), 1), str(numbered.attributes.get("type"))
        for item in numbered.iter():
            number = _whole(item.attributes.get("value"), number)
            if item.tag == "li":
                item.insert_before(f"\n\n{counted(number, _LIST_TYPES.get(kind, 'decimal'))}. ")
                number += 1
    for line_break in tree.css("br"):
        line_break.replace_with("\n")
    _show_tables(tree)
    for block in tree.css(_BLOCKS):
        if block.tag != "li" or (block.parent and block.parent.tag != "ol"):
            block.insert_before("\n\n")
        block.insert_after("\n\n")
    text = re.sub(r" *\n *", "\n", re.sub(r"[ \t]+", " ", tree.root.text()))
    return re.sub(r"\n{3,}", "\n\n", text).strip().replace(_ROW_MARK, ROW), notes


def _take_out(tree: LexborHTMLParser) -> list[str]:
    """Take out what a browser does not show; what of it a reader should know."""
    rules = re.sub(r"/\*.*?\*/", "", " ".join(style.text() for style in tree.css("style")), flags=re.S)
    rules = re.sub(r"@media[^{]*print[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", rules)
    hidden = tree.css("[hidden]")
    for selector, declarations in re.findall(r"([^{}]+)\{([^{}]*)\}", rules):
        if _hides(declarations, "background" in rules) and ":" not in selector:
            with suppress(SelectolaxError):  # a selector that only newer browsers know
                hidden += tree.css(selector)
    # White text is seen where the ground may not be white.
    grounds = {tag.mem_id for look in ("[bgcolor]", "[style*=background i]") for tag in tree.css(f"{look}, {look} *")}
    for tag in tree.css("[style]"):
        if _hides(tag.attributes["style"] or "", "background" in rules or tag.mem_id in grounds):
            hidden.append(tag)
    kinds = {"hidden text": hidden, "struck out text": tree.css("del, s, strike"), "navigation": tree.css("nav"),
             "": tree.css(_NEVER_SHOWN)}  # fmt: skip
    for kind, tags in kinds.items():
        for tag in tags:
            tag.attrs[_GONE] = kind
    texts: dict[str, list[str]] = {}
    for tag in tree.css(f"[{_GONE}]:not([{_GONE}] *)"):
        texts.setdefault(tag.attributes[_GONE] or "", []).append(tag.text(separator=" ").strip())
        tag.decompose()
    return [f"{kind}: {quoted(said)}" for kind, all_ in texts.items() if kind and (said := [t for t in all_ if t])]


def _hides(declarations: str, has_ground: bool) -> bool:
    """Whether a style keeps text from being seen; white text is, unless it may stand on a coloured ground."""
    pairs = (part.lower().replace("!important", "").split(":", 1) for part in declarations.split(";") if ":" in part)
    style = {name.strip(): re.sub(r"\s", "", value) for name, value in pairs}
    white = _WHITE.fullmatch(style.get("color", "")) and not (has_ground or "background" in declarations)
    return (
        any(re.fullmatch(pattern, style.get(name, "")) for name, pattern in _HIDING.items())
        or _size(style.get("font-size", "")) < 3
        or any(_size(style.get(side, "")) < -500 for side in _OFFSETS)
        or bool(white)
    )


def _size(value: str) -> float:
    """A length in points or pixels; the usual one where it is none."""
    match = re.match(r"(-?(?:\d+\.?\d*|\.\d+))(r?em|%)?", value)
    return float(match[1]) * {"em": 12, "rem": 12, "%": 0.12}.get(match[2], 1) if match else 12


def _show_fields(tree: LexborHTMLParser) -> None:
    """Put in the place of form fields what stands in them."""
    for field in tree.css("input"):
        look = field.attributes
        mark = "☒" if "checked" in look else "☐"
        field.replace_with(f" {mark if look.get('type') in ('checkbox', 'radio') else look.get('value') or ''} ")
    for choice in tree.css("select"):
        options = choice.css("option")
        shown = [o for o in options if "selected" in o.attributes] or options[:1]
        choice.replace_with(" " + ", ".join(" ".join(o.text().split()) for o in shown) + " ")


def _show_tables(tree: LexborHTMLParser) -> None:
    """Put each table's text in its place; a table that only lays out the page stays, its cells blocks."""
    tables = tree.css("table")
    layouts = {t.mem_id for t in tables if len(t.css("table")) > 1 or t.attributes.get("role") == "presentation"}
    for table in reversed(tables):
        rows = [] if table.mem_id in layouts else list(_rows(table))
        if max(map(len, rows), default=0) > 1:
            first = table.css("tr")[0].css("td, th")
            marked = table.css_first("thead") is not None or all(cell.tag == "th" for cell in first)
            caption = " ".join(c.text() for c in table.css("caption"))
            table.replace_with(f"\n\n{caption}\n\n{table_text(rows, marked or None).replace(ROW, _ROW_MARK)}\n\n")


def _rows(table: LexborNode) -> Iterator[list[str]]:
    """Cells by row; empty where a merged cell goes on."""
    below: dict[int, int] = {}
    for row in table.css("tr"):
        cells: list[str] = []
        for cell in row.css("td, th"):
            while below.get(len(cells), 0):
                cells.append("")
            wide, high = (min(_whole(cell.attributes.get(name), 1), 1000) for name in ("colspan", "rowspan"))
            below |= {len(cells) + i: high for i in range(wide)}
            for block in cell.css(_BLOCKS):
                block.insert_after(" ")
            cells += [cell.text(), *[""] * (wide - 1)]
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
