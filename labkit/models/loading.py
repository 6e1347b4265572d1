"""What loading any model needs: the device, quiet bars, clear errors, and a store of results on disk."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from labkit import paths


def device() -> str:
    """ "cuda" where PyTorch sees a GPU, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def native_bf16() -> bool:
    """Whether this machine multiplies in bfloat16 itself, rather than by emulation (a T4 does not)."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def bf16_products() -> AbstractContextManager[Any]:
    """Matrix products in bfloat16 where the processor has it; twice as fast there, cosines the same to four digits."""
    if not native_bf16():
        return nullcontext()
    import torch

    return torch.autocast(device(), dtype=torch.bfloat16)


@contextmanager
def quiet_loading(path: str) -> Iterator[None]:
    """No bar while the weights of a local folder are read; models from the hub keep theirs."""
    from transformers.utils import logging as transformers_logging

    if not Path(path).is_dir() or not transformers_logging.is_progress_bar_enabled():
        yield
        return
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()


def unreachable(kind: str, name: str, setting: str, cause: Exception) -> ValueError:
    if isinstance(cause, ImportError):
        advice = "a library that it needs is missing: install it, or choose another model"
    elif Path(name).is_dir():
        advice = "its folder is there, but something in it is missing or damaged: copy the model again"
    else:
        advice = "it is neither a folder here nor a model that the hub gave: check the name and the network"
    details = str(cause).splitlines()[0] if str(cause) else "no details"
    return ValueError(
        f"The {kind} {name!r} could not be loaded: {advice}, or unset {setting} to use the one that labkit carries. "
        f"({type(cause).__name__}: {details})"
    )


def digest(path: Path) -> str:
    """A short checksum of a file, to say which weights made a result."""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


class Store:
    """Results on disk by content, so that what was computed once is not computed again.

    One SQLite file under `paths.cache()`; several processes may use it at once. A damaged file is set
    aside and begun anew: it is only a cache.

    Args:
        name: of the file. tag: what the results depend on besides the content (model, settings).
    """

    def __init__(self, name: str, tag: str) -> None:
        self._path = paths.cache() / f"{name}.sqlite"
        self._tag = tag.encode("utf-8")

    def _key(self, content: str) -> bytes:
        return hashlib.blake2b(content.encode("utf-8"), digest_size=16, key=hashlib.sha256(self._tag).digest()).digest()

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self._path, timeout=60.0)
            connection.execute("CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, value BLOB)")
        except sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)
            connection = sqlite3.connect(self._path, timeout=60.0)
            connection.execute("CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, value BLOB)")
        return connection

    def get(self, contents: Sequence[str]) -> list[bytes | None]:
        """What is known of each content, or None."""
        with closing(self._connect()) as connection:
            found = []
            for content in contents:
                row = connection.execute("SELECT value FROM results WHERE key = ?", (self._key(content),)).fetchone()
                found.append(None if row is None else bytes(row[0]))
            return found

    def put(self, contents: Sequence[str], values: Sequence[bytes]) -> None:
        """Keep results."""
        rows = [(self._key(c), v) for c, v in zip(contents, values, strict=True)]
        with closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?)", rows)


def remembered(
    store: Store | None, contents: Sequence[str], compute: Callable[[list[int]], Sequence[str]]
) -> list[str]:
    """Results in the order of the contents: those on disk, and the others computed, each content once, and kept.

    Args:
        store: None keeps nothing. compute: takes the places of contents that are missing, gives their results.
    """
    known = store.get(contents) if store else [None] * len(contents)
    first: dict[str, int] = {}
    for i, value in enumerate(known):
        if value is None:
            first.setdefault(contents[i], i)
    fresh = dict(zip(first, compute(list(first.values())), strict=True))
    if store and fresh:
        store.put(list(fresh), [value.encode("utf-8") for value in fresh.values()])
    return [fresh[c] if v is None else v.decode("utf-8") for c, v in zip(contents, known, strict=True)]
