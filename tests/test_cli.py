"""The command line: what it prints, and that its errors are one sentence."""

from __future__ import annotations

import shutil

import pytest

from labkit import cli, paths


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0
    assert all(name in printed for name in ("lab", "test", "lint", "course", "data", "reader"))


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
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    printed = capsys.readouterr().out
    for target in ("lab", "test", "course", "data", "reader", "lint", "help"):
        assert f"\n{target}:" in makefile
        assert target in printed
