"""Installing in Colab: what the first cell of every lesson runs."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import pytest
import style
from IPython.core.interactiveshell import InteractiveShell

from labkit import colab


@pytest.fixture
def shell(monkeypatch):
    """IPython, and the commands that it hands to the system."""
    shell, commands = InteractiveShell(), []
    monkeypatch.setattr(shell, "system", commands.append)
    return shell, commands


def test_the_first_cell_does_nothing_outside_colab(shell, monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    assert shell[0].run_cell(style.BOOTSTRAP).success and shell[1] == []


def test_the_first_cell_runs_the_module_out_of_the_wheel(shell, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    assert shell[0].run_cell(style.BOOTSTRAP).success
    shell[0].user_ns["sys"] = sys
    (command,) = shell[1]
    # IPython fills in the braces when it runs the command, and leaves all of it as it is where it cannot.
    filled = shell[0].var_expand(command)
    assert filled == f"PYTHONPATH=$(ls labkit-*.whl | tail -1) {sys.executable} -m labkit.colab"


@pytest.mark.parametrize("others", [[], ["first", "second"]])
def test_the_wheel_is_installed_and_torch_stays(monkeypatch, others):
    wheel = os.path.join("content", "labkit-0.1.0-py3-none-any.whl")
    monkeypatch.setattr(colab, "__file__", os.path.join(wheel, "labkit", "colab.py"))
    monkeypatch.setattr(colab, "version", lambda name: "2.11.0+cu128")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([wheel, *others]))
    done = []

    def run(command, env, check):
        done.append((command, env["PYTHONPATH"]))
        return types.SimpleNamespace(returncode=3)

    monkeypatch.setattr(subprocess, "run", run)
    assert colab.main() == 3
    ((command, path),) = done
    assert command[-2:] == ["torch==2.11.0+cu128", wheel] and command[:4] == [sys.executable, "-m", "pip", "install"]
    assert path == os.pathsep.join(others)


def test_outside_a_wheel_it_says_what_to_do():
    with pytest.raises(ValueError, match="upload labkit's wheel"):
        colab.main()
