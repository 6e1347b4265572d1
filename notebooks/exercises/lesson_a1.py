"""The exercises of appendix A1. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

import json
from typing import Any

from labkit import paths
from labkit.exercises import exercise

from .judging import Numbers, number


@number("A1.1", "Each of the thin matrices has `rank` rows or columns, so their size is proportional to it.", 0.05)
def parameters_of_a_lower_rank() -> Numbers:
    from safetensors.torch import load_file

    folder = paths.adapter("reader")
    rank = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["r"]
    trained = sum(weight.numel() for weight in load_file(folder / "adapter_model.safetensors").values())
    yield trained * 4 / rank / 1e6, None


@exercise("A1.2")
def mask_of_a_packed_row(answer: Any) -> str | None:
    group, branch = [0, 0, 0, 0, 1, 1, 1, 1, 2], [0, 1, 1, 2, 0, 0, 1, 2, 0]
    seen = answer(group, branch)
    if len(seen) != len(group) or any(len(row) != len(group) for row in seen):
        return "Give a square: a row for each token, and in it a column for each token."
    for i, row in enumerate(seen):
        for j, sees in enumerate(row):
            apart = (
                "what comes after it" if j > i else "another group" if group[i] != group[j]
                else "another branch" if branch[j] not in (0, branch[i]) else ""
            )  # fmt: skip
            if bool(sees) == bool(apart):
                fault = f"sees {apart}" if apart else "does not see a token that it may see"
                return f"With groups {group} and branches {branch}, token {i} {fault} (token {j})."
    return None


@number("A1.3", "Take `new clauses` of `values`: the row of 16 wordings less the row of 1.", 0.006)
def gain_with_new_clauses() -> Numbers:
    shipped = json.loads(paths.read_checked("breadth.json", paths.adapter("reader")))
    values = [row["clause"]["value"] for row in shipped["rows"] if row["wordings"]]
    yield values[-1] - values[0], None
