"""The course's own data: contracts, amendments, the company registry, the playbook and the questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

from labkit import paths
from labkit.corpus.types import Document, Question

SPLITS = ("train", "dev", "test")
KINDS = ("contract", "amendment", "register", "playbook")


def read_checked(name: str) -> str:
    """Text of a file of the course's data; errors as in `paths.read_checked`."""
    return paths.read_checked(name).decode("utf-8")


def contract_records() -> list[dict[str, Any]]:
    """What is known of every contract and amendment: parties, dates, clauses with their spans."""
    return paths.read_rows("contracts.jsonl")


def company_records() -> list[dict[str, Any]]:
    """The company registry: parents, former names, officers, seats."""
    return paths.read_rows("companies.jsonl")


def load_documents(split: str | None = None, kinds: Sequence[str] = KINDS) -> list[Document]:
    """The course's documents: contracts, amendments, register extracts and the playbook.

    Args:
        split: only contracts and amendments of "train", "dev" or "test"; all of them by default,
            as in a real archive. Register extracts and playbook belong to every split.
        kinds: which kinds of document.

    Raises:
        ValueError: an unknown split or kind, a single kind instead of a list, or a file that does not match its
            checksum.
        FileNotFoundError: a file is missing.
    """
    if isinstance(kinds, str):
        raise ValueError(f"Give a list of kinds of documents: write kinds=[{kinds!r}] for a single one.")
    _choice("split", split, (None, *SPLITS))
    for kind in kinds:
        _choice("kind of document", kind, KINDS)
    return [document for kind in kinds for document in _documents(kind, split)]


def _documents(kind: str, split: str | None) -> Iterator[Document]:
    if kind == "playbook":
        yield Document("playbook", "The house's playbook", read_checked("playbook.md"), {})
    elif kind == "register":
        for company in company_records():
            title = f"Register extract: {company['name']}"
            yield Document(f"R-{company['id']}", title, company["text"], {"company": company["id"]})
    else:
        for record in contract_records():
            if bool(record["amends"]) == (kind == "amendment") and split in (None, record["split"]):
                metadata = {k: v for k, v in record.items() if k not in ("id", "title", "clauses")}
                text = read_checked(f"contracts/{record['id']}.txt")
                yield Document(record["id"], record["title"], text, metadata)


def load_questions(
    split: str,
    task: str | Sequence[str] | None = None,
    *,
    half: str | None = None,
    part: str | None = None,
    open_test: bool = False,
) -> list[Question]:
    """Questions of a split, in the order of the file.

    Args:
        split: "train", "dev" or "test".
        task: only this task, or these tasks.
        half: "new" for contracts that training never mentions, "seen" for facts that training asks, in other words.
            By default both of test, but "new" alone of dev: its seen half is about train contracts, which the dev
            archive does not hold.
        part: "pilot" or "final" of the test split; both by default.
        open_test: the test split is for the benchmark; a lesson that looks at it has no test left.

    Raises:
        ValueError: an unknown split, task, half or part, or the test split without `open_test`.
    """
    _choice("split", split, SPLITS)
    _choice("half", half, (None, *(("new", "seen") if split != "train" else ())))
    _choice("part", part, (None, *(("pilot", "final") if split == "test" else ())))
    if split == "test" and not open_test:
        raise ValueError("The test split is kept closed for the benchmark of lesson 12: work on 'train' and 'dev'.")
    half = "new" if split == "dev" and half is None else half
    rows = paths.read_rows(f"questions/{split}.jsonl")
    questions = [question_of(r) for r in rows if half in (None, r["half"]) and part in (None, r["part"])]
    if task is None:
        return questions
    wanted = [task] if isinstance(task, str) else list(task)
    tasks = {q.task for q in questions}
    for name in wanted:
        _choice("task", name, sorted(tasks))
    return [q for q in questions if q.task in wanted]


def _choice(what: str, value: str | None, choices: Sequence[str | None]) -> None:
    if value not in choices:
        known = ", ".join(choice for choice in choices if choice) or "none: leave it out"
        raise ValueError(f"There is no {what} {value!r}: choose one of {known}.")


@cache
def _questions() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Question)


def question_of(record: Mapping[str, Any]) -> Question:
    """A question as `questions/*.jsonl` holds it, without what is not a question's."""
    return cast(Question, _questions().validate_python(record))


def changed_files(folder: Path | None = None) -> dict[str, str]:
    """Files of the data, the models and the results that are not as they were shipped.

    Args:
        folder: the data; the course's by default.

    Returns:
        What is wrong with each file, by its path below the folder: "missing" or "changed".
    """
    folder = folder or paths.data()
    found = {}
    for place in (folder, *filter(Path.is_dir, (folder / "results", *sorted((folder / "models").glob("*"))))):
        listed = paths.checksums(place) if (place / paths.SUMS).exists() else {paths.SUMS: ""}
        for name, digest in listed.items():
            file = place / name
            if not file.exists() or paths.sha256(file) != digest:
                found[file.relative_to(folder).as_posix()] = "changed" if file.exists() else "missing"
    return found


def describe() -> str:
    """Counts of contracts and amendments by split, and of questions by split, half and part, as text."""
    import pandas as pd

    documents = pd.DataFrame(contract_records())
    documents["words"] = [len(read_checked(f"contracts/{name}.txt").split()) for name in documents["id"]]
    documents["clauses"] = documents["clauses"].map(len)
    documents["document"] = documents["amends"].isna().map({True: "contract", False: "amendment"})
    asked = pd.DataFrame([row for split in SPLITS for row in paths.read_rows(f"questions/{split}.jsonl")])
    asked["where"] = asked[["split", "half", "part"]].fillna("").agg(" ".join, axis=1).str.strip()
    asked["follow-up"] = asked["followup"].notna()
    tables = [documents.groupby("document")[["words", "clauses"]].agg(["count", "min", "max"])]
    columns = [documents["document"], documents["split"]]
    tables += [pd.crosstab(documents[name].fillna("none"), columns) for name in ("kind", "style", "round")]
    kinds = ("task", "stratum", "reference", "ambiguous", "follow-up")
    tables += [pd.crosstab(asked[name].fillna("none"), asked["where"], margins=True) for name in kinds]
    return "\n\n".join([f"{len(company_records())} companies", *(table.to_string() for table in tables)])
