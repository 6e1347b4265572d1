"""Badges are stamped below titles, replaced, and taken out again, and nothing else of a file changes."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import style

from labkit import cli, paths

made = SimpleNamespace(**runpy.run_path(str(style.ROOT / "notebooks" / "publish.py")))
URL = "https://github.com/school/labkit"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The README and the lessons, without badges."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(style.ROOT / "README.md", tmp_path)
    for path in (style.ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, tmp_path / "notebooks")
    made.publish(None, root=tmp_path)
    return tmp_path


def contents(course: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in course.rglob("*.*")}


def test_badges_are_stamped_once_replaced_and_taken_out(course):
    before = contents(course)
    assert len(made.publish(URL, root=course)) == len(before)
    stamped = contents(course)
    assert made.publish(URL, root=course) == [] and contents(course) == stamped
    made.publish("git@github.com:house/own.git", "term/2", course)
    readme = (course / "README.md").read_text(encoding="utf-8")
    assert readme.count("[Open in Colab]") == 1 and "school" not in readme
    assert "github/house/own/blob/term/2/notebooks/00_start_here.ipynb)" in readme
    assert "v2/gh/house/own/term%2F2?labpath=notebooks%2F00_start_here.ipynb)" in readme
    made.publish(URL, root=course)
    assert contents(course) == stamped
    made.publish(None, root=course)
    assert contents(course) == before


def test_only_the_line_below_the_title_changes(course):
    path = course / "notebooks" / "01_naive_rag.ipynb"
    before = json.loads(path.read_text(encoding="utf-8"))
    made.publish(URL, root=course)
    after = json.loads(path.read_text(encoding="utf-8"))
    title, line, *rest = "".join(after["cells"][0]["source"]).split("\n\n")
    assert "\n\n".join([title, *rest]) == "".join(before["cells"][0]["source"])
    assert "/labkit/blob/main/notebooks/01_naive_rag.ipynb)" in line
    after["cells"][0]["source"] = before["cells"][0]["source"]
    assert after == before


def test_a_lesson_with_badges_follows_the_rules(course):
    made.publish(URL, root=course)
    path = course / "notebooks" / "02_before_retrieval.ipynb"
    assert [problem for rule in style.LESSON_RULES for problem in rule(style.read(path))] == []
    text = path.read_text(encoding="utf-8")
    nbformat.write(nbformat.read(path, as_version=4), path)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("address", ["", "labkit", "https://example.org/a/b", f"{URL}/tree/main", f"{URL}) x"])
def test_an_address_that_is_no_repository_is_refused(course, address):
    before = contents(course)
    with pytest.raises(ValueError, match=r"is no repository on GitHub: give one such as https://github\.com"):
        made.publish(address, root=course)
    assert contents(course) == before


@pytest.mark.parametrize("branch", ["", "a b", "a..b", "a:b"])
def test_a_branch_that_cannot_be_is_refused(course, branch):
    with pytest.raises(ValueError, match="is no name of a branch: leave --branch out"):
        made.publish(URL, branch, course)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text.replace('"cells"', '\n<<<<<<< HEAD\n "cells"', 1), "holds the marks of a merge: settle it"),
        (lambda text: text[:-100], "is no lesson as Jupyter saves it: open it"),
        (lambda text: json.dumps(json.loads(text)), "is no lesson as Jupyter saves it: open it"),
        (lambda text: '{"cells": []}', "is no lesson as Jupyter saves it: open it"),
    ],
)
def test_a_lesson_that_cannot_be_read_for_certain_stops_all(course, spoil, said):
    last = sorted((course / "notebooks").glob("*.ipynb"))[-1]
    last.write_text(spoil(last.read_text(encoding="utf-8")), encoding="utf-8")
    before = contents(course)
    with pytest.raises(ValueError, match=f"{last.name} {said}"):
        made.publish(URL, root=course)
    assert contents(course) == before


def test_the_command(course, monkeypatch, capfd):
    (course / "notebooks" / "publish.py").write_text(
        (style.ROOT / "notebooks" / "publish.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    monkeypatch.setattr(paths, "checkout", lambda: course)
    assert cli.main(["publish", "--repository", URL]) == 0
    assert "files changed: 00_start_here.ipynb," in capfd.readouterr().out
    assert cli.main(["publish", "--repository", "nowhere"]) == 1
    assert capfd.readouterr().err.startswith("labkit: 'nowhere' is no repository on GitHub")
    assert cli.main(["publish"]) == 0 and "[Open in Colab]" not in (course / "README.md").read_text(encoding="utf-8")
