"""The wheel, as a stranger meets it: built, installed in a fresh environment, run without a network.

Two environments: one with the course's own versions, and one with Colab's, where the bootstrap cell
of a lesson installs the wheel itself. Also what `import labkit` costs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from labkit import paths
from labkit.models.base import PACKAGE

pytestmark = pytest.mark.install

ROOT = Path(__file__).resolve().parents[1]
OFFLINE = ROOT / "tests" / "offline"
MEGABYTES = 40

# Everything that would tell the fresh environment where the checkout or a network is.
SETTINGS = ("LABKIT_BUILD", "LABKIT_DATA", "LABKIT_MODEL", "LABKIT_EMBEDDER", "LABKIT_PROFILE")


def environment(offline: Path, folder: Path) -> dict[str, str]:
    """A child's environment: cut off from the network, nothing inherited that points to the checkout."""
    # A user's machine does not have HF_HUB_OFFLINE: without it, asking the hub would show as a failure.
    hidden = {*SETTINGS, "HF_HUB_OFFLINE", "PYTHONHOME", "VIRTUAL_ENV"}
    kept = {k: v for k, v in os.environ.items() if k not in hidden}
    return kept | {
        "PYTHONPATH": str(offline),
        "OMP_NUM_THREADS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "HF_HOME": str(folder / "hub"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": "agg",
    }


def call(*command: str | Path, cwd: Path, env: dict[str, str] | None = None, limit: int = 300) -> str:
    """Run a command and return what it printed; its whole output is the message where it fails."""
    child = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=limit, check=False
    )
    if child.returncode:
        pytest.fail(f"{' '.join(map(str, command))}\n{child.stdout}\n{child.stderr}", pytrace=False)
    return child.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("labkit-*.whl")
    return built


# ----------------------------------------------------------------------------------- the wheel


def test_the_wheel_is_small(wheel: Path):
    assert wheel.stat().st_size < MEGABYTES * 1e6


def test_the_wheel_carries_everything_that_labkit_loads(wheel: Path):
    carried = set(zipfile.ZipFile(wheel).namelist())
    data = ROOT / "data"
    folders = [data, data / "results", *(p for p in (data / "models").iterdir() if p.is_dir())]
    files = [folder / name for folder in folders for name in (paths.SUMS, *paths.checksums(folder))]
    files += [
        data / "models" / "reader" / name
        for name in ("README.md", "evaluation.json", "breadth.json", "sample.jsonl.xz")
    ]
    files += [
        *(ROOT / "labkit").rglob("*.py"),
        *(ROOT / "notebooks" / "exercises").glob("*.[pt]*"),
        *(ROOT / "notebooks").rglob("[0-9A]*_*.ipynb"),
    ]
    names = {path.relative_to(ROOT).as_posix() for path in files if ".ipynb_checkpoints" not in path.parts}
    assert len(names) > 200
    assert {name if name.startswith("labkit/") else f"labkit/{name}" for name in names} - carried == set()


def test_the_wheel_carries_nothing_else(wheel: Path):
    carried = zipfile.ZipFile(wheel).namelist()
    junk = ("__pycache__", ".ipynb_checkpoints", ".pyc", ".tmp", "/build/", "synthesis")
    assert [n for n in carried if any(j in n for j in junk)] == []
    assert {n.split("/")[0] for n in carried if ".dist-info/" not in n} == {"labkit"}


