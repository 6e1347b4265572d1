"""The command line: what it prints, and that its errors are one sentence."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from synthesis.reader import breadth, evaluate, train

from labkit import cli, paths, stats


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


def test_data_verify_looks_at_results_and_lets_prices_be_edited(capsys, tmp_path, monkeypatch):
    folder = tmp_path / "data"
    shutil.copytree(paths.data(), folder, ignore=shutil.ignore_patterns("reader", "embedder", "minilm"))
    monkeypatch.setenv("LABKIT_DATA", str(folder))
    prices = folder / "prices.toml"
    prices.write_text(prices.read_text(encoding="utf-8").replace("0.526", "0.6"), encoding="utf-8")
    assert cli.main(["data", "verify"]) == 0
    assert "Edited, as it may be: prices.toml." in capsys.readouterr().out
    (folder / "models" / "intents" / "SHA256SUMS").unlink()
    (folder / "results" / "triples.jsonl").unlink()
    assert cli.main(["data", "verify"]) == 1
    printed = capsys.readouterr().out
    assert "results/triples.jsonl is listed" in printed and "models/intents holds no SHA256SUMS" in printed


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


@pytest.fixture
def measured(monkeypatch) -> list[tuple[Any, ...]]:
    """Calls of the measuring, which says something on stderr as its bar does."""
    calls: list[tuple[Any, ...]] = []

    def measure(folder: Path, n: int, progress: bool = False) -> dict[str, Any]:
        calls.append((folder, n))
        if progress:
            print("bar", file=sys.stderr)
        return {"held-out worlds": {"answer": {"exact_match": stats.Interval(0.5, 0.25, 0.75, 4, 4)}}}

    monkeypatch.setattr(evaluate, "evaluate", measure)
    monkeypatch.setattr(evaluate, "write_card", measure)
    return calls


def run_folder(folder: Path) -> Path:
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.safetensors").touch()
    return folder


def test_reader_evaluate_measures_the_shipped_reader_and_prints_json_alone(capsys, monkeypatch, measured):
    monkeypatch.setenv("LABKIT_MODEL", "another/model")
    assert cli.main(["reader", "evaluate", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["held-out worlds"]["answer"]["exact_match"]["value"] == 0.5
    assert measured == [(paths.reader(), 200)]
    assert printed.err == f"measuring the reader in {paths.reader()}\nbar\n"


@pytest.mark.parametrize("option", ["--model", "--out"])
@pytest.mark.parametrize("below", ["", "model"])
def test_reader_evaluate_and_card_take_a_run_or_a_model(tmp_path, capsys, measured, option: str, below: str):
    given = run_folder(tmp_path) / below
    assert cli.main(["reader", "evaluate", option, str(given), "--questions", "7"]) == 0
    assert "exact_match 0.500" in capsys.readouterr().out
    assert cli.main(["reader", "card", option, str(given)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"labkit: {tmp_path / 'model'} holds no README.md to write into: copy ")
    (tmp_path / "model" / "README.md").touch()
    assert cli.main(["reader", "card", option, str(given)]) == 0
    assert measured == [(tmp_path / "model", 7), (tmp_path / "model", 200)]


def test_reader_measures_no_folder_without_a_model(tmp_path, capsys, measured):
    assert cli.main(["reader", "evaluate", "--model", str(tmp_path)]) == 1
    assert "There is no finished model in" in capsys.readouterr().err and not measured


@pytest.mark.parametrize("value", ["0", "-5", "nan", "inf", "long"])
def test_reader_refuses_bad_numbers(capsys, value: str):
    for action, option in (
        ("train", "minutes"),
        ("breadth", "steps"),
        ("evaluate", "questions"),
        ("card", "questions"),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(["reader", action, f"--{option}", value])
        assert stop.value.code == 2 and f"argument --{option}: {value!r} is no " in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        ["train", "--steps", "5"],
        ["train", "--json"],
        ["ship", "--minutes", "5"],
        ["breadth", "--out", "x"],
        ["card", "--json"],
    ],
)
def test_reader_actions_refuse_options_of_others(capsys, given: list[str]):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reader", *given])
    assert stop.value.code == 2 and given[1] in capsys.readouterr().err


def test_reader_train_passes_its_options_on_and_says_what_is_next(tmp_path, capsys, monkeypatch):
    calls = []

    def made(out: Path, **settings: Any) -> Path:
        calls.append((out, settings))
        return out / "model"

    monkeypatch.setenv("LABKIT_BUILD", str(tmp_path))
    monkeypatch.setattr(train, "train", made)
    assert cli.main(["reader", "train", "--start", "data/models/reader"]) == 0
    model = tmp_path / "reader" / "model"
    assert capsys.readouterr().out == (
        f"The model is in {model}; `python -m labkit reader evaluate --model {model}` measures it.\n"
    )
    assert cli.main(["reader", "train", "--fresh", "--minutes", "0.5", "--out", str(tmp_path / "x")]) == 0
    assert calls == [
        (tmp_path / "reader", {"minutes": 70, "start": Path("data/models/reader"), "resume": True}),
        (tmp_path / "x", {"minutes": 0.5, "start": None, "resume": False}),
    ]


def test_ctrl_c_ends_reader_train_with_130(capsys, monkeypatch):
    def stopped(*_: Any, **__: Any) -> Path:
        raise KeyboardInterrupt("stopped at step 7; the same command goes on")

    monkeypatch.setattr(train, "train", stopped)
    assert cli.main(["reader", "train"]) == 130
    assert capsys.readouterr().err == "labkit: stopped at step 7; the same command goes on\n"


def test_reader_ship_and_breadth_pass_their_options_on(tmp_path, monkeypatch):
    calls: list[Any] = []
    monkeypatch.setenv("LABKIT_BUILD", str(tmp_path))
    monkeypatch.setattr(train, "ship", lambda *given: calls.append(given))
    monkeypatch.setattr(breadth, "write", lambda *given, **settings: calls.append((*given, settings)))
    for given in (["ship"], ["ship", "--out", "x"], ["breadth"], ["breadth", "--steps", "3", "--fresh"]):
        assert cli.main(["reader", *given]) == 0
    shipped = paths.checkout() / "data" / "models" / "reader"
    assert calls[:2] == [(tmp_path / "reader", shipped), (Path("x"), shipped)]
    assert calls[2:] == [
        (tmp_path / "breadth", 150, 200, {"fresh": False}),
        (tmp_path / "breadth", 3, 200, {"fresh": True}),
    ]


def test_ship_takes_a_run_or_a_model(tmp_path):
    run = run_folder(tmp_path / "run")
    for given in (run, run / "model"):
        train.ship(given, tmp_path / "course")
        assert "model.safetensors" in paths.checksums(tmp_path / "course")
    with pytest.raises(FileNotFoundError, match="train one first"):
        train.ship(tmp_path, tmp_path / "course")
