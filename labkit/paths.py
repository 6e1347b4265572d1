"""Where things live: the course's data, what a run leaves behind, caches.

Floor 0. The data stands beside the package in a checkout (`data/`) and inside it in a wheel
(`labkit/data/`). What a run writes goes to `build/` under the working folder.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data() -> Path:
    """Folder of the course's data.

    `LABKIT_DATA` overrides it; then the wheel's copy; then the checkout's `data/`.

    Raises:
        FileNotFoundError: no data folder is found; the message says what to do.
    """
    override = os.environ.get("LABKIT_DATA")
    if override:
        if Path(override).is_dir():
            return Path(override).resolve()
        raise FileNotFoundError(f"LABKIT_DATA names {override!r}, which is no folder: correct it or unset it.")
    for folder in (_PACKAGE / "data", _PACKAGE.parent / "data"):
        if (folder / "SHA256SUMS").exists():
            return folder
    raise FileNotFoundError("The course's data is missing: reinstall labkit, or set LABKIT_DATA to its folder.")


def checkout() -> Path | None:
    """Root of the source checkout, or None when labkit runs from an installed wheel."""
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").exists() and (root / "notebooks").is_dir() else None


def build() -> Path:
    """Folder for everything a run leaves behind (results, caches, reports); made when missing.

    `LABKIT_BUILD` overrides it; in a checkout it is `build/` at the root, elsewhere `./build`.
    """
    override = os.environ.get("LABKIT_BUILD")
    folder = Path(override) if override else (checkout() or Path.cwd()) / "build"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def results() -> Path:
    """Folder of the lessons' recorded figures, one JSON file a lesson."""
    folder = build() / "results"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache() -> Path:
    """Folder of caches keyed by content; safe to delete at any time."""
    folder = build() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def reader() -> Path:
    """Folder of the course's own small language model ("the reader")."""
    return data() / "models" / "reader"


def write_atomic(path: Path, text: str) -> None:
    """Write `text` to `path` in one step: a reader sees the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
