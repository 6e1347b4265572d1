"""A folder of your own files as documents: PDF, DOCX, HTML, Markdown and text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labkit.corpus.types import Document


@dataclass(frozen=True)
class Folder:
    """What was read from a folder: the good files as documents, the bad ones with the reason."""

    documents: list[Document]
    problems: dict[str, str]

    def report(self) -> str:
        """One line for what was read, one for each file that was not."""
        lines = [f"{len(self.documents)} documents read, {len(self.problems)} files left out."]
        return "\n".join(lines + [f"- {name}: {why}" for name, why in self.problems.items()])


def load_folder(folder: str | Path) -> Folder:
    """Read every PDF, DOCX, HTML, Markdown and text file below a folder.

    Good files are kept, bad ones reported. PDFs are read by pypdf, DOCX by python-docx, HTML by
    Beautiful Soup, text in another encoding by charset-normalizer (`pip install "labkit[files]"`).

    Hidden files and folders are not looked at; a link that leads out of the folder is not followed.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is a file, or it holds no file that can be read; the message names the reasons.
    """
    root = Path(folder)
    if root.is_file():
        raise ValueError(f"There is no folder {str(root)!r}, that is a file: give the folder that it is in.")
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {str(root)!r}: check the path.")
    documents: list[Document] = []
    problems: dict[str, str] = {}
    for path in _visible_files(root):
        name = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root.resolve()):
            problems[name] = "it is a link to a file outside of the folder; copy that file into it."
            continue
        if path.suffix.lower() not in _READERS:
            problems[name] = f"files of this kind are not read; save it as one of {', '.join(_READERS)}."
            continue
        try:
            text = _READERS[path.suffix.lower()](path).strip()
        except Exception as cause:  # one bad file must not cost the others
            problems[name] = _reason(cause)
            continue
        if text:
            documents.append(Document(name, path.stem, text, {"path": str(path)}))
        else:
            problems[name] = "it holds no text; a scanned document needs text recognition (OCR) first."
    if not documents:
        reasons = "; ".join(f"{n}: {w}" for n, w in problems.items()) or "it is empty"
        kinds = ", ".join(_READERS)
        raise ValueError(f"The folder {str(root)!r} holds no document that can be read ({reasons}). Put {kinds} there.")
    return Folder(documents, problems)


def _visible_files(root: Path) -> list[Path]:
    """The files below a folder, in order, without hidden ones and those in hidden folders."""
    found = sorted(p for p in root.rglob("*") if p.is_file())
    return [p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts)]


def _reason(cause: Exception) -> str:
    if isinstance(cause, ImportError):
        return 'a library is missing: run `pip install "labkit[files]"`.'
    if isinstance(cause, ValueError) and getattr(cause, "labkit", False):
        return str(cause)
    return f"it cannot be read ({type(cause).__name__}: {cause}); open it, save it again, and retry."


class _BadFile(ValueError):
    labkit = True


def _read_pdf(path: Path) -> str:
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(path)
    if reader.is_encrypted and not reader.decrypt(""):
        raise _BadFile("it is encrypted; save a copy without a password.")
    return "\n\n".join(page.extract_text() for page in reader.pages)


def _read_docx(path: Path) -> str:
    from docx import Document as open_docx
    from docx.table import Table

    blocks = []
    for block in open_docx(str(path)).iter_inner_content():
        if isinstance(block, Table):
            blocks += [": ".join(cell.text for cell in row.cells) for row in block.rows]
        else:
            blocks.append(block.text)
    return "\n\n".join(b for b in blocks if b.strip())


def _read_html(path: Path) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_bytes(), "html.parser")
    for tag in soup(["script", "style", "nav"]):
        tag.decompose()
    return soup.get_text("\n", strip=True)


# Guessing among every encoding there is goes wrong on short texts.
_ENCODINGS = ["utf_16", "utf_32", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "big5"]


def _read_text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(content, cp_isolation=_ENCODINGS).best()
        if best is None:
            raise _BadFile("its encoding is not known; save it as UTF-8.") from None
        return str(best)


_READERS: dict[str, Callable[[Path], str]] = {
    ".pdf": _read_pdf,
    ".docx": _read_docx,
    ".html": _read_html,
    ".htm": _read_html,
    ".md": _read_text,
    ".txt": _read_text,
}
