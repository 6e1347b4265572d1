"""Every lesson runs from top to bottom in JupyterLab, opened in a real browser."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import time
import types
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Error, TimeoutError

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(p.name for p in NOTEBOOKS.glob("*.ipynb"))
# Seconds; lessons that train take a minute or two where nothing else runs.
LIMIT = 600
STDERR = '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'


@pytest.fixture
def page(browser: Any, lab: Any) -> Iterator[Any]:
    """A browser window without history; the kernels that it started are ended after the test."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()
    for session in lab.api("sessions"):
        with contextlib.suppress(urllib.error.HTTPError):
            lab.api(f"sessions/{session['id']}", method="DELETE")


def saved(path: Path) -> list[nbformat.NotebookNode]:
    """The code cells of a notebook file."""
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def errors(cells: list[nbformat.NotebookNode]) -> list[str]:
    """Every error, and every traceback on stderr, that the cells hold."""
    outputs = [o for c in cells for o in c.outputs]
    raised = [f"{o.ename}: {o.evalue}" for o in outputs if o.output_type == "error"]
    return raised + [o.text for o in outputs if o.get("name") == "stderr" and "Traceback" in o.text]


def run_all(page: Any, lab: Any, name: str) -> list[nbformat.NotebookNode]:
    """Open a lesson, choose Run > Run All Cells, wait until all have run; its code cells as saved.

    JupyterLab draws only the cells in view, so that the saved file is the witness, not the page.
    """
    page.goto(f"{lab.url(f'lab/tree/{name}')}?token={lab.token}&reset")
    page.locator(".jp-Notebook").wait_for()
    # The status bar, not the notebook's own sign: that one is idle before there is a kernel. The page asks a new
    # kernel once how it is; on a busy machine the reply may be missed.
    idle = page.locator("#jp-main-statusbar").get_by_text("| Idle")
    if not _seen(idle):
        page.reload()
        idle.wait_for()
    page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and not _finished(cells := _save(page, lab.folder / name)):
        assert page.locator(".jp-Dialog").count() == 0, page.locator(".jp-Dialog").inner_text()
    if _finished(cells):
        idle.wait_for()
    return _save(page, lab.folder / name)


def run_to_widget(page: Any, lab: Any, cells: Sequence[str], path: Path) -> Any:
    """Run a notebook of these cells; its first widget, drawn."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=kernel)
    nbformat.write(written, path)
    assert errors(run_all(page, lab, path.name)) == []
    widget = page.locator(".jupyter-widgets").first
    widget.wait_for()
    return widget


def _seen(sign: Any) -> bool:
    """Whether it is shown before the page's time is up."""
    with contextlib.suppress(Error):
        sign.wait_for()
    return bool(sign.count())


def _save(page: Any, path: Path) -> list[nbformat.NotebookNode]:
    page.keyboard.press("Control+s")
    for _ in range(10):
        page.wait_for_timeout(1000)
        with contextlib.suppress(nbformat.reader.NotJSONError):  # JupyterLab is writing it just now
            return saved(path)
    return saved(path)


def _finished(cells: list[nbformat.NotebookNode]) -> bool:
    """Whether an error ended the run, or every cell has its count."""
    return bool(errors(cells)) or all(c.execution_count for c in cells)


def test_there_are_lessons():
    assert LESSONS


def of_this_commit(names: list[str], count: int = 3) -> list[str]:
    """Names that take turns: which ones, the commit decides, so that a run can be repeated."""
    command = ("git", "rev-parse", "HEAD")
    commit = subprocess.run(command, cwd=NOTEBOOKS, capture_output=True, text=True, check=False).stdout.strip()
    return sorted(random.Random(commit).sample(names, count))


def test_every_lesson_has_its_turn(monkeypatch: pytest.MonkeyPatch):
    commits = iter(map(str, range(40)))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: types.SimpleNamespace(stdout=next(commits)))
    assert {name for _ in range(40) for name in of_this_commit(LESSONS)} == set(LESSONS)


# nbval runs every lesson; here JupyterLab's own way is tried, on three of them.
@pytest.mark.parametrize("name", of_this_commit(LESSONS))
def test_a_lesson_runs_in_jupyterlab(name: str, page: Any, lab: Any, pictures: Path):
    lab.clear(name)
    cells = run_all(page, lab, name)
    page.screenshot(path=str(pictures / f"{Path(name).stem}.png"))
    assert errors(cells) == []
    assert [c.execution_count for c in cells] == [*range(1, len(cells) + 1)]
    assert any(c.outputs for c in cells)
    assert not any("Traceback" in text for text in page.locator(STDERR).all_inner_texts())
    assert page.locator(".jp-Dialog").count() == 0


def test_a_failing_cell_would_be_seen(page: Any, lab: Any):
    """The check above can fail: a planted notebook with an error is found out."""
    cells = [nbformat.v4.new_code_cell(source) for source in ("1 + 1", "raise ValueError('planted')", "2 + 2")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.folder / "planted.ipynb")
    ran = run_all(page, lab, "planted.ipynb")
    assert errors(ran) == ["ValueError: planted"]
    assert [c.execution_count for c in ran] == [1, 2, None]


# ------------------------------------------------------------------------------------- access


def status(lab: Any, path: str, token: str) -> int:
    """The HTTP status of a request to the REST interface."""
    try:
        lab.api(path, token=token)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    return 200


@pytest.mark.parametrize("path", ["contents", "sessions", "kernels"])
def test_jupyterlab_refuses_without_its_token(lab: Any, path: str):
    assert [status(lab, path, token) for token in ("", "0" * 32, lab.token)] == [403, 403, 200]


def test_jupyterlab_shows_the_lessons_to_who_has_the_token(lab: Any):
    shown = {entry["name"] for entry in lab.api("contents")["content"]}
    assert {*LESSONS} <= shown


def test_the_page_asks_for_the_token(lab: Any):
    with urllib.request.urlopen(lab.url("lab"), timeout=10) as answer:
        assert "/login" in answer.url


def test_what_timed_out_on_a_busy_machine_is_tried_once_more_and_nothing_else_is(request: Any):
    (mark,) = request.node.iter_markers("flaky")
    assert mark.kwargs == {"reruns": 1, "only_rerun": [TimeoutError.__name__]}


def test_jupyterlab_listens_on_this_machine_only(lab: Any):
    socket.create_connection(("127.0.0.1", lab.port), timeout=5).close()
    # A server that listens on all addresses would also answer on the other ones of the loopback.
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", lab.port), timeout=5).close()
