"""Results written with their checksums."""

from __future__ import annotations

from pathlib import Path

from labkit import paths


def write_checked(name: str, content: str | bytes, folder: Path) -> Path:
    """Write a file and its checksum, the only line of the folder's SHA256SUMS that changes.

    Args:
        name: of the file, below `folder`.
        content: what it is to hold.
        folder: where it goes; it may have no SHA256SUMS yet.

    Returns:
        The file.
    """
    known = paths.checksums(folder) if (folder / paths.SUMS).exists() else {}
    paths.write_atomic(folder / name, content)
    known[name] = paths.sha256(folder / name)
    paths.write_atomic(folder / paths.SUMS, "".join(f"{known[name]}  {name}\n" for name in sorted(known)))
    return folder / name
