"""Prints what labkit's wheel requires, so that Colab's stand-in can be set up before the wheel is built."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
print("\n".join(project["dependencies"]))
