"""One file of one's own as canonical text, with limits on size and time.

Files are read by other processes (`python -m labkit.corpus.readers`): a file that hangs or breaks a reader, or
unpacks to more than the memory holds, costs itself and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labkit.corpus import pdf
from labkit.corpus.canonical import canonical, paginate, quoted
from labkit.corpus.docx import read_docx
from labkit.corpus.encodings import decode
from labkit.corpus.html import read_html

LARGEST_FILE = 200  # megabytes
LARGEST_TEXT = 50  # megabytes, of text, HTML and Markdown
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
    try:
        if path.stat().st_size > LARGEST_FILE * 1e6:
            raise ValueError(f"it is larger than {LARGEST_FILE} MB; split it.")
        source, notes = READERS[path.suffix.lower()](path)
        text, hidden = canonical(source)
        text, pages = paginate(text)
    except ImportError:
        return Content(problem='a library is missing: run `pip install "labkit[files]"`.')
    except (RecursionError, MemoryError) as cause:
        return Content(problem=f"it is nested too deeply or too large ({type(cause).__name__}); simplify or split it.")
    except ValueError as cause:
        return Content(problem=str(cause) if str(cause).endswith(".") else _unreadable(cause))
    except Exception as cause:  # one bad file must not cost the others
        return Content(problem=_unreadable(cause))
    notes = [*notes, *([f"letters that no screen shows: {quoted(hidden)}"] if hidden else [])]
    problem = "" if text else "; ".join(notes) or "it holds no text; a scanned document needs text recognition (OCR)."
    return Content(text, pages, notes, problem)


def _unreadable(cause: Exception) -> str:
    return f"it cannot be read ({type(cause).__name__}: {str(cause)[:200]}); open it, save it again, and retry."


# ----------------------------------------------------------------------------------------- formats


def _text_file(path: Path) -> tuple[str, list[str]]:
    if path.stat().st_size > LARGEST_TEXT * 1e6:
        raise ValueError(f"it holds more than {LARGEST_TEXT} MB of text; split it.")
    return decode(path.read_bytes())


def _html_file(path: Path) -> tuple[str, list[str]]:
    content = path.read_bytes()
    if len(content) > LARGEST_TEXT / 5 * 1e6:
        raise ValueError(f"it holds more than {LARGEST_TEXT // 5} MB of HTML; split it.")
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


class Reader:
    """A process that reads files, begun anew where a file ends it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> Content:
        """As `read`, within `SECONDS`."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "labkit.corpus.readers"]
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"}
            pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
            self._process = subprocess.Popen(
                command, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=nowhere
            )
        process = self._process
        assert process.stdin and process.stdout
        clock = threading.Timer(SECONDS, process.kill)
        clock.start()
        try:
            print(json.dumps(str(path)), file=process.stdin, flush=True)
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        late = not clock.is_alive()
        clock.cancel()
        if line:
            return Content(**json.loads(line))
        self.close()
        why = (
            f"reading took more than {SECONDS} s"
            if late
            else "it needs more memory than there is, or breaks its reader"
        )
        return Content(problem=f"{why}; split it, or open it and save it again.")

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


def main() -> None:
    """Read the files whose paths come in, one a line, and write what they hold, one a line."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    except (ImportError, ValueError, OSError):  # Windows has no such limit
        pass
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(asdict(read(Path(json.loads(line))))), file=answers, flush=True)


if __name__ == "__main__":
    main()
