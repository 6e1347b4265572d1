"""Arms: what was measured of each way of answering; results of other models loaded beside them."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from labkit import paths
from labkit.stats import Interval, mean_interval

DRAWS = 2000
# The standard normal quantile at the upper end of a 95 % interval.
_Z = 1.959964
# Measured of every arm; seconds only where the machine is paid for.
COSTS = ("seconds", "prompt_tokens", "reply_tokens", "training_seconds", "index_seconds")


@dataclass(frozen=True)
class Arm:
    """One way of answering, as it was measured.

    Attributes:
        name: of the arm.
        right: share of the questions answered right; `wrong` and `refused` complete it to 1.
        wrong: share answered wrong, or answered where there is no answer.
        refused: share refused, rightly or not: these go to a person.
        prompt_tokens: a question.
        reply_tokens: a question.
        seconds: of machine a question; nan where the arm is paid by tokens.
        training_seconds: of one training run; 0 where nothing is trained.
        index_seconds: to build the index; 0 where there is none.
        facts: what has to be made anew when facts change: the index, the weights, or nothing.
        paid: by the machine's hours or by tokens, never both.
        data: version of the data that it was measured on, see `data_version`; empty for figures that are assumed.
        questions: ids of those that it answered; empty for figures that are assumed.
        residuals: for each contract, how far its sums of right and refused lie from what the means say.
        seeds: for each training seed, how far its shares right and refused lie from the means.
        sources: by figure the tag and the source of what did not come from the answers themselves.
    """

    name: str
    right: Interval
    wrong: Interval
    refused: Interval
    prompt_tokens: float = 0.0
    reply_tokens: float = 0.0
    seconds: float = math.nan
    training_seconds: float = 0.0
    index_seconds: float = 0.0
    facts: Literal["index", "weights", "nothing"] = "nothing"
    paid: Literal["machine", "tokens"] = "machine"
    data: str = ""
    questions: tuple[str, ...] = ()
    residuals: Mapping[str, Sequence[float]] = field(default_factory=dict, repr=False)
    seeds: Sequence[Sequence[float]] = ((0.0, 0.0),)
    sources: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError: shares that do not add up to 1, or a figure that is missing or negative."""
        total = self.right.value + self.wrong.value + self.refused.value
        if not abs(total - 1) < 0.005:
            raise ValueError(f"{self.name!r}: the shares right, wrong and refused add up to {total:.3f}, not to 1.")
        if self.paid not in ("machine", "tokens") or self.facts not in ("index", "weights", "nothing"):
            raise ValueError(f"{self.name!r}: `paid` is machine or tokens, `facts` is index, weights or nothing.")
        for name in COSTS[self.paid == "tokens" :]:
            value = getattr(self, name)
            if not (isinstance(value, int | float) and 0 <= value < math.inf):
                raise ValueError(f"{self.name!r}: {name} is {value!r}; measure it, or give 0 or more.")
        if self.facts == "weights" and not self.training_seconds:
            raise ValueError(f"{self.name!r}: its facts are in the weights, but training_seconds is 0: measure it.")

    @cached_property
    def shares(self) -> np.ndarray:
        """Shares right, wrong and refused, shape (3, 1 + DRAWS): as measured, then drawn from their uncertainty.

        A draw of a share is normal on either side of the measured value, with the interval's ends as its 2.5 % and
        97.5 % quantiles. A contract disturbs all arms alike (the multiplier bootstrap over clusters, Cameron, Gelbach
        and Miller 2008), so differences between arms that answered the same questions are paired; without
        `residuals` right and refused are drawn apart. A firm uses the model of one training, so each draw takes one of
        the seeds' deviations, widened to their sample variance. Where there is no interval, the draws are nan.
        """
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        z = rng.standard_normal((2, DRAWS))
        noise = np.array([_noise(contract) for contract in self.residuals]).T
        for row, weights in enumerate(np.array(list(self.residuals.values()), dtype=float).T):
            if norm := np.linalg.norm(weights):
                z[row] = noise @ weights / norm
        count = len(self.seeds)
        moved = np.array(self.seeds)[rng.integers(count, size=DRAWS)].T * math.sqrt(count / max(1, count - 1))
        right, refused = (
            np.append(s.value, np.clip(s.value + np.where(d > 0, s.high - s.value, s.value - s.low) * d + m, 0, 1))
            for s, d, m in zip((self.right, self.refused), z / _Z, moved, strict=True)
        )
        over = np.maximum(right + refused, 1)
        return np.stack([right / over, np.maximum(1 - (right + refused) / over, 0), refused / over])


def _noise(contract: str) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(contract.encode())).standard_normal(DRAWS)


