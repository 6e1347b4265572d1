"""Training rows: what a branch sees, that it is read as if asked alone, packing, targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from synthesis.reader import examples, rows
from tiny_model import tiny_folder

LENGTH = 2048


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """(model in fp32, tokenizer)."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tiny_folder(tmp_path_factory.mktemp("tiny") / "model")
    return (
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(),
        AutoTokenizer.from_pretrained(folder),
    )


def encoded(tokenizer, count: int, length: int = LENGTH) -> list[rows.Row]:
    made = (rows.encode(examples.group(5, i), tokenizer, length) for i in range(200))
    found = [row for row in made if row is not None and max(row.branch) > 1]
    assert len(found) >= count
    return found[:count]


def test_a_branch_sees_its_context_and_itself_only():
    group = torch.tensor([[0, 0, 0, 0, 0, 1, 1, -1]])
    branch = torch.tensor([[0, 0, 1, 1, 2, 0, 1, 0]])
    seen = rows.mask(group, branch)[0, 0].int().tolist()
    assert seen == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
    ]


@torch.inference_mode()
def test_each_branch_is_read_as_if_it_was_asked_alone(tiny):
    model, tokenizer = tiny
    together = next(pack for pack in rows.packed(iter(encoded(tokenizer, 12)), 2 * LENGTH) if len(pack) > 1)
    batch = {name: torch.as_tensor(array) for name, array in rows.batch([together], 2 * LENGTH).items()}
    seen = rows.mask(batch["group"], batch["branch"])
    added = torch.zeros_like(seen, dtype=torch.float32).masked_fill(~seen, -torch.inf)
    logits = model(input_ids=batch["tokens"], attention_mask=added, position_ids=batch["position"]).logits[0]
    compared = 0
    for number, row in enumerate(together):
        for branch in range(1, max(row.branch) + 1):
            ours = (batch["group"][0] == number) & ((batch["branch"][0] == 0) | (batch["branch"][0] == branch))
            alone = model(input_ids=batch["tokens"][:, ours]).logits[0]
            torch.testing.assert_close(logits[ours], alone, atol=1e-4, rtol=1e-4)
            compared += 1
    assert compared >= 3


def test_what_is_learned_is_the_reply_and_its_end(tiny):
    tokenizer = tiny[1]
    made = next(g for i in range(99) if (g := examples.group(5, i)).instruction == "answer" and len(g.turns) > 2)
    row = rows.encode(made, tokenizer, 8192)
    for number, (_, reply) in enumerate(made.turns, start=1):
        at = [i for i, branch in enumerate(row.branch) if branch == number]
        learned = [row.target[i] for i in at if row.target[i] != rows.NOTHING]
        assert tokenizer.decode(learned) == f"{reply}{tokenizer.eos_token}"
        # The token to be learned is the next one of the same branch.
        assert all(row.target[i] == row.tokens[i + 1] for i in at[:-1] if row.target[i] != rows.NOTHING)
    assert all((w > 0) == (t != rows.NOTHING) for w, t in zip(row.weight, row.target, strict=True))


def test_questions_that_do_not_fit_are_left_out(tiny):
    made = next(g for i in range(99) if len((g := examples.group(5, i)).turns) > 4)
    whole = rows.encode(made, tiny[1], 8192)
    shorter = rows.encode(made, tiny[1], len(whole) - 1)
    assert len(shorter) < len(whole) and len(set(shorter.branch)) == len(set(whole.branch)) - 1
    assert rows.encode(made, tiny[1], whole.branch.count(0)) is None


def test_packing_loses_no_row_and_overfills_none(tiny):
    made = encoded(tiny[1], 60, 1024)
    packs = list(rows.packed(iter(made), 1024))
    assert sorted(map(id, made)) == sorted(id(row) for pack in packs for row in pack)
    assert max(sum(map(len, pack)) for pack in packs) <= 1024 and len(packs) < len(made)


def test_the_stream_is_the_same_for_the_same_seed(tiny):
    def first(seed: str) -> dict[str, np.ndarray]:
        return next(iter(rows.Stream(tiny[1], 2, 1024, rows.Draw(seed))))

    one, same, other = first("1/1/0"), first("1/1/0"), first("1/2/0")
    assert all((one[name] == same[name]).all() for name in one)
    assert (one["tokens"] != other["tokens"]).any()
    assert {array.shape for array in one.values()} == {(2, 1024)}
