"""A real browser and a running JupyterLab, opened as `make lab` opens it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
# The browser too finds no other machine, so that a lesson that draws from a CDN shows as broken.
FLAGS.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where JupyterLab or the browser kept a page waiting, as they do now and then on a busy machine, try once more."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError"]))


def _on_path() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _quietly(*command: str, limit: int = 300) -> bool:
    """Whether a step of an installation succeeded; what it says goes to the test's captured output."""
    try:
        return subprocess.run(command, timeout=limit, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _from_debian() -> str | None:
    if not (hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")):
        return None
    _quietly("apt-get", "update", "-q")
    _quietly("apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium")
    return _on_path()


def _from_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    _quietly(sys.executable, "-m", "playwright", "install", "chromium")
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def find_browser() -> str | None:
    """Path of Chromium or Chrome, installed where there is none; None where that fails too.

    `LABKIT_BROWSER` names one. Else one on PATH is taken, Debian's where this is root's machine, or
    playwright's own.

    Raises:
        FileNotFoundError: `LABKIT_BROWSER` names no program.
    """
    if given := os.environ.get("LABKIT_BROWSER"):
        if found := shutil.which(given):
            return found
        raise FileNotFoundError(f"LABKIT_BROWSER names {given!r}, which is no program: correct it or unset it.")
    return _on_path() or _from_debian() or _from_playwright()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        message = "There is no browser and none could be installed: install Chromium, or name one in LABKIT_BROWSER."
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


# ------------------------------------------------------------------------------------ JupyterLab


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: where it listens, its token, and the notebooks it shows."""

    port: int
    token: str
    folder: Path

    def url(self, path: str) -> str:
        """An address in this JupyterLab, without its token."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def clear(self, name: str) -> None:
        """Leave a notebook's outputs and counts out, and those of an earlier try."""
        _clear(self.folder / name)

    def api(self, path: str, method: str = "GET", token: str | None = None) -> Any:
        """What the server's REST interface answers.

        Raises:
            urllib.error.HTTPError: it refuses.
        """
        headers = {"Authorization": f"token {self.token if token is None else token}"}
        request = urllib.request.Request(self.url(f"api/{path}"), method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


def _clear(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    nbformat.write(notebook, path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _copy_course(folder: Path) -> None:
    """A checkout of its own for JupyterLab, so that running and saving lessons leaves the real one alone.

    The lessons are as a student first meets them, but without outputs: what is seen later was made here.
    """
    junk = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__", "build")
    for name in ("labkit", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=junk)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path in (folder / "notebooks").rglob("*.ipynb"):
        _clear(path)


def _wait(lab: Lab, process: subprocess.Popen, log: Path, limit: float = 90) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            lab.api("status")
            return
        time.sleep(0.5)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-3000:]}", pytrace=False)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab over a copy of the course, started by `labkit lab`, its settings in a temporary folder."""
    home = tmp_path_factory.mktemp("jupyter")
    started = Lab(_free_port(), secrets.token_hex(16), home / "notebooks")
    _copy_course(home)
    # Else JupyterLab asks whether it may fetch news, above what a picture is to show.
    asking = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    asking.parent.mkdir(parents=True)
    asking.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    settings = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
    }
    environment = os.environ | {name: str(home / folder) for name, folder in settings.items()}
    environment["PYTHONPATH"] = f"{ROOT / 'tests' / 'offline'}{os.pathsep}{home}"
    environment |= {"LABKIT_DATA": str(ROOT / "data"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "labkit", "lab", "--no-browser", f"--port={started.port}"]
    command += [f"--ServerApp.token={started.token}", "--ServerApp.port_retries=0"]
    log = home / "lab.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=home, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            _wait(started, process, log)
            yield started
        finally:
            _stop(process)


def _stop(process: subprocess.Popen) -> None:
    """End JupyterLab with all its kernels."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Folder of the screenshots, to be looked at after a run; `LABKIT_PICTURES` names another one."""
    folder = Path(os.environ.get("LABKIT_PICTURES") or ROOT / "build" / "browser")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
