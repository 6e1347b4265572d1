"""Results of models on disk, by content, so that what was computed once is not computed again."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from filelock import FileLock

from labkit import paths

FILE = "store.sqlite"
# Keys in one query; older SQLite takes at most 999.
_BATCH = 900
_SCHEMA = "CREATE TABLE IF NOT EXISTS results (key BLOB PRIMARY KEY, value BLOB, crc INTEGER)"
# What says that the file is there and fine, but not to be used now: locked, read-only, the disk full.
_UNUSABLE = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
)  # fmt: skip

T = TypeVar("T")


def digest(path: Path) -> str:
    """A short checksum of a file, to say which weights made a result."""
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


def weights_of(adapter: Path) -> Path:
    """The weights of an adapter on disk, its checksums verified where it has some.

    Raises:
        FileNotFoundError: there is no adapter. ValueError: a file of it does not match its checksum.
    """
    weights = adapter / "adapter_model.safetensors"
    if not weights.exists():
        raise FileNotFoundError(f"There is no adapter in {adapter}: train one with `tune.train_generator`.")
    if (adapter / paths.SUMS).exists():
        paths.check_folder(adapter)
    return weights


class Store:
    """Results on disk by content: replies, scores, vectors.

    One SQLite file under `paths.cache()` holds all of them; several processes may use it at once. It is only a cache:
    a file that is damaged or of another schema is renamed and begun anew, and where the file cannot be used (locked
    for longer than `wait`, read-only, the disk full), a warning says so and nothing is kept.

    Args:
        name: what is kept ("replies").
        tag: what the results depend on besides the content (model, settings).

    Attributes:
        wait: seconds to wait for another process that has locked the file.
    """

    wait = 5.0

    def __init__(self, name: str, tag: str) -> None:
        self._tag = hashlib.sha256(f"{name}\0{tag}".encode()).digest()

    def _key(self, content: str) -> bytes:
        return hashlib.blake2b(content.encode("utf-8"), digest_size=16, key=self._tag).digest()

    def get(self, contents: Sequence[str]) -> list[bytes | None]:
        """What is known of each content, or None."""

        keys = [self._key(content) for content in contents]

        def read(connection: sqlite3.Connection) -> dict[bytes, bytes]:
            found: dict[bytes, bytes] = {}
            for start in range(0, len(keys), _BATCH):
                part = keys[start : start + _BATCH]
                query = f"SELECT key, value, crc FROM results WHERE key IN ({','.join('?' * len(part))})"
                rows = connection.execute(query, part)
                found |= {k: value for k, value, crc in rows if isinstance(value, bytes) and zlib.crc32(value) == crc}
            return found

        known = self._use(read) or {}
        return [known.get(key) for key in keys]

    def put(self, contents: Sequence[str], values: Sequence[bytes]) -> None:
        """Keep results, all in one transaction."""
        rows = [(self._key(c), v, zlib.crc32(v)) for c, v in zip(contents, values, strict=True)]
        self._use(lambda connection: connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows))

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `work` gives; None where the file cannot be used."""
        cause: Exception | None = None
        for _ in range(2):
            try:
                path = paths.cache() / FILE
                before = path.stat().st_ino if path.exists() else None
                with closing(sqlite3.connect(path, timeout=self.wait, isolation_level="IMMEDIATE")) as connection:
                    connection.execute(_SCHEMA)
                    with connection:
                        return work(connection)
            except (sqlite3.Error, OSError, ValueError) as error:
                cause = error
                # The low byte is the kind of error; the rest says more.
                kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if not isinstance(error, sqlite3.Error) or kind in _UNUSABLE or not _set_aside(path, before):
                    break
        warnings.warn(f"Results are computed and not kept, for the store cannot be used: {cause}.", stacklevel=2)
        return None


def _set_aside(path: Path, inode: int | None) -> bool:
    """Rename a damaged file, with its journal, unless another process has done so by now; False where it can't be."""
    mark = time.time_ns()
    try:
        # Between the look and the renaming, another process could else have begun it anew.
        with FileLock(f"{path}.lock"):
            if path.stat().st_ino == inode:
                for part in (path, *path.parent.glob(f"{path.name}-*")):
                    part.rename(part.with_name(f"damaged-{mark}-{part.name}"))
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return True


def remembered(
    store: Store | None,
    contents: Sequence[str],
    compute: Callable[[list[int]], Sequence[T]],
    read: Callable[[bytes], T],
    write: Callable[[T], bytes],
    known: Mapping[str, T] | None = None,
) -> list[T]:
    """Results in the order of the contents: those on disk, and the others computed, each content once, and kept.

    Args:
        store: None keeps nothing.
        compute: takes the places of contents that are missing, gives their results; not called where none is.
        read: makes a result of what is on disk; a ValueError says that it is damaged, and it is computed anew.
        write: makes of a result what is put on disk.
        known: results by content that are neither computed nor looked for.
    """
    found = dict(known or {})
    unknown = [content for content in dict.fromkeys(contents) if content not in found]
    for content, value in zip(unknown, store.get(unknown) if store else (), strict=False):
        if value is not None:
            with suppress(ValueError):
                found[content] = read(value)
    missing = [content for content in unknown if content not in found]
    if missing:
        first = {content: i for i, content in reversed(list(enumerate(contents)))}
        fresh = compute([first[content] for content in missing])
        found |= zip(missing, fresh, strict=True)
        if store:
            store.put(missing, list(map(write, fresh)))
    return [found[content] for content in contents]


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
    if whole(folder):
        return folder
    from safetensors import SafetensorError

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not whole(folder):
                _make_anew(folder, make)
    except (OSError, SafetensorError) as cause:
        raise ValueError(
            f"{folder.parent} does not take what has to be kept there: free a gigabyte on that disk, or set "
            f"LABKIT_CACHE to a folder that can be written to. ({cause})"
        ) from cause
    return folder


def whole(folder: Path) -> bool:
    """Whether a folder holds every file of its checksums, as it was written."""
    try:
        paths.check_folder(folder)
    except (OSError, ValueError):
        return False
    return True


def _make_anew(folder: Path, make: Callable[[Path], None]) -> None:
    for left in folder.parent.glob(f".{folder.name}.*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        make(made)
        for file in made.iterdir():  # safetensors lets its owner alone read a file, and a class shares the folder
            file.chmod(0o644)
        paths.write_checksums(made, [file.name for file in made.iterdir()])
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
