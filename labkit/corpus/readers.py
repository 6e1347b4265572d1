"""Your own files as documents: a folder of them, or one; PDF, Word, HTML, e-mail, Markdown and text.

Files are read by other processes (`python -m labkit.corpus.readers`): a file that hangs or breaks a reader, or
unpacks to more than the memory holds, costs itself and nothing else.
"""

import faulthandler
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from email import message_from_bytes, policy
from itertools import pairwise
from pathlib import Path
from typing import Any

from labkit.corpus.canonical import canonical, decode, paginate, quoted
from labkit.corpus.types import Document

LARGEST_FILE = 200  # megabytes
_LARGEST = {".html": 10, ".htm": 10, ".md": 50, ".txt": 50}  # of kinds that take longer to read
SECONDS = 90
_MEMORY = 3 << 30


@dataclass(frozen=True)
class Content:
    """What was read of a file.

    Attributes:
        text: canonical text; empty where the file cannot be read.
        pages: offset at which each page begins.
        left_out: what of the file is not in the text, and why.
        problem: why nothing could be read, or empty.
    """

    text: str = ""
    pages: list[int] = field(default_factory=lambda: [0])
    left_out: list[str] = field(default_factory=list)
    problem: str = ""


def read(path: Path) -> Content:
    """Read a file in this process; what goes wrong is in `problem`."""
    kind = path.suffix.lower()
    try:
        if kind not in READERS:
            raise ValueError(f"files of this kind are not read; save it as one of {', '.join(READERS)}.")
        if path.stat().st_size > (most := min(LARGEST_FILE, _LARGEST.get(kind, LARGEST_FILE))) * 1e6:
            raise ValueError(f"it is larger than {most} MB; split it.")
        source, notes = READERS[kind](path.read_bytes())
        text, hidden = canonical(source)
        text, pages = paginate(text)
    except ImportError:
        return Content(problem='a library is missing: run `pip install "labkit[files]"`.')
    except (RecursionError, MemoryError) as cause:
        return Content(problem=f"it is nested too deeply or too large ({type(cause).__name__}); simplify or split it.")
    except Exception as cause:  # one bad file must not cost the others
        why = f"it cannot be read ({type(cause).__name__}: {str(cause)[:200]}); open it, save it again, and retry."
        return Content(problem=str(cause) if isinstance(cause, ValueError) and str(cause).endswith(".") else why)
    notes = [*notes, *([f"letters that no screen shows: {quoted(hidden)}"] if hidden else [])]
    problem = "" if text else "; ".join(notes) or "it holds no text; a scanned document needs text recognition (OCR)."
    return Content(text, pages, notes, problem)


# ----------------------------------------------------------------------------------------- formats


def _pdf(content: bytes) -> tuple[str, list[str]]:
    from labkit.corpus.pdf import read_pdf

    return read_pdf(content)


def _docx(content: bytes) -> tuple[str, list[str]]:
    from labkit.corpus.docx import read_docx

    return read_docx(content)


def _html(content: bytes, declared: str | None = None) -> tuple[str, list[str]]:
    from labkit.corpus.html import read_html

    found = re.search(rb"""<(?:meta|\?xml)[^>]+?(?:charset|encoding)\s*=\s*["']?([\w-]+)""", content[:4096], re.I)
    markup, notes = decode(content, declared or (found[1].decode() if found else None))
    text, left_out = read_html(markup)
    return text, notes + left_out


def _mail_file(content: bytes) -> tuple[str, list[str]]:
    return _mail(message_from_bytes(content, policy=policy.default))


def _mail(message: Any) -> tuple[str, list[str]]:
    """An e-mail's head, its text as a mail program shows it, and the messages that it forwards."""
    texts = ["\n".join(f"{n}: {message[n]}" for n in ("From", "To", "Cc", "Date", "Subject") if message[n])]
    notes: list[str] = []
    body = message.get_body(("html", "plain"))
    beside = [*([body] if body else []), *message.iter_attachments()]
    for part in beside:
        kind, name = part.get_content_type(), part.get_filename()
        if kind == "message/rfc822":
            text, more = _mail(part.get_payload(0))
        elif part is body or (kind in ("text/plain", "text/html") and not name):
            reader = _html if kind == "text/html" else decode
            text, more = reader(part.get_payload(decode=True), part.get_content_charset())
        else:
            text, more = "", [f"the attachment {name or kind}: save it beside the e-mail"]
        texts.append(text)
        notes += more
    return "\n\n".join(t for t in texts if t.strip()), notes


