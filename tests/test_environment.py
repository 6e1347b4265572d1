"""The files that set the course up agree with one another."""

from __future__ import annotations

import argparse
import re
import subprocess
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from labkit.cli import _parser

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name: str) -> dict[str, Version]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all([s.operator for s in r.specifier] == ["=="] for r in found)
    return {r.name.lower().replace("_", "-"): Version(next(iter(r.specifier)).version) for r in found}


def requirements(extras: tuple[str, ...]) -> list[Requirement]:
    texts = list(PROJECT["dependencies"])
    for extra in extras:
        texts += PROJECT["optional-dependencies"][extra]
    return [r for r in map(Requirement, texts) if r.name != "labkit"]


def test_every_requirement_is_pinned_within_its_bounds():
    pinned = pins("constraints.txt")
    assert str(pinned["torch"]) == "2.13.0"
    for requirement in requirements(("files", "lab", "making", "test")):
        assert requirement.specifier.contains(pinned[requirement.name.lower()]), requirement


def test_bounds_admit_what_colab_carries():
    colab = pins("tests/colab/constraints.txt")
    bounds = {r.name: r.specifier for r in requirements(())}
    for name in set(colab) & set(bounds):
        assert bounds[name].contains(colab[name]), name
    assert bounds["torch"].contains("2.11.0")


def test_environment_for_conda_and_binder():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python = next(d for d in environment["dependencies"] if str(d).startswith("python="))
    wanted = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert wanted.contains(python.removeprefix("python=") + ".0")
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert pip[0] == "-c constraints.txt" and re.fullmatch(r"-e \.\[[a-z,]+\]", pip[1])
    extras = pip[1][5:-1].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])


def test_binder_fetches_the_base_model_when_it_makes_the_image():
    # With one of these folders repo2docker would look for environment.yml and postBuild nowhere else.
    assert not (ROOT / "binder").exists() and not (ROOT / ".binder").exists()
    script = ROOT / "postBuild"
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines[-1].split()[:3] == ["python", "-m", "labkit"] and lines[-1].split()[3] in _commands(_parser())
    command = ["git", "ls-files", "-s", script.name]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.stdout.startswith("100755 "), "git add --chmod=+x postBuild"


def _commands(parser: argparse.ArgumentParser) -> set[str]:
    [commands] = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return set(commands.choices)
