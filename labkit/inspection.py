"""What labkit sees of your own documents, page by page, beside what was left out."""

import base64
import io
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from labkit import corpus

_STYLE = "white-space:pre-wrap;overflow-wrap:anywhere"
_NOTE = "background:#fff3cd;color:#000;padding:4px 8px;margin:4px 0;border-left:4px solid #b8860b"
_FRAME = "flex:1;min-width:0;font:13px/1.45 sans-serif;max-height:760px;overflow:auto;padding:4px 8px"


def report(path: str | Path) -> str:
    """What labkit sees of a file or of each file of a folder; arguments and errors as in `corpus.load_folder`."""
    folder = corpus.load_folder(path)
    blocks = [f"{name}: not read, for {why}" for name, why in folder.problems.items()]
    for document in folder.documents:
        pages = corpus.pages(document)
        notes = folder.left_out.get(document.id, [])
        words = f"{len(document.text.split())} words, {len(pages)} page{'s' * (len(pages) > 1)}"
        blocks.append(f"=== {document.id}: {words}" + "".join(f"\n!! {n}" for n in notes if not _page_of(n)))
        for number, text in enumerate(pages, 1):
            own = "".join(f"!! {note}\n" for note in notes if _page_of(note) == number)
            blocks.append(f"--- page {number}\n{own}{_shown(text)}")
    return "\n\n".join(blocks)


def _page_of(note: str) -> int:
    """The page that a note is about; 0 where it is about the whole file."""
    number = note.removeprefix("page ").partition(":")[0]
    return int(number) if note.startswith("page ") and number.isdigit() else 0


def page_html(document: corpus.Document, number: int, left_out: Mapping[str, list[str]]) -> str:
    """A page as a notebook shows it: its picture, where it has one, beside its text and what was left out.

    Args:
        document: that `corpus.load_folder` made.
        number: of the page, from 1.
        left_out: as a `corpus.Folder` holds it.
    """
    notes = [n for n in left_out.get(document.id, []) if _page_of(n) in (0, number)]
    text = escape(_shown(corpus.pages(document)[number - 1])) or "<i>no text</i>"
    shown = "".join(f'<div style="{_NOTE}">{escape(note)}</div>' for note in notes)
    file = Path(document.metadata["path"])
    picture = [_picture(file, number)] if file.suffix.lower() == ".pdf" else []
    frames = [
        f'<div style="{_FRAME}">{held}</div>' for held in [*picture, f'{shown}<div style="{_STYLE}">{text}</div>']
    ]
    return f'<div style="display:flex;gap:2%">{"".join(frames)}</div>'


def _shown(text: str) -> str:
    """A page's text with the rows of its tables close together."""
    return text.strip().replace("\n\n\n", "\n")


def _picture(path: Path, number: int) -> str:
    """A PDF's page as an HTML picture."""
    import pypdfium2

    with pypdfium2.PdfDocument(path) as pdf:
        pdf.init_forms()
        page = pdf[number - 1]
        buffer = io.BytesIO()
        page.render(scale=900 / max(page.get_size())).to_pil().save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="page {number}" style="width:100%;border:1px solid #888" src="data:image/png;base64,{data}">'


def document_viewer(path: str | Path) -> Any:
    """Choose a document and a page; see its picture beside what labkit reads of it, and what was left out.

    Args:
        path: of a file or a folder.

    Returns:
        An ipywidgets box; without a screen, print `report`.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: nothing of it can be read; the message says why.
    """
    import ipywidgets

    folder = corpus.load_folder(path)
    names = {document.id: document for document in folder.documents}
    chosen = ipywidgets.Dropdown(options=list(names), description="document", layout={"width": "60%"})
    page = ipywidgets.BoundedIntText(value=1, min=1, max=1, description="page")
    view = ipywidgets.HTML("")
    unread = "".join(
        f'<div style="{_NOTE}">{escape(n)}: not read, for {escape(w)}</div>' for n, w in folder.problems.items()
    )

    def draw(_: Any) -> None:
        document = names[str(chosen.value)]
        page.max = len(corpus.pages(document))
        page.description = f"page of {page.max}"
        view.value = page_html(document, min(page.value, page.max), folder.left_out) + unread

    chosen.observe(draw, names="value")
    page.observe(draw, names="value")
    draw(None)
    return ipywidgets.VBox([ipywidgets.HBox([chosen, page]), view])
