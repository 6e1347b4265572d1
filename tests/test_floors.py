"""Rooms and floors: a room imports only from floors below it, and heavy libraries load late."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "labkit"
FLOORS = {
    "profiles": 0,
    "paths": 0,
    "prompts": 0,
    "models": 1,
    "corpus": 1,
    "metrics": 1,
    "quantities": 1,
    "rag": 2,
    "tune": 2,
    "feedback": 2,
    "bench": 3,
    "widgets": 4,
    "course": 4,
    "exercises": 4,
    "cli": 4,
    "__main__": 5,
    "making": 5,  # stands beside the house: it may use every room, only the command line uses it
    "__init__": 5,
}
SAME_FLOOR = {("metrics", "corpus")}  # metrics scores the corpus's questions
USES_MAKING = {"cli", "making"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("labkit.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "labkit":
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("labkit."):
            found.add((node.module or "").split(".")[1])
    return found


def faults(room: str, source: str) -> list[str]:
    wrong = []
    for other in imported_rooms(source) - {room}:
        if other == "making" and room not in USES_MAKING:
            wrong.append(f"{room} imports making")
        elif other in FLOORS and other != "making" and FLOORS[other] >= FLOORS[room]:
            if (room, other) not in SAME_FLOOR and not (FLOORS[room] == FLOORS[other] == 4):
                wrong.append(f"{room} imports {other}")
    return wrong


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_room_imports_from_its_floor_or_above(path):
    room = room_of(path)
    assert room in FLOORS, f"{room} has no floor: add it to the table"
    if room != "__init__":
        assert faults(room, path.read_text(encoding="utf-8")) == []


def test_planted_imports_are_caught():
    assert faults("models", "from labkit import course") == ["models imports course"]
    assert faults("paths", "from labkit.corpus import Document") == ["paths imports corpus"]
    assert faults("rag", "import labkit.making.data.build") == ["rag imports making"]
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
    rooms = set(FLOORS) - {"making", "__main__", "__init__"}
    assert rooms == set(labkit._ROOMS) and rooms <= set(dir(labkit))
