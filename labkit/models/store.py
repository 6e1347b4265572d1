"""Results of models on disk, by content, so that what was computed once is not computed again."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from labkit import paths


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


def make_folder(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made in one step when it is missing or damaged: nobody ever reads half of it.

    Several processes may call this at once; one makes the folder, the others wait.

    Args:
        folder: where it belongs; a file of checksums in it tells that it is whole.
        make: fills an empty folder, given its path.

    Returns:
        `folder`.

    Raises:
        ValueError: the disk is full or read-only; or what `make` raises.
    """
    if _whole(folder):
        return folder
    from filelock import FileLock
    from safetensors import SafetensorError

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _whole(folder):
                _make_anew(folder, make)
    except (OSError, SafetensorError) as cause:
        raise ValueError(
            f"{folder.parent} does not take what has to be kept there: free a gigabyte on that disk, or set "
            f"LABKIT_CACHE to a folder that can be written to. ({cause})"
        ) from cause
    return folder


def _whole(folder: Path) -> bool:
    try:
        paths.check_folder(folder)
    except (FileNotFoundError, ValueError):
        return False
    return True


def _make_anew(folder: Path, make: Callable[[Path], None]) -> None:
    for left in folder.parent.glob(f".{folder.name}.*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        make(made)
        paths.write_checksums(made, [file.name for file in made.iterdir()])
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
