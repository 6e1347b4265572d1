"""The page for servers: its figures were measured, and what it says about shared, read-only folders holds."""

from __future__ import annotations

import ctypes
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import style

from labkit import models
from labkit.models import base
from labkit.models.base import merged_reader

NOTEBOOKS = style.ROOT / "notebooks"
PAGE = (NOTEBOOKS / "JUPYTERHUB.md").read_text(encoding="utf-8")
kernels = SimpleNamespace(**runpy.run_path(str(style.ROOT / "tests" / "benchmarks" / "kernels.py")))
ASK = """
from labkit import models
print(models.load_generator().generate([[{"role": "user", "content": "Say yes."}]], 4))
"""


def test_the_table_is_what_was_measured():
    figures = json.loads(kernels.FIGURES.read_text(encoding="utf-8"))
    assert figures["together"]["kernels"] == 12
    assert kernels.TABLE.findall(PAGE) == [kernels.table(figures)]


def test_an_edited_table_would_be_seen():
    figures = json.loads(kernels.FIGURES.read_text(encoding="utf-8"))
    figures["together"]["own_mb"] *= 2
    assert kernels.TABLE.findall(PAGE) != [kernels.table(figures)]


def test_the_steps_measured_are_those_of_the_lesson():
    first, second = kernels.steps()
    assert first[0].strip() == style.BOOTSTRAP.strip() and first[-1].endswith(kernels.OUTPUT)
    assert any("load_generator" in cell for cell in second) and second[-1].endswith(kernels.ANSWERS)


def test_what_the_image_copies_is_there():
    [dockerfile] = re.findall(r"```dockerfile\n(.*?)```", PAGE, re.DOTALL)
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE) for name in line.split()]
    assert [name for name in copied if not name.startswith("dist/") and not (style.ROOT / name).exists()] == []
    removed = re.findall(r"/srv/labkit/course/(solutions|INSTRUCTORS\.md)", dockerfile)
    assert len(removed) == 2 and "/srv/labkit/course/start-student.sh" in dockerfile
    for variable in re.findall(r"\b(LABKIT_[A-Z]+)", PAGE):
        used = [*(style.ROOT / "labkit").rglob("*.py"), NOTEBOOKS / "start-student.sh"]
        assert any(variable in path.read_text(encoding="utf-8") for path in used), variable


def _without_override() -> None:
    """Root too obeys the permissions of files, from the program that starts next on."""
    if os.geteuid() == 0:
        for capability in (1, 2, 3):  # dac_override, dac_read_search, fowner
            ctypes.CDLL(None, use_errno=True).prctl(24, capability)


@pytest.fixture
def shared(tmp_path: Path, reader) -> Path:
    """The folder of an image, which nobody can write to: models, and a lesson."""
    folder = tmp_path / "srv"
    names = {base._converted_folder(base.GGUF_SHA256).name: models.base_model()}
    names[merged_reader().name] = merged_reader()
    for name, source in names.items():
        shutil.copytree(source, folder / "models" / name, copy_function=os.symlink)
    (folder / "course").mkdir()
    shutil.copy(NOTEBOOKS / "00_start_here.ipynb", folder / "course")
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for place in places:
        place.chmod(0o555)
    yield folder
    for place in places:
        place.chmod(0o755)


def run(command: list[str | Path], home: Path, **settings: Path | str) -> subprocess.CompletedProcess[str]:
    hidden = ("LABKIT_BASE", "LABKIT_BUILD", "LABKIT_CACHE")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    environment = kept | {"HOME": str(home), "PYTHONPATH": str(style.ROOT), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        command, cwd=home, capture_output=True, text=True, check=False, preexec_fn=_without_override,
        env=environment | {name: str(value) for name, value in settings.items()},
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="an image is Linux")
def test_a_student_starts_with_shared_models_and_a_cache_of_their_own(shared, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    start = ["sh", NOTEBOOKS / "start-student.sh", sys.executable, "-c"]
    for code in (ASK, "import os; print(os.getcwd())"):
        done = run([*start, code], home, LABKIT_SHARED=shared)
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(home)
    assert (home / "course" / "00_start_here.ipynb").exists()
    assert {path.name for path in (home / "labkit" / "cache").iterdir()} == {"models", "store.sqlite"}
    assert (home / "labkit" / "cache" / "models").is_symlink()


@pytest.mark.skipif(sys.platform != "linux", reason="an image is Linux")
def test_a_cache_that_nobody_can_write_to_is_read(shared, tmp_path):
    done = run([sys.executable, "-c", ASK], tmp_path, LABKIT_CACHE=shared, LABKIT_BUILD=tmp_path / "build")
    assert done.returncode == 0 and done.stdout.startswith("["), done.stderr
    assert "Results are computed and not kept" in done.stderr
    done = run([sys.executable, "-c", f"open({str(shared / 'x')!r}, 'w')"], tmp_path)
    assert "PermissionError" in done.stderr
