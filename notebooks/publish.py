"""Badges that open the course in Google Colab and on Binder: `labkit publish --repository URL`.

They stand in a line of their own below the title of each lesson and of the README. Published again with another
address, the line is replaced; without an address it is taken out, and the files are as they were.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
# Colab opens lessons from GitHub alone.
ADDRESS = re.compile(r"(?:https?://github\.com/|git@github\.com:)([\w-]+/[\w.-]+?)(?:\.git)?/?")
LINE = re.compile(r"\n\[!\[Open in Colab\].*\n")
MERGE = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)


def publish(repository: str | None, branch: str = "main", root: Path = ROOT) -> list[Path]:
    """Write the badges into lessons and README, or take them out.

    Args:
        repository: address on GitHub; None takes the badges out.
        branch: that the badges open.
        root: of the checkout.

    Returns:
        The files that changed.

    Raises:
        ValueError: the address or the branch is none, or a file cannot be read for certain; then nothing is written.
    """
    lessons = sorted((root / "notebooks").glob("[0-9A]*_*.ipynb"))
    readme = root / "README.md"
    changed = {path: _stamped_lesson(path, badges(path.name, repository, branch)) for path in lessons}
    changed[readme] = _stamped(_read(readme), badges(lessons[0].name, repository, branch))
    changed = {path: text for path, text in changed.items() if text != _read(path)}
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return list(changed)


def badges(lesson: str, repository: str | None, branch: str) -> str:
    """The line of badges that open a lesson; empty without a repository.

    Raises:
        ValueError: as in `publish`.
    """
    if repository is None:
        return ""
    found = ADDRESS.fullmatch(repository.strip())
    if not found:
        raise ValueError(f"{repository!r} is no repository on GitHub: give one such as https://github.com/OWNER/NAME.")
    if not branch or re.search(r"[\s~^:?*\[\\]|\.\.", branch):
        raise ValueError(f"{branch!r} is no name of a branch: leave --branch out for main, or correct it.")
    file = f"notebooks/{lesson}"
    colab = f"https://colab.research.google.com/github/{found[1]}/blob/{quote(branch)}/{file}"
    binder = f"https://mybinder.org/v2/gh/{found[1]}/{quote(branch, safe='')}?labpath={quote(file, safe='')}"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Open on Binder](https://mybinder.org/badge_logo.svg)]({binder})"
    )


def _stamped(text: str, line: str) -> str:
    """A text with the line below its title, in place of one that is there."""
    title, _, rest = LINE.sub("", text, count=1).partition("\n")
    return f"{title}\n\n{line}\n{rest}" if line else f"{title}\n{rest}"


def _stamped_lesson(path: Path, line: str) -> str:
    text = _read(path)
    try:
        notebook = json.loads(text)
        first = notebook["cells"][0]
        if first["cell_type"] != "markdown" or _written(notebook) != text:
            raise ValueError
    except (ValueError, LookupError, TypeError) as cause:
        message = f"{path.name} is no lesson as Jupyter saves it: open it in JupyterLab, save it, and publish again."
        raise ValueError(message) from cause
    first["source"] = _stamped("".join(first["source"]), line).splitlines(keepends=True)
    return _written(notebook)


def _written(notebook: dict) -> str:
    """The text of a notebook's file, as nbformat writes it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if MERGE.search(text):
        raise ValueError(f"{path.name} holds the marks of a merge: settle it, and publish again.")
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="labkit publish", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repository", metavar="URL", help="on GitHub; without it, badges are taken out")
    parser.add_argument("--branch", default="main", help="that the badges open; main by default")
    options = parser.parse_args()
    try:
        changed = publish(options.repository, options.branch)
    except (OSError, ValueError) as cause:
        sys.exit(f"labkit: {cause}")
    print(f"{len(changed)} files changed: {', '.join(path.name for path in changed) or 'none'}.")
