"""The rounds of lesson 10 that come with the course: facts as they arrive, versions of a model, and what they reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit import paths, stats
from labkit.bench.runs import Run
from labkit.bench.shipped import TunedModel, scored_run
from labkit.corpus import Question, question_of

# Folder below the shipped results.
ROUNDS = "rounds"


@dataclass(frozen=True)
class RoundFact:
    """A value of a contract, and the round in which it arrives.

    Attributes:
        id: contract, category and round.
        round: from 0.
        replaced: the round in which an amendment changes it; None where none does.
        amends: whether an amendment brought it to a contract that was there before.
        asked: questions for it, by what they serve for: "train", "gate" or "report".
    """

    id: str
    round: int
    replaced: int | None
    amends: bool
    asked: Mapping[str, Sequence[Question]] = field(repr=False)

    def holds(self, at: int) -> bool:
        """Whether the value has arrived by a round, and no amendment has changed it."""
        return self.round <= at and (self.replaced is None or at < self.replaced)


@dataclass(frozen=True)
class Rounds:
    """What `make rounds` made.

    Attributes:
        facts: of all rounds.
        records: by version what made it: parent, share of replay, training, failures, and the gate's figures.
        versions: the replies of each version, of the "reader", which is not trained, and of "index", a pipeline
            that only indexes the new documents.
        judged: by version a row for each failure: fact, rater, verdict, edited answer, and the answers of the version
            and of the pipeline.
        general: by prompt about held-out worlds, the reply wanted.
    """

    facts: Sequence[RoundFact] = field(repr=False)
    records: Mapping[str, Mapping[str, Any]] = field(repr=False)
    versions: Mapping[str, TunedModel]
    judged: Mapping[str, Sequence[Sequence[Any]]] = field(repr=False)
    general: Mapping[str, str] = field(repr=False)

    def run(self, version: str, facts: Sequence[RoundFact], name: str = "report") -> Run:
        """What a version replied to questions for facts, scored by these facts' values.

        Args:
            version: such as "round 1, replay 0.05".
            facts: some of `facts`.
            name: the set of questions, "report" or "gate"; of "index" it is "round 0" to "round 3".

        Raises:
            KeyError: there is no such version or set, or it was not asked for a fact.
        """
        replies = self.versions[version].replies[name]
        asked = [fact.asked["gate" if name == "gate" else "report"][0] for fact in facts]
        return scored_run(version, asked, [replies[q.id] for q in asked])


def shipped_rounds() -> Rounds:
    """The rounds that come with the course; errors as in `paths.read_checked`."""
    folder = paths.shipped_results()
    made = json.loads(paths.read_checked(f"{ROUNDS}/versions.json", folder))
    replies: dict[str, dict[str, dict[str, str]]] = {}
    for version, name, number, reply in paths.read_rows(f"{ROUNDS}/replies.jsonl.xz", folder):
        replies.setdefault(version, {}).setdefault(name, {})[number] = reply
    judged = stats.grouped((version, row) for version, *row in paths.read_rows(f"{ROUNDS}/judged.jsonl.xz", folder))
    facts = []
    for row in paths.read_rows(f"{ROUNDS}/facts.jsonl.xz", folder):
        asked = {name: tuple(map(question_of, group)) for name, group in row["asked"].items()}
        facts.append(RoundFact(**{**row, "asked": asked}))
    versions = {name: TunedModel(name, made.get(name, {}), made.get(name, {}), sets) for name, sets in replies.items()}
    return Rounds(facts, made, versions, judged, dict(paths.read_rows(f"{ROUNDS}/general.jsonl.xz", folder)))
