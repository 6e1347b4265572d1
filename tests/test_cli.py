"""The command line: what it prints, and that its errors are one sentence."""

from __future__ import annotations

import re
import shutil

import pytest

from labkit import cli, paths


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    assert "{help,lab,test,lint,course,data,reader,adapters,questions,triples,benchmark}" in printed
    assert cli.main(["help"]) == 0 and capsys.readouterr().out == printed


def test_unknown_arguments_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["course", "--fast"])
    assert stop.value.code == 2 and "--fast" in capsys.readouterr().err


def test_data_describe_prints_counts_and_strata(capsys):
    assert cli.main(["data", "describe"]) == 0
    printed = capsys.readouterr().out
    assert "Questions by task" in printed and "held-out style" in printed and "lookup" in printed


def test_data_verify_names_what_is_wrong(capsys, tmp_path, monkeypatch):
    assert cli.main(["data", "verify"]) == 0
    folder = tmp_path / "data"
    shutil.copytree(paths.data(), folder, ignore=shutil.ignore_patterns("models"))
    playbook = folder / "playbook.md"
    playbook.write_text(playbook.read_text(encoding="utf-8") + "one line more", encoding="utf-8")
    monkeypatch.setenv("LABKIT_DATA", str(folder))
    capsys.readouterr()
    assert cli.main(["data", "verify"]) == 1
    assert "playbook.md" in capsys.readouterr().out


def test_errors_are_one_sentence(capsys, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", "/nowhere")
    assert cli.main(["data", "describe"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("labkit: ") and error.count("\n") == 1 and "LABKIT_DATA" in error


def test_the_makefile_and_the_command_line_offer_the_same(capsys):
    makefile = (paths.checkout() / "Makefile").read_text(encoding="utf-8")
    assert cli.main(["help"]) == 0
    choices = re.search(r"\{([a-z,]+)\}", capsys.readouterr().out).group(1).split(",")
    assert set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE)) == {*choices, "clean"}


def test_a_killed_step_fails_the_whole():
    assert cli._failed([0, -9, 0]) == 1 and cli._failed([0, 1]) == 1 and cli._failed([0, 0]) == 0


def test_lab_of_an_installed_wheel_works_on_a_copy(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paths, "checkout", lambda: None)
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "site" / "labkit" / "cli.py"))
    (tmp_path / "site" / "labkit" / "notebooks").mkdir(parents=True)
    (tmp_path / "site" / "labkit" / "notebooks" / "00_x.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    mine = cli._lessons() / "00_x.ipynb"
    mine.write_text("my work")
    assert (cli._lessons() / "00_x.ipynb").read_text() == "my work" and mine.is_relative_to(tmp_path / "labkit-course")
