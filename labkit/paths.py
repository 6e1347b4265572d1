"""Where things live: the course's data, what a run leaves behind, caches.

The data stands beside the package in a checkout (`data/`) and inside it in a wheel
(`labkit/data/`). What a run writes goes to `build/` under the working folder.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent

SUMS = "SHA256SUMS"
_REPAIR = "Restore it with `git checkout data`, or install labkit again."


def data() -> Path:
    """Folder of the course's data.

    `LABKIT_DATA` overrides it; then the wheel's copy; then the checkout's `data/`.

    Raises:
        FileNotFoundError: no data folder is found; the message says what to do.
    """
    override = os.environ.get("LABKIT_DATA")
    if override:
        if (folder := Path(override).expanduser()).is_dir():
            return folder.resolve()
        raise FileNotFoundError(f"LABKIT_DATA names {override!r}, which is no folder: correct it or unset it.")
    for folder in (_PACKAGE / "data", _PACKAGE.parent / "data"):
        if (folder / SUMS).exists():
            return folder
    raise FileNotFoundError("The course's data is missing: reinstall labkit, or set LABKIT_DATA to its folder.")


def checkout() -> Path | None:
    """Root of the source checkout, or None when labkit runs from an installed wheel."""
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").exists() and (root / "notebooks").is_dir() else None


def lessons() -> Path:
    """Folder of the course's notebooks: the checkout's, or the wheel's copy."""
    return (checkout() or _PACKAGE) / "notebooks"


def build() -> Path:
    """Folder for everything a run leaves behind (results, caches, reports); made when missing.

    `LABKIT_BUILD` overrides it; in a checkout it is `build/` at the root, elsewhere `./build`.

    Raises:
        ValueError: the folder cannot be made; the same holds for `results` and `cache`.
    """
    override = os.environ.get("LABKIT_BUILD")
    return _made(Path(override) if override else (checkout() or Path.cwd()) / "build", "LABKIT_BUILD")


def _made(folder: Path, setting: str) -> Path:
    """A folder, made when missing; a ValueError says which setting moves it elsewhere."""
    try:
        folder = folder.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as cause:
        raise ValueError(
            f"The folder {str(folder)!r} cannot be made ({_reason(cause)}): set {setting} to one that can be."
        ) from cause
    return folder


def _reason(cause: Exception) -> str:
    return str(getattr(cause, "strerror", None) or cause)


def results() -> Path:
    """Folder of the lessons' recorded figures, one JSON file a lesson."""
    return _made(build() / "results", "LABKIT_BUILD")


def cache() -> Path:
    """Folder of caches keyed by content, `build/cache` or `LABKIT_CACHE`; safe to delete at any time."""
    override = os.environ.get("LABKIT_CACHE")
    return _made(Path(override) if override else build() / "cache", "LABKIT_CACHE")


def adapter(name: str) -> Path:
    """Folder of what was trained for the course: "reader", "embedder", "reranker", ..."""
    return data() / "models" / name


def shipped_results() -> Path:
    """Folder of the results that come with the course because they take longer than a lesson."""
    return data() / "results"


def vectors() -> Path:
    """Folder of the plain embedder's vectors of the dev archive."""
    return data() / "models" / "minilm"


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each file that a folder's SHA256SUMS lists, by its path below the folder."""
    if not (folder / SUMS).exists():
        raise FileNotFoundError(f"{folder} holds no {SUMS}. {_REPAIR}")
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return {name.lstrip("*"): digest for digest, name in (line.split(maxsplit=1) for line in lines if line)}


def read_checked(name: str, folder: Path | None = None) -> bytes:
    """Content of a file of the course's data, its checksum verified.

    Args:
        name: the file, below `folder`.
        folder: one that holds a SHA256SUMS, by default the data.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: its content is not what was shipped.
    """
    folder = folder or data()
    if not (folder / name).exists():
        raise FileNotFoundError(f"The data file {name} is missing from {folder}. {_REPAIR}")
    content = (folder / name).read_bytes()
    expected = checksums(folder).get(name)
    if expected is None:
        raise ValueError(f"The data file {name} is not listed in {SUMS}. {_REPAIR}")
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"The data file {name} is not what was shipped: its checksum does not match. {_REPAIR}")
    return content


def read_rows(name: str, folder: Path | None = None) -> list[Any]:
    """The rows of a JSON lines file, which may be packed (.xz); arguments and errors as in `read_checked`."""
    content = read_checked(name, folder)
    content = lzma.decompress(content) if name.endswith(".xz") else content
    return [json.loads(line) for line in content.decode("utf-8").splitlines() if line]


def check_folder(folder: Path) -> None:
    """Verify every file that a folder's SHA256SUMS lists; errors as in `read_checked`."""
    for name in checksums(folder):
        read_checked(name, folder)


def write_checksums(folder: Path, names: Sequence[str]) -> None:
    """Write a folder's SHA256SUMS for the files named, which lie in it."""
    write_atomic(folder / SUMS, "".join(f"{sha256(folder / name)}  {name}\n" for name in sorted(names)))


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a text or bytes to `path` in one step: a reader sees the old file or the new one, never half.

    Raises:
        ValueError: the disk is full or read-only, or something else stands in the way.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        temporary.replace(path)
    except OSError as cause:
        with suppress(OSError):
            temporary.unlink()
        raise ValueError(
            f"{str(path)!r} cannot be written ({_reason(cause)}): free some space, or choose a folder that takes it."
        ) from cause
