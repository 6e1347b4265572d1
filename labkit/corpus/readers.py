"""One file of one's own as canonical text, with limits on size and time.

Files are read by other processes (`python -m labkit.corpus.readers`): a file that hangs or breaks a reader, or
unpacks to more than the memory holds, costs itself and nothing else.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit.corpus import pdf
from labkit.corpus.canonical import canonical, paginate, quoted
from labkit.corpus.docx import read_docx
from labkit.corpus.encodings import decode
from labkit.corpus.html import read_html

LARGEST_FILE = 200  # megabytes
_LARGEST = {".html": 10, ".htm": 10, ".md": 50, ".txt": 50}  # of kinds that take longer to read
SECONDS = pdf.SECONDS + 30
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
        source, notes = READERS[kind](path)
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


def _text_file(path: Path) -> tuple[str, list[str]]:
    return decode(path.read_bytes())


def _html_file(path: Path) -> tuple[str, list[str]]:
    content = path.read_bytes()
    declared = re.search(rb"""<(?:meta|\?xml)[^>]+?(?:charset|encoding)\s*=\s*["']?([\w-]+)""", content[:4096], re.I)
    markup, notes = decode(content, declared[1].decode() if declared else None)
    text, left_out = read_html(markup)
    return text, notes + left_out


def _mail_file(path: Path) -> tuple[str, list[str]]:
    from email import policy
    from email.parser import BytesParser

    return _mail(BytesParser(policy=policy.default).parsebytes(path.read_bytes()))


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
            text, more = decode(part.get_payload(decode=True), part.get_content_charset())
            if kind == "text/html":
                text, left_out = read_html(text)
                more += left_out
        else:
            text, more = "", [f"the attachment {name or kind}: save it beside the e-mail"]
        texts.append(text)
        notes += more
    return "\n\n".join(t for t in texts if t.strip()), notes


READERS: dict[str, Callable[[Path], tuple[str, list[str]]]] = {
    ".pdf": pdf.read_pdf,
    ".docx": read_docx,
    ".html": _html_file,
    ".htm": _html_file,
    ".eml": _mail_file,
    ".md": _text_file,
    ".txt": _text_file,
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


if __name__ == "__main__":
    main()
