"""A folder of your own files as documents: PDF, Word, HTML, e-mail, Markdown and text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from labkit.corpus.readers import READERS, Content, read_apart
from labkit.corpus.types import Document

# A passage is read under the title of its document. A file's name seldom says what questions call the document by, the
# parties of a contract for instance; its opening words mostly do. So many characters of them.
OPENING = 240


@dataclass(frozen=True)
class Folder:
    """What was read from a folder.

    Attributes:
        documents: the files that could be read, titled by name and opening words; `metadata["pages"]` holds the offsets
            at which pages begin.
        problems: why a file was not read, by its name.
        left_out: what of a file that was read is not in its text, and why, by its name.
    """

    documents: list[Document]
    problems: dict[str, str]
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def report(self) -> str:
        """What was read, what was left out of it, and which files could not be read."""
        lines = [f"{len(self.documents)} documents read, {len(self.problems)} files left out."]
        lines += [f"- {name}: {why}" for name, why in self.problems.items()]
        partly = [f"- {name}, {note}" for name, notes in self.left_out.items() for note in notes]
        return "\n".join(lines + (["Not in the text of those read:", *partly] if partly else []))


def load_folder(folder: str | Path) -> Folder:
    """Read every PDF, Word file (.docx), HTML page, e-mail (.eml), Markdown and text file below a folder.

    The text holds what a reader of the document sees, in reading order; what the author deleted or hid is left out
    and reported. Good files are kept, bad ones reported. PDFs are read by PDFium, Word files by mammoth, HTML by
    selectolax, text in another encoding by charset-normalizer (`pip install "labkit[files]"`).

    Hidden files and folders are not looked at; a link that leads out of the folder is not followed.

    Args:
        folder: that holds the files.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is a file, or it holds no file that can be read; the message names the reasons.
    """
    root = Path(folder)
    if root.is_file():
        raise ValueError(f"There is no folder {str(root)!r}, that is a file: give the folder that it is in.")
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {str(root)!r}: check the path.")
    paths = _visible_files(root)
    inside = [path for path in paths if path.resolve().is_relative_to(root.resolve())]
    made = dict(zip(inside, _read(inside), strict=True))
    outside = Content(problem="it is a link to a file outside of the folder; copy that file into it.")
    contents = {path.relative_to(root).as_posix(): made.get(path, outside) for path in paths}
    problems = {name: content.problem for name, content in contents.items() if content.problem}
    read = {name: content for name, content in contents.items() if not content.problem}
    if not read:
        reasons = "; ".join(f"{n}: {w}" for n, w in problems.items()) or "it is empty"
        kinds = ", ".join(READERS)
        raise ValueError(f"The folder {str(root)!r} holds no document that can be read ({reasons}). Put {kinds} there.")
    documents = [_document(name, root / name, content) for name, content in read.items()]
    return Folder(documents, problems, {name: c.left_out for name, c in read.items() if c.left_out})


def read_file(path: str | Path) -> tuple[Document, list[str]]:
    """One file as a document, and what of it is not in the text; otherwise as `load_folder`.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read; the message says why.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {str(file)!r}: check the path.")
    [content] = read_apart([file])
    if content.problem:
        raise ValueError(f"{file.name} is not read: {content.problem}")
    return _document(file.name, file, content), content.left_out


def _document(name: str, path: Path, content: Content) -> Document:
    opening = " ".join(content.text[: 2 * OPENING].split())
    shown = opening if len(opening) <= OPENING else opening[:OPENING].rpartition(" ")[0]
    return Document(name, f"{path.stem}: {shown}", content.text, {"path": str(path), "pages": content.pages})


def _read(paths: Sequence[Path]) -> list[Content]:
    """Read files by as many processes as there are processors, at most four."""
    number = min(os.cpu_count() or 1, 4)
    size = min(len(paths) // number + 1, 16)
    with ThreadPoolExecutor(number) as pool:
        parts = pool.map(read_apart, (paths[i : i + size] for i in range(0, len(paths), size)))
        return [content for part in parts for content in part]


def _visible_files(root: Path) -> list[Path]:
    """The files below a folder, in order, without hidden ones and those in hidden folders."""
    found = sorted(p for p in root.rglob("*") if p.is_file())
    return [p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts)]


def pages(document: Document) -> list[str]:
    """The text of each page of a document that `load_folder` or `read_file` made."""
    starts = [*document.metadata.get("pages", [0]), len(document.text)]
    return [document.text[a:b] for a, b in pairwise(starts)]
