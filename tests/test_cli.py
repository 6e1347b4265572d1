"""The command line: what it prints, and that its errors are one sentence."""

from __future__ import annotations

import argparse
import re
import runpy
import sys
from types import SimpleNamespace

import pytest
from synthesis import __main__ as synthesis

from labkit import cli, paths


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    assert "{help,base,lab,test,lint,course,publish,doctor,data,inspect,questions,bench}" in printed
    assert cli.main(["help"]) == 0 and capsys.readouterr().out == printed


def test_unknown_arguments_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["course", "--fast"])
    assert stop.value.code == 2 and "--fast" in capsys.readouterr().err


def test_course_runs_the_lessons_of_the_checkout(monkeypatch):
    started = []
    monkeypatch.setattr(cli.subprocess, "run", lambda c, **_: started.append(c) or SimpleNamespace(returncode=3))
    assert cli.main(["course"]) == 3
    assert started == [[sys.executable, paths.lessons() / "course.py"]] and started[0][1].is_file()


def test_data_describe_prints_counts_and_strata(capsys):
    assert cli.main(["data", "describe"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"contract +108\b", printed) and "held-out style" in printed and "lookup" in printed


def test_errors_are_one_sentence(capsys, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", "/nowhere")
    assert cli.main(["data", "describe"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("labkit: ") and error.count("\n") == 1 and "LABKIT_DATA" in error


def test_the_makefile_offers_what_the_command_lines_do():
    makefile = (paths.checkout() / "Makefile").read_text(encoding="utf-8")
    offered = {*_commands(cli._parser()), *_commands(synthesis._parser()), "benchmark", "class", "clean", "pictures"}
    assert set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE)) == offered


def _commands(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in parser._actions if isinstance(action.choices, dict) for name in action.choices]


def test_a_killed_step_fails_the_whole():
    failed = runpy.run_path(str(paths.checkout() / "tests" / "__main__.py"))["failed"]
    assert failed([0, -9, 0]) == 1 and failed([0, 1]) == 1 and failed([0, 0]) == 0


def test_lab_of_an_installed_wheel_works_on_a_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paths, "checkout", lambda: None)
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "site" / "labkit")
    (tmp_path / "site" / "labkit" / "notebooks").mkdir(parents=True)
    (tmp_path / "site" / "labkit" / "notebooks" / "00_x.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    mine = cli._lessons() / "00_x.ipynb"
    mine.write_text("my work")
    assert (cli._lessons() / "00_x.ipynb").read_text() == "my work" and mine.is_relative_to(tmp_path / "labkit-course")
