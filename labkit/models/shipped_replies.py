"""Replies that come with the course: a lesson looks them up, and computes live what is not among them.

A 135 M model writes two to four replies a second on a laptop, and lessons compare techniques on hundreds of questions.
A row's key is made of the prompt after the chat template, the fingerprint of the model (base, tokenizer, adapters,
quantization) and the decoding; the dtype and the machine that made it stand beside it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from labkit import paths
from labkit.models.store import Store, remembered

# Folder below the shipped results; one file a lesson.
FOLDER = "replies"
_LIVE = ContextVar("live", default=False)


@contextmanager
def live() -> Iterator[None]:
    """Inside, every reply is computed, whatever is kept or comes with the course; for timings and comparisons."""
    token = _LIVE.set(True)
    try:
        yield
    finally:
        _LIVE.reset(token)


def is_live() -> bool:
    """Whether replies are computed, whatever is kept."""
    return _LIVE.get()


@dataclass
class Tally:
    """How many replies came from where since the start, and how long the computed ones took.

    Attributes:
        shipped: came with the course.
        kept: were on disk from an earlier run.
        computed: by the model.
        seconds: that computing took.
    """

    shipped: int = 0
    kept: int = 0
    computed: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        live = f"{self.computed} were computed in {self.seconds:.0f} s"
        return f"{self.shipped} replies came with the course, {self.kept} were kept from an earlier run, {live}."


tally = Tally()


def key(fingerprint: str, task: str, content: str) -> str:
    """Key of a row: 12 characters.

    Args:
        fingerprint: of the model.
        task: what is asked of it, and the decoding ("generate 40").
        content: the prompt after the chat template; with the reply, where its likelihood is asked for.
    """
    said = "\x00".join((fingerprint, task, content)).encode("utf-8")
    return base64.b64encode(hashlib.blake2b(said, digest_size=9).digest()).decode("ascii")


@lru_cache(maxsize=1)
def _rows(folder: Path) -> dict[str, str]:
    """Every shipped row by its key."""
    names = [name for name in paths.checksums(folder) if name.startswith(f"{FOLDER}/")]
    return {key: reply for name in names for key, reply in read_file(folder, name)[1]}


def read_file(folder: Path, name: str) -> tuple[dict[str, object], list[list[str]]]:
    """What a file of replies says of itself, and its rows of key and reply; errors as in `paths.read_checked`."""
    head, *rows = paths.read_rows(name, folder)
    return head, rows


def shipped(fingerprint: str | None, task: str, contents: Sequence[str]) -> dict[str, str]:
    """The replies that come with the course, by content; none under `LABKIT_LIVE=1`."""
    folder = paths.shipped_results()
    if fingerprint is None or os.environ.get("LABKIT_LIVE") == "1" or not (folder / FOLDER).is_dir():
        return {}
    rows = _rows(folder)
    keys = {content: key(fingerprint, task, content) for content in contents}
    return {content: rows[k] for content, k in keys.items() if k in rows}


def looked_up(
    fingerprint: str | None,
    task: str,
    made: str,
    contents: Sequence[str],
    compute: Callable[[list[int]], Sequence[str]],
    store: Store,
    counted: Tally | None = None,
) -> list[str]:
    """Replies in the order of the contents: those that come with the course or are on disk, the others computed.

    Args:
        fingerprint: of the model; None keeps and ships nothing.
        task: as in `key`.
        made: dtype and machine.
        contents: as in `key`.
        compute: takes the places of contents that are missing, gives their replies; not called where none is.
        store: keeps what is computed.
        counted: where it is noted how many came from where.
    """
    counted = counted or Tally()
    came = {} if is_live() else shipped(fingerprint, task, contents)

    def timed(missing: list[int]) -> Sequence[str]:
        start = time.perf_counter()
        replies = compute(missing)
        counted.seconds += time.perf_counter() - start
        counted.computed += len(missing)
        counted.kept -= len(missing)
        return replies

    kept = None if is_live() or not fingerprint else store
    replies = remembered(kept, contents, timed, bytes.decode, str.encode, came)
    counted.shipped += sum(content in came for content in contents)
    counted.kept += len(set(contents) - came.keys())
    if not is_live():
        log_asked(fingerprint, task, made, dict(zip(contents, replies, strict=True)))
    return replies


def log_asked(fingerprint: str | None, task: str, made: str, replies: Mapping[str, str]) -> None:
    """Note what was asked and answered in the folder that `LABKIT_ASKED` names, one file a process.

    Args:
        fingerprint: of the model; None logs nothing.
        task: as in `key`.
        made: dtype and machine.
        replies: by content.
    """
    folder = os.environ.get("LABKIT_ASKED")
    if not folder or fingerprint is None:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        for content, reply in replies.items():
            row = {"fingerprint": fingerprint, "task": task, "made": made, "content": content, "reply": reply}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