def test_nothing_in_the_wheel_imports_what_it_lacks(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    code = [n for n in archive.namelist() if n.endswith((".py", ".ipynb"))]
    importing = re.compile(rb"(from|import) synthesis\b")
    assert [n for n in code if importing.search(archive.read(n))] == []


def test_the_wheel_carries_both_licences(wheel: Path):
    carried = {Path(n).name for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/licenses/" in n}
    assert carried == {"LICENSE", "LICENSE-CONTENT", "NOTICE"}


# -------------------------------------------------------------------- the course's own versions

ASK = """
import json, socket
import labkit
from labkit import corpus, models, paths, rag

try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
    network = "open"
except OSError as cause:
    network = str(cause)
question = corpus.load_questions("dev", "lookup")[0]
documents = corpus.load_documents("dev", kinds=("contract",))
documents.sort(key=lambda d: d.id not in question.documents)
chunks = rag.chunk(documents[:6])
pipeline = rag.Pipeline(rag.VectorIndex(chunks, models.load_embedder()), models.load_generator())
result = pipeline.ask(question.question)
print(json.dumps({
    "labkit": labkit.__file__,
    "data": str(paths.data()),
    "build": str(paths.build()),
    "network": network,
    "reply": result.reply,
    "used": result.used,
    "documents": sorted({hit.node.metadata["document"] for hit in result.retrieved}),
}))
"""


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A new environment with the wheel, outside the checkout: its folder, and its Python."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "venv", with_pip=False, symlinks=os.name != "nt")
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / Path(sys.executable).name
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # The other packages are seen, not copied. A .pth file below another one is not read, so that the
    # checkout's editable labkit stays unseen.
    seen = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site / "main.pth").write_text("\n".join(sorted(seen)) + "\n", encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", "--no-compile")
    shutil.copytree(OFFLINE, folder / "offline")
    call(*pip, "--ignore-installed", wheel, cwd=folder, env=environment(folder / "offline", folder))
    return folder, python


def test_the_wheel_answers_a_question_without_checkout_and_network(fresh: tuple[Path, Path]):
    folder, python = fresh
    work = folder / "work"
    work.mkdir()
    printed = call(python, "-c", ASK, cwd=work, env=environment(folder / "offline", folder))
    said = json.loads(printed.splitlines()[-1])
    assert Path(said["labkit"]).is_relative_to(folder / "venv")
    assert Path(said["data"]).is_relative_to(folder / "venv")
    assert Path(said["build"]) == work / "build"
    assert "cut off" in said["network"]
    assert said["reply"].strip()
    assert said["used"] >= 1 and len(said["documents"]) > 1


# -------------------------------------------------------------------------- Colab's versions

COLAB = """
import importlib.machinery
import runpy
import sys
import types
from pathlib import Path

runpy.run_path(str(Path(__file__).parent / "cut_off.py"))
try:
    import google
except ImportError:
    google = sys.modules["google"] = types.ModuleType("google")
    google.__path__ = []
google.colab = sys.modules["google.colab"] = types.ModuleType("google.colab")
google.colab.__spec__ = importlib.machinery.ModuleSpec("google.colab", None)
"""

VERSIONS = """
import importlib.metadata as m, json
print(json.dumps({d.metadata["Name"].lower(): d.version for d in m.distributions()}))
"""


def colab_folder() -> Path:
    """The environment with Colab's versions: `LABKIT_COLAB_ENV`, else the one that `make test` sets up."""
    given = os.environ.get("LABKIT_COLAB_ENV")
    folder = Path(given) if given else ROOT / ".venv" / "colab"
    if (folder / "bin" / "python").exists() and (given or (folder / "ready").exists()):
        return folder
    message = f"There is no environment with Colab's versions in {folder}: run make test."
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture
def colab(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Python with Colab's versions and without labkit, and the environment of its processes."""
    folder = colab_folder()
    python = folder / "bin" / "python"
    stand_in = tmp_path / "colab"
    stand_in.mkdir()
    shutil.copy(OFFLINE / "sitecustomize.py", stand_in / "cut_off.py")
    (stand_in / "sitecustomize.py").write_text(COLAB, encoding="utf-8")
    env = environment(stand_in, tmp_path)
    env["PATH"] = f"{folder / 'bin'}{os.pathsep}{env['PATH']}"
    uninstall = (python, "-m", "pip", "uninstall", "-q", "-y", "labkit")
    call(*uninstall, cwd=tmp_path, env=env)
    yield python, env
    call(*uninstall, cwd=tmp_path, env=env)


def published(folder: Path) -> Path:
    """The base model's package, as the index has it."""
    folder.mkdir()
    fetch = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--dest", str(folder))
    # The one step of the tests that needs more than this machine: the tests' own cut is left out.
    online = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([*fetch, PACKAGE], capture_output=True, text=True, check=False, env=online)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"{PACKAGE} cannot be fetched from the package index.")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_the_first_lesson_runs_with_colabs_versions(wheel: Path, colab: tuple[Path, dict[str, str]], tmp_path: Path):
    python, env = colab
    # As in an empty Colab: the base model is converted there, from the package that pip would fetch.
    env |= {"LABKIT_BASE": str(published(tmp_path / "published")), "LABKIT_CACHE": str(tmp_path / "cache")}
    work = tmp_path / "content"
    work.mkdir()
    shutil.copy(wheel, work)
    shutil.copy(ROOT / "notebooks" / "00_start_here.ipynb", work)
    before = json.loads(call(python, "-c", VERSIONS, cwd=work, env=env))
    assert "labkit" not in before
    nbconvert = (python, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--output", "executed.ipynb")
    call(*nbconvert, "00_start_here.ipynb", cwd=work, env=env, limit=500)
    after = json.loads(call(python, "-c", VERSIONS, cwd=work, env=env))
    installed = {after.pop("labkit"), wheel.name.split("-")[1]}
    assert len(installed) == 1
    assert after["torch"] == before["torch"]
    assert after == before
    cells = [c for c in nbformat.read(work / "executed.ipynb", as_version=4).cells if c.cell_type == "code"]
    assert [c.execution_count for c in cells] == [*range(1, len(cells) + 1)]
    assert [o.evalue for c in cells for o in c.outputs if o.output_type == "error"] == []
    assert len(list((tmp_path / "cache" / "models").glob("*/model.safetensors"))) == 2  # base model and reader
    where = call(python, "-c", "import labkit; print(labkit.__file__)", cwd=work, env=env)
    assert Path(where.strip()).is_relative_to(python.parents[1])


STEPS = """
import sys
from pathlib import Path
from datasets import Dataset
from peft import LoraConfig
from tiny_model import tiny_folder
from trl import DPOConfig, DPOTrainer
from labkit import models, prompts, tune
base = models.load_generator(tiny_folder(Path("tiny")))
chats = [tune.Chat(tuple(prompts.closed_book_messages(f"Which code has door {i}?")), "blue") for i in range(4)]
tune.train_generator(chats, Path("sft"), base, epochs=1, batch_tokens=2048)
tuned = models.load_tuned(Path("sft"), base)
rows = [{"prompt": list(c.messages), "chosen": [{"role": "assistant", "content": "blue"}],
         "rejected": [{"role": "assistant", "content": "red"}]} for c in chats]
settings = DPOConfig("dpo", max_steps=1, per_device_train_batch_size=4, use_cpu=True, bf16=False, report_to="none")
trainer = DPOTrainer(tuned.model, args=settings, train_dataset=Dataset.from_list(rows),
                     processing_class=tuned.tokenizer, peft_config=LoraConfig(target_modules="all-linear"))
print("loss", trainer.train().training_loss)
"""


def test_a_step_of_sft_and_of_dpo_runs_with_colabs_versions(wheel: Path, colab: tuple[Path, dict[str, str]], tmp_path):
    python, env = colab
    call(python, "-m", "pip", "install", "-q", "--no-deps", wheel, cwd=tmp_path, env=env)
    env["PYTHONPATH"] += f"{os.pathsep}{ROOT / 'tests'}"
    printed = call(python, "-c", STEPS, cwd=tmp_path, env=env, limit=300)
    loss = float(printed.split("loss ")[-1])
    assert 0.6 < loss < 0.8, printed  # ln 2 before anything is learned


# ----------------------------------------------------------------------------------- importing


def _seconds(code: str) -> float:
    """Median time of three interpreters that run `code`, after one that warms the disk."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def test_importing_labkit_takes_less_than_a_second():
    assert _seconds("import labkit") - _seconds("pass") < 1.0


def test_importing_labkit_loads_no_heavy_library():
    heavy = ("torch", "transformers", "llama_index", "sentence_transformers", "pandas", "matplotlib", "numpy")
    code = f"import sys, labkit; print([name for name in {heavy!r} if name in sys.modules])"
    assert call(sys.executable, "-c", code, cwd=ROOT).strip() == "[]"
