"""Write everything generated in `data/`, the same bytes on every run."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labkit import paths
from synthesis.archive import (
    amendments,
    checks,
    contracts,
    facts,
    feedback,
    formats,
    notices,
    playbook,
    questions,
    references,
    several,
    single,
    wording_checks,
    world,
)

TASKS: dict[str, questions.Ask] = {
    "lookup": single.ask_lookup,
    "compare": several.ask_compare,
    "multihop": several.ask_multihop,
    "amended": single.ask_amended,
    "list": several.ask_list,
    "classify": single.ask_classify,
    "summarise": single.ask_summarise,
    "unanswerable": single.ask_unanswerable,
    "draft": notices.ask_draft,
}


def _lines(path: Path, rows: Iterable[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _write(folder: Path) -> None:
    companies = world.companies()
    written = contracts.contracts(world.deals(companies), companies)
    changes = amendments.amendments(written)
    asked = questions.questions(references.Corpus(companies, written, changes), TASKS)
    (folder / "contracts").mkdir()
    aligned = formats.write_all(written, folder / "contracts")
    documents = sorted([*written, *changes], key=lambda document: document.id)
    for document in documents:
        (folder / "contracts" / f"{document.id}.txt").write_text(document.text + "\n", encoding="utf-8")
    records, registered = [d.record() for d in documents], [c.record() for c in companies]
    _lines(folder / "contracts.jsonl", records)
    _lines(folder / "companies.jsonl", registered)
    _lines(folder / "facts.jsonl", facts.facts(records, registered, {d.id: d.text for d in documents}))
    _lines(folder / "pdf_alignment.jsonl", aligned)
    (folder / "playbook.md").write_text(playbook.render()[0], encoding="utf-8")
    for split, rows in asked.items():
        _lines(folder / "questions" / f"{split}.jsonl", rows)
    _lines(folder / "feedback" / "pairs.jsonl", feedback.pairs(asked["train"]))


def main(out: Path) -> None:
    """Build `out`: everything generated is replaced at once, what is written by hand there stays.

    Raises ValueError where the wordings have flaws or cannot give the data their sizes.
    """
    flaws = wording_checks.check_wordings()
    if flaws:
        raise ValueError("The wordings have flaws:\n" + "\n".join(flaws))
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=out.parent) as name:
        folder = Path(name)
        _write(folder)
        for entry in checks.GENERATED:
            old = out / entry
            if old.is_dir():
                shutil.rmtree(old)
            (folder / entry).replace(old)
    paths.write_checksums(out, list(checks.digests(out)))
