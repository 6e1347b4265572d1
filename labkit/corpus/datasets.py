"""The course's documents, its questions and the facts that the documents state; CUAD where you have it."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from labkit import paths
from labkit.corpus.types import Document, Question, Span

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
    rows = [r for r in rows if half in (None, r["half"]) and part in (None, r["part"])]
    wanted = [task] if isinstance(task, str) else task
    for name in wanted or ():
        _choice("task", name, sorted({r["task"] for r in rows}))
    return [question_of(r) for r in rows if wanted is None or r["task"] in wanted]


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


# ---------------------------------------------------------- the gold graph: facts with their places


@dataclass(frozen=True)
class Fact:
    """A fact that the course's documents state: an edge of the gold graph.

    Attributes:
        subject: id of a document, or of a company ("E17").
        relation: in words ("payment term", "parent company").
        object: as the document writes it.
        accepted: every spelling that counts as right, the id of a company first.
        span: where the object stands.
    """

    subject: str
    relation: str
    object: str
    accepted: tuple[str, ...]
    span: Span


# What register extracts say of companies, and the openings of contracts of their parties.
COMPANY_RELATIONS = ("parent company", "former name", "seat", "chief executive", "finance director")
PARTY_RELATIONS = ("party", "role")


def clause_relations() -> tuple[str, ...]:
    """What clauses state, one relation for each category: the rules of the playbook, in lower case, in its order."""
    return tuple(name.lower() for name in re.findall(r"^### (.+)$", read_checked("playbook.md"), re.MULTILINE))


# Relations that the playbook names otherwise than the categories' ids do.
_OTHERWISE = {"late_interest": "late payment interest", "convenience_termination": "termination for convenience",
              "ip_ownership": "ownership of intellectual property"}  # fmt: skip


@cache
def relation_of(category: str) -> str:
    """The relation of a category's id, such as "payment term" of "payment_term"."""
    known = {re.sub(r"[^a-z]", "", name): name for name in clause_relations()}
    return _OTHERWISE.get(category) or known[category.replace("_", "")]


def gold_facts(documents: Sequence[Document]) -> list[Fact]:
    """The facts that contracts, amendments and register extracts of the course state, in reading order.

    Args:
        documents: of `load_documents`; others, such as the playbook, state none.
    """
    facts: dict[str, list[Fact]] = {document.id: [] for document in documents}
    for subject, relation, thing, accepted, name, start, end in paths.read_rows("facts.jsonl"):
        if name in facts:
            facts[name].append(Fact(subject, relation, thing, tuple(accepted), Span(name, start, end)))
    return [fact for stated in facts.values() for fact in stated]


# --------------------------------------------------------------------------------------------- CUAD


def load_cuad(path: str | Path, categories: Collection[str] = ()) -> tuple[list[Document], list[Question]]:
    """The contracts of CUAD, and a question for each of their clause categories.

    A question names its contract and asks for what CUAD's own wording calls the details. Its evidence is every passage
    that was marked; its answer is the first of them, and the others are accepted as well. Where nothing was marked, a
    refusal is right. The dataset is Hendrycks et al. 2021 (arXiv 2103.06268), CC BY 4.0.

    Args:
        path: of `CUAD_v1.json`, as the Atticus Project publishes it (atticusprojectai.org/cuad).
        categories: such as "Governing Law"; all of them by default.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has another form, no question is of these categories, or a marked passage is not in its contract.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {str(file)!r}: get CUAD_v1.json from atticusprojectai.org/cuad.")
    documents, questions = [], []
    try:
        for contract in json.loads(file.read_text(encoding="utf-8"))["data"]:
            [paragraph] = contract["paragraphs"]
            document = Document(contract["title"], contract["title"], paragraph["context"])
            asked = [(row["id"].rpartition("__")[2], row) for row in paragraph["qas"]]
            questions += [_question(document, c, row) for c, row in asked if not categories or c in categories]
            documents.append(document)
    except (KeyError, TypeError, json.JSONDecodeError) as cause:
        raise ValueError(f"{file.name} has not the form of CUAD_v1.json: {type(cause).__name__}: {cause}") from cause
    if not questions:
        raise ValueError(f"{file.name} asks nothing about {', '.join(categories) or 'its contracts'}.")
    return documents, questions


def _question(document: Document, category: str, row: dict[str, Any]) -> Question:
    answers = [(found["text"], found["answer_start"]) for found in row["answers"]]
    evidence = tuple(Span(document.id, start, start + len(text)) for text, start in answers)
    if any(document.quote(span) != text for span, (text, _) in zip(evidence, answers, strict=True)):
        raise ValueError(f"A passage marked for {row['id']!r} does not stand in the contract: get the file anew.")
    texts = tuple(dict.fromkeys(text for text, _ in answers))
    details = row["question"].rpartition("Details: ")[2]
    return Question(
        id=row["id"], task="lookup" if texts else "unanswerable", question=f"{document.title}: {category}. {details}",
        answer=texts[0] if texts else None, aliases=texts[1:], evidence=evidence, documents=(document.id,),
        category=category, stratum="own", split="own",
    )  # fmt: skip