def measured_arm(name: str, answers: pd.DataFrame, **rest: Any) -> Arm:
    """An arm from a row for each answer; several answers to a question, one a seed, count as their mean.

    Args:
        name: of the arm.
        answers: columns `question` and `contract` (ids), `right` and `refused` (0 to 1), `prompt_tokens`,
            `reply_tokens`, and `seconds` of machine where these are paid; `seed` where there are several.
        rest: fields of `Arm`: training_seconds, index_seconds, facts, paid, data, sources.

    Raises:
        ValueError: no answers, a column is missing, or a figure cannot be.
    """
    columns = ["right", "refused", *COSTS[rest.get("paid") == "tokens" : 3]]
    if missing := [c for c in ("question", "contract", *columns) if c not in answers]:
        raise ValueError(f"The answers of {name!r} have no column {missing[0]!r}: add it.")
    try:
        means = answers.groupby(["question", "contract"])[columns].mean().astype(float).reset_index()
    except (TypeError, ValueError) as cause:
        raise ValueError(f"The answers of {name!r} hold something that is no number ({cause}).") from cause
    scores = answers[["right", "refused"]]
    if means.empty or not (scores.ge(0).all(axis=None) and scores.sum(axis=1).le(1 + 1e-9).all()):
        raise ValueError(f"{name!r}: `right` and `refused` must be numbers from 0 to 1, and at most 1 together.")
    if means["question"].duplicated().any():
        raise ValueError(f"{name!r}: a question belongs to two contracts; correct the column `contract`.")
    contracts, right, refused = means["contract"].astype(str), means["right"], means["refused"]
    values = {"right": right, "wrong": 1 - right - refused, "refused": refused}
    sums = (means[["right", "refused"]] - means[["right", "refused"]].mean()).groupby(contracts).sum()
    seeds = answers.assign(seed=answers.get("seed", 0)).groupby("seed")[["right", "refused"]].mean()
    found: dict[str, Any] = {
        **{key: mean_interval(v.clip(0, 1).tolist(), contracts.tolist()) for key, v in values.items()},
        **{column: float(means[column].mean(skipna=False)) for column in columns[2:]},
        "questions": tuple(means["question"].astype(str)),
        "residuals": dict(zip(map(str, sums.index), sums.to_numpy().tolist(), strict=True)),
        "seeds": (seeds - seeds.mean()).to_numpy().tolist(),
    }
    return Arm(name, **found, **rest)


def data_version() -> str:
    """Which contracts and questions this is: a digest of their checksums."""
    known = paths.checksums(paths.data())
    lines = [f"{known[name]} {name}" for name in sorted(known) if name.startswith(("contracts", "questions"))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def load_results(path: Path, data: str | None = None) -> list[Arm]:
    """Arms that another model answered, a real LLM for instance, from one JSON file.

    The file is an object with `data` (what `data_version()` says where the questions were taken from), `model` (its
    name, which is added to those of the arms) and `arms`, a list of objects: `name`, any of training_seconds,
    index_seconds, facts and paid as in `Arm`, and `answers`, a list of objects as `measured_arm` wants them in rows:

        {"data": "0123456789abcdef", "model": "GPT-4.1 mini",
         "arms": [{"name": "best RAG", "facts": "index", "paid": "tokens", "index_seconds": 12,
                   "answers": [{"question": "dev-0001", "contract": "C003", "right": 1, "refused": 0,
                                "prompt_tokens": 612, "reply_tokens": 14}]}]}

    Args:
        path: the file.
        data: version of the data that it must be of, by default the course's.

    Raises:
        ValueError: the file is not of this form, or of other data.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        version, model, arms = content["data"], content["model"], [dict(arm) for arm in content["arms"]]
        names = [f"{arm.pop('name')} ({model})" for arm in arms]
        answers = [pd.DataFrame(arm.pop("answers")) for arm in arms]
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ValueError(f"{path} does not hold results as `roi.load_results` describes them ({cause!r}).") from cause
    if version != (data or data_version()):
        raise ValueError(
            f"{path} was measured on other data (version {version!r}, here {data or data_version()!r}): results of "
            "different data cannot stand side by side, so answer these questions with that model."
        )
    if unknown := {key for arm in arms for key in arm} - {"training_seconds", "index_seconds", "facts", "paid"}:
        raise ValueError(f"{path} gives {min(unknown)!r} for an arm: `roi.load_results` says what it may give.")
    return [measured_arm(n, a, data=version, **arm) for n, a, arm in zip(names, answers, arms, strict=True)]


def check_together(arms: Sequence[Arm]) -> None:
    """Raises ValueError: no arms, two of one name, or arms measured on different data or questions."""
    if not arms or len({arm.name for arm in arms}) < len(arms):
        raise ValueError("Give at least one arm, and each a name of its own.")
    measured = [arm for arm in arms if arm.questions]
    for arm in measured[1:]:
        if arm.data != measured[0].data:
            raise ValueError(f"{arm.name!r} was measured on other data than {measured[0].name!r}: do not mix them.")
        if arm.questions != measured[0].questions:
            raise ValueError(
                f"{arm.name!r} answered other questions than {measured[0].name!r}: keep those that all have."
            )
