"""A folder of your own files as documents: PDF, Word, HTML, e-mail, Markdown and text."""

from __future__ import annotations

import os
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from labkit.corpus.readers import READERS, Content, Reader
from labkit.corpus.types import Document


@dataclass(frozen=True)
class Folder:
    """What was read from a folder.

    Attributes:
        documents: the files that could be read; `metadata["pages"]` holds the offset at which each page begins.
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
    contents: dict[str, Content] = {}
    paths: dict[str, Path] = {}
    for path in _visible_files(root):
        name = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root.resolve()):
            contents[name] = Content(problem="it is a link to a file outside of the folder; copy that file into it.")
        elif path.suffix.lower() not in READERS:
            kinds = ", ".join(READERS)
            contents[name] = Content(problem=f"files of this kind are not read; save it as one of {kinds}.")
        else:
            contents[name], paths[name] = Content(), path
    contents |= dict(zip(paths, _read(list(paths.values())), strict=True))
    problems = {name: content.problem for name, content in contents.items() if content.problem}
    if len(problems) == len(contents):
        reasons = "; ".join(f"{n}: {w}" for n, w in problems.items()) or "it is empty"
        kinds = ", ".join(READERS)
        raise ValueError(f"The folder {str(root)!r} holds no document that can be read ({reasons}). Put {kinds} there.")
    read = {name: content for name, content in contents.items() if not content.problem}
    documents = [
        Document(name, paths[name].stem, content.text, {"path": str(paths[name]), "pages": content.pages})
        for name, content in read.items()
    ]
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
    if file.suffix.lower() not in READERS:
        raise ValueError(f"{file.name}: files of this kind are not read; save it as one of {', '.join(READERS)}.")
    [content] = _read([file])
    if content.problem:
        raise ValueError(f"{file.name} is not read: {content.problem}")
    return Document(file.name, file.stem, content.text, {"path": str(file), "pages": content.pages}), content.left_out


def _read(paths: Sequence[Path]) -> list[Content]:
    """Read files by as many processes as there are processors, at most four."""
    number = max(1, min(len(paths), os.cpu_count() or 1, 4))
    readers = [Reader() for _ in range(number)]
    free: queue.SimpleQueue[Reader] = queue.SimpleQueue()
    for reader in readers:
        free.put(reader)

    def read(path: Path) -> Content:
        reader = free.get()
        try:
            return reader.read(path)
        finally:
            free.put(reader)

    try:
        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(read, paths))
    finally:
        for reader in readers:
            reader.close()


def _visible_files(root: Path) -> list[Path]:
    """The files below a folder, in order, without hidden ones and those in hidden folders."""
    found = sorted(p for p in root.rglob("*") if p.is_file())
    return [p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts)]


def pages(document: Document) -> list[str]:
    """The text of each page of a document that `load_folder` or `read_file` made."""
    starts = [*document.metadata.get("pages", [0]), len(document.text)]
    return [document.text[a:b] for a, b in pairwise(starts)]
