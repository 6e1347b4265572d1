"""Rooms and floors: a room imports only from floors below it, and heavy libraries load late."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "labkit"
FLOORS = {
    "paths": 0,
    "profiles": 0,
    "prompts": 0,
    "replies": 0,
    "values": 0,
    "corpus": 1,
    "models": 1,
    "stats": 1,
    "metrics": 2,
    "judge": 3,
    "feedback": 4,
    "rag": 4,
    "tune": 4,
    "bench": 5,
    "questions": 5,
    "roi": 5,
    "colab": 7,
    "course": 6,
    "exercises": 6,
    "inspection": 6,
    "own_documents": 6,
    "widgets": 6,
    "cli": 7,
    "synthesis": 8,  # makes the data; no part of labkit uses it
    "__main__": 9,
    "__init__": 9,
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("labkit.")}
            found |= {a.name.split(".")[0] for a in node.names if a.name.startswith("synthesis")}
        elif isinstance(node, ast.ImportFrom) and node.module == "labkit":
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("synthesis"):
            found.add("synthesis")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("labkit."):
            found.add((node.module or "").split(".")[1])
    return found


def faults(room: str, source: str) -> list[str]:
    others = imported_rooms(source) - {room}
    return [f"{room} imports {other}" for other in sorted(others) if FLOORS.get(other, -1) >= FLOORS[room]]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_room_imports_from_its_floor_or_above(path):
    room = room_of(path)
    assert room in FLOORS, f"{room} has no floor: add it to the table"
    if room != "__init__":
        assert faults(room, path.read_text(encoding="utf-8")) == []


def test_planted_imports_are_caught():
    assert faults("models", "from labkit import course") == ["models imports course"]
    assert faults("paths", "from labkit.corpus import Document") == ["paths imports corpus"]
    assert faults("rag", "import labkit.tune.generator") == ["rag imports tune"]
    assert faults("rag", "from synthesis.archive import build") == ["rag imports synthesis"]
    assert faults("rag", "from labkit import metrics, prompts") == []


def test_importing_labkit_loads_no_heavy_library():
    import subprocess
    import sys

    code = "import labkit, labkit.cli, sys; print([m for m in ('torch', 'numpy', 'llama_index') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_every_room_opens_when_it_is_named():
    import subprocess
    import sys

    import labkit

    code = "import labkit; print([r for r in labkit._ROOMS if getattr(labkit, r).__name__ != f'labkit.{r}'])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__main__", "__init__"}
    assert rooms == set(labkit._ROOMS) and rooms <= set(dir(labkit))


def test_contributing_has_a_line_for_each_file():
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| `([\w/]+\.py)` \| .+ \|$", text, re.MULTILINE)
    files = {str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py") if not p.name.startswith("__")}
    assert sorted(name for _, name in rows) == sorted(files)
    assert all(FLOORS[room_of(PACKAGE / name)] == int(floor) for floor, name in rows)
