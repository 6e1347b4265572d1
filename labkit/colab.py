"""Installs labkit in Google Colab, out of the wheel that holds this file: the first cell of every lesson runs it.

Colab's own torch stays: another one would be gigabytes, and would not fit the rest of what Colab brings.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def command(wheel: Path, torch: str) -> list[str]:
    """The command that installs a wheel.

    Args:
        wheel: the file.
        torch: version that stays.
    """
    return [sys.executable, "-m", "pip", "install", "-q", f"torch=={torch}", str(wheel)]


def main() -> int:
    """Install the wheel that this module was imported from; the exit status of pip.

    Raises:
        ValueError: it was not imported from a wheel.
    """
    wheel = Path(__file__).parents[1]
    if wheel.suffix != ".whl":
        raise ValueError(f"{wheel} is not a wheel: upload labkit's wheel to Colab and run the first cell again.")
    # Without the wheel on the path by which this module was found: pip would take labkit for installed.
    path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if Path(entry).name != wheel.name]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
    return subprocess.run(command(wheel, version("torch")), env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