READERS: dict[str, Callable[[bytes], tuple[str, list[str]]]] = {
    ".pdf": _pdf,
    ".docx": _docx,
    ".html": _html,
    ".htm": _html,
    ".eml": _mail_file,
    ".md": decode,
    ".txt": decode,
}


# ------------------------------------------------------------------------------- another process


def read_apart(paths: Sequence[Path]) -> list[Content]:
    """As `read`, each within `SECONDS`, by another process, which is begun anew behind a file that ends it."""
    command = [sys.executable, "-m", "labkit.corpus.readers", str(SECONDS)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"}
    contents: list[Content] = []
    while len(contents) < len(paths):
        names = json.dumps([str(path) for path in paths[len(contents) :]])
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        done = subprocess.run(command, env=environment, input=names, text=True, stdout=pipe, stderr=nowhere)
        contents += [Content(**json.loads(line)) for line in done.stdout.split("\n")[:-1]]
        if len(contents) < len(paths):
            late = done.returncode == 1  # as faulthandler ends a process
            why = f"reading took more than {SECONDS} s" if late else "it needs too much memory, or breaks its reader"
            contents.append(Content(problem=f"{why}; split it, or open it and save it again."))
    return contents


def main() -> None:
    """Read the files whose paths come in, and write what they hold, one a line."""
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    answers, sys.stdout = sys.stdout, sys.stderr
    for path in json.load(sys.stdin):
        faulthandler.dump_traceback_later(float(sys.argv[1]), exit=True)
        content = read(Path(path))
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(asdict(content)), file=answers, flush=True)


# ----------------------------------------------------------------------------------------- folders

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
    """Read every PDF, Word file (.docx), HTML page, e-mail (.eml), Markdown and text file below a folder, or one file.

    The text holds what a reader of the document sees, in reading order; what the author deleted or hid is left out
    and reported. Good files are kept, bad ones reported. PDFs are read by PDFium, Word files by mammoth, HTML by
    selectolax, text in another encoding by charset-normalizer (`pip install "labkit[files]"`).

    Hidden files and folders are not looked at; a link that leads out of the folder is not followed.

    Args:
        folder: that holds the files, or a file, which is read as a folder that holds nothing else.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: nothing of it can be read; the message names the reasons.
    """
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"There is no file or folder {str(root)!r}: check the path.")
    # A link to a file is followed where it is named itself.
    root, paths = (root.resolve().parent, [root.resolve()]) if root.is_file() else (root, _visible_files(root))
    inside = [path for path in paths if path.resolve().is_relative_to(root.resolve())]
    made = dict(zip(inside, _read(inside), strict=True))
    outside = Content(problem="it is a link to a file outside of the folder; copy that file into it.")
    contents = {path.relative_to(root).as_posix(): made.get(path, outside) for path in paths}
    problems = {name: content.problem for name, content in contents.items() if content.problem}
    read = {name: content for name, content in contents.items() if not content.problem}
    if not read:
        reasons = "; ".join(f"{n}: {w}" for n, w in problems.items()) or "it is empty"
        kinds = ", ".join(READERS)
        raise ValueError(f"{str(folder)!r} holds no document that can be read ({reasons}); {kinds} are read.")
    documents = [_document(name, root / name, content) for name, content in read.items()]
    return Folder(documents, problems, {name: c.left_out for name, c in read.items() if c.left_out})


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
    """The text of each page of a document that `load_folder` made."""
    starts = [*document.metadata.get("pages", [0]), len(document.text)]
    return [document.text[a:b] for a, b in pairwise(starts)]


if __name__ == "__main__":
    main()
