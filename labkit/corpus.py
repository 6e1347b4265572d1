"""Corpus: the course's documents and questions, and any folder of your own.

Floor 1. A document is plain text with an id; where something stands in it is a span of
characters, so that evidence, chunks and citations can be compared exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit import paths

if TYPE_CHECKING:
    from llama_index.core.schema import Document as LlamaDocument

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` (exclusive) of a document."""

    document: str
    start: int
    end: int

    def overlap(self, other: Span) -> int:
        """Number of characters that both spans hold."""
        if self.document != other.document:
            return 0
        return max(0, min(self.end, other.end) - max(self.start, other.start))


@dataclass(frozen=True)
class Document:
    """A document of the corpus.

    Attributes:
        id: short and unique ("C017", "C017-A1", "R-acme", "playbook", or a file's path).
        title: how a person would name it.
        text: canonical plain text; spans count its characters.
        metadata: what else is known (kind, date, parties, split ...).
    """

    id: str
    title: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def quote(self, span: Span) -> str:
        """The text of a span of this document."""
        return self.text[span.start : span.end]

    def to_llama_index(self) -> LlamaDocument:
        """The document for LlamaIndex; embedders see its text only, the generator also its title."""
        from llama_index.core.schema import Document as LlamaDocument

        return LlamaDocument(
            id_=self.id,
            text=self.text,
            metadata={"document": self.id, "title": self.title},
            excluded_embed_metadata_keys=["document", "title"],
            excluded_llm_metadata_keys=["document"],
        )


@dataclass(frozen=True)
class Question:
    """A question with its known answer and the known place of it.

    Attributes:
        answer: None where the corpus does not hold one; then a refusal is right.
        aliases: further accepted spellings.
        items: gold set of a `list` question, each member as its accepted spellings.
        fields: accepted values by field, for `summarise` and `classify`.
        evidence: the spans that prove the answer; documents: ids, the first names the cluster.
        half: "new" or "seen" in the test split, else None.
        stratum: "known", "held-out wording" or "held-out style".
    """

    id: str
    task: str
    question: str
    answer: str | None
    aliases: tuple[str, ...]
    items: tuple[tuple[str, ...], ...]
    fields: Mapping[str, tuple[str, ...]]
    evidence: tuple[Span, ...]
    documents: tuple[str, ...]
    category: str | None
    wording: str
    reference: str | None
    half: str | None
    stratum: str
    ambiguous: bool
    split: str
    followup: Mapping[str, Any] | None = None
    standalone: str | None = None

    @property
    def cluster(self) -> str:
        """The contract that intervals cluster by: the first document, without its amendments."""
        return re.sub(r"-A\d+$", "", self.documents[0]) if self.documents else self.id

    def accepted(self) -> tuple[str, ...]:
        """Every spelling that counts as right."""
        return () if self.answer is None else (self.answer, *self.aliases)


# ------------------------------------------------------------------------- the course's data


def read_checked(name: str) -> str:
    """Text of a file of the course's data; errors as in `paths.read_checked`."""
    return paths.read_checked(name).decode("utf-8")


def contract_records() -> list[dict[str, Any]]:
    """What is known of every contract and amendment: parties, dates, clauses with their spans."""
    return paths.read_rows("contracts.jsonl")


def company_records() -> list[dict[str, Any]]:
    """The company registry: parents, former names, officers, seats."""
    return paths.read_rows("companies.jsonl")


def load_documents(
    split: str | None = None, kinds: Sequence[str] = ("contract", "amendment", "register", "playbook")
) -> list[Document]:
    """The course's documents: contracts, amendments, register extracts and the playbook.

    Args:
        split: only contracts and amendments of "train", "dev" or "test"; all of them by default,
            as in a real archive. Register extracts and playbook belong to every split.
        kinds: which sorts of document.

    Raises:
        ValueError: an unknown split or sort, a single sort instead of a list, or a file that does not match its
            checksum.
        FileNotFoundError: a file is missing.
    """
    if isinstance(kinds, str):
        raise ValueError(f"Give a list of sorts of documents: write kinds=[{kinds!r}] for a single one.")
    if split is not None and split not in SPLITS:
        raise ValueError(f"There is no split {split!r}: choose one of {', '.join(SPLITS)}.")
    makers: dict[str, Callable[[], list[Document]]] = {
        "contract": lambda: _contracts(split, amendments=False),
        "amendment": lambda: _contracts(split, amendments=True),
        "register": _register,
        "playbook": lambda: [Document("playbook", "The house's playbook", read_checked("playbook.md"), {})],
    }
    if unknown := [k for k in kinds if k not in makers]:
        raise ValueError(f"There are no documents of sort {unknown[0]!r}: choose among {', '.join(makers)}.")
    return [document for kind in kinds for document in makers[kind]()]


def _contracts(split: str | None, amendments: bool) -> list[Document]:
    documents = []
    for record in contract_records():
        if bool(record["amends"]) != amendments or split not in (None, record["split"]):
            continue
        metadata = {k: v for k, v in record.items() if k not in ("id", "title", "clauses")}
        text = read_checked(f"contracts/{record['id']}.txt")
        documents.append(Document(record["id"], record["title"], text, metadata))
    return documents


def _register() -> list[Document]:
    return [
        Document(f"R-{r['id']}", f"Register extract: {r['name']}", r["text"], {"company": r["id"]})
        for r in company_records()
    ]


def load_questions(split: str, task: str | Sequence[str] | None = None, *, open_test: bool = False) -> list[Question]:
    """Questions of a split, in the order of the file.

    Args:
        split: "train", "dev" or "test".
        task: only this task, or these tasks.
        open_test: the test split is for the benchmark; a lesson that looks at it has no test left.

    Raises:
        ValueError: an unknown split or task, or the test split without `open_test`.
    """
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}: choose one of {', '.join(SPLITS)}.")
    if split == "test" and not open_test:
        raise ValueError("The test split is kept closed for the benchmark of lesson 12: work on 'train' and 'dev'.")
    questions = [_question(r) for r in paths.read_rows(f"questions/{split}.jsonl")]
    if task is None:
        return questions
    wanted = [task] if isinstance(task, str) else list(task)
    tasks = {q.task for q in questions}
    if unknown := [t for t in wanted if t not in tasks]:
        raise ValueError(f"There is no task {unknown[0]!r}: choose among {', '.join(sorted(tasks))}.")
    return [q for q in questions if q.task in wanted]


def _question(record: Mapping[str, Any]) -> Question:
    names = Question.__dataclass_fields__
    values = {k: v for k, v in record.items() if k in names}
    values["aliases"] = tuple(record["aliases"])
    values["items"] = tuple(tuple(i) for i in record["items"])
    values["fields"] = {k: tuple(v) for k, v in record["fields"].items()}
    values["evidence"] = tuple(Span(e["document"], e["start"], e["end"]) for e in record["evidence"])
    values["documents"] = tuple(record["documents"])
    return Question(**values)


# ------------------------------------------------------------------------------ the gold graph


@dataclass(frozen=True)
class Fact:
    """A fact that the course's documents state: an edge of the gold graph.

    Attributes:
        subject: id of a document, or of a company ("E17").
        relation: in words ("payment term", "parent company").
        object: as the document writes it. accepted: every spelling that counts as right, the id of a company first.
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
    """What clauses state, one relation a category: the rules of the playbook, in small letters, in its order."""
    return tuple(name.lower() for name in re.findall(r"^### (.+)$", read_checked("playbook.md"), re.MULTILINE))


def relation_of(category: str) -> str:
    """The relation of a category's id, such as "payment term" of "payment_term"."""
    return _relation_names()[category]


@cache
def _relation_names() -> dict[str, str]:
    """Relations by category: those of the playbook are in words, the records' in ids, both in the same order."""
    known = {re.sub(r"[^a-z]", "", name): name for name in clause_relations()}
    named = {"late_interest": "late payment interest", "convenience_termination": "termination for convenience",
             "ip_ownership": "ownership of intellectual property"}  # fmt: skip
    categories = {c["category"] for r in contract_records() for c in r["clauses"]}
    return {c: named.get(c) or known[c.replace("_", "")] for c in categories}


def gold_facts(documents: Sequence[Document]) -> list[Fact]:
    """The facts that contracts, amendments and register extracts of the course state, in reading order.

    Args:
        documents: of `load_documents`; others, such as the playbook, state none.
    """
    contracts = {r["id"]: r for r in contract_records()}
    companies = {f"R-{r['id']}": r for r in company_records()}
    facts: list[Fact] = []
    for document in documents:
        if document.id in contracts:
            facts += _contract_facts(document, contracts[document.id])
        elif document.id in companies:
            facts += _company_facts(document, companies[document.id], companies)
    return facts


def _contract_facts(document: Document, record: Mapping[str, Any]) -> Iterator[Fact]:
    """The parties that the opening names, with their roles, and the value of each clause."""
    opening = min((c["start"] for c in record["clauses"]), default=len(document.text))
    for party in record["parties"]:
        at = document.text.find(party["name"], 0, opening)
        if at < 0:
            continue
        span = Span(document.id, at, at + len(party["name"]))
        yield Fact(document.id, "party", party["name"], (party["company"], party["name"], party["short"]), span)
        role = party["term"].removeprefix("the ")
        named = re.compile(rf"\b{re.escape(role)}\b").search(document.text, 0, opening)
        if named and not record["amends"]:
            accepted = (role, party["term"])
            yield Fact(party["company"], "role", role, accepted, Span(document.id, named.start(), named.end()))
    for clause in record["clauses"]:
        span = Span(document.id, clause["value_start"], clause["value_end"])
        accepted = tuple(dict.fromkeys((clause["value"], clause["surface"], *clause["aliases"])))
        yield Fact(document.id, relation_of(clause["category"]), clause["surface"], accepted, span)


def _company_facts(
    document: Document, record: Mapping[str, Any], companies: Mapping[str, Mapping[str, Any]]
) -> Iterator[Fact]:
    """What a register extract says of a company."""
    officers = {officer["role"]: officer["name"] for officer in record["officers"]}
    parent = companies[f"R-{record['parent']}"] if record["parent"] else None
    said: list[tuple[str, str, tuple[str, ...]]] = [("seat", record["seat"], ())]
    said += [("parent company", parent["name"], (parent["id"], parent["short"]))] if parent else []
    said += [("former name", name, ()) for name in record["former_names"]]
    said += [(role, officers[role], ()) for role in COMPANY_RELATIONS if role in officers]
    for relation, name, more in said:
        at = document.text.find(name)
        if at >= 0:
            yield Fact(record["id"], relation, name, (*more, name), Span(document.id, at, at + len(name)))


# ---------------------------------------------------------------------------- your own folder


@dataclass(frozen=True)
class Folder:
    """What was read from a folder: the good files as documents, the bad ones with the reason."""

    documents: list[Document]
    problems: dict[str, str]

    def report(self) -> str:
        """One line for what was read, one for each file that was not."""
        lines = [f"{len(self.documents)} documents read, {len(self.problems)} files left out."]
        return "\n".join(lines + [f"- {name}: {why}" for name, why in self.problems.items()])


def load_folder(folder: str | Path) -> Folder:
    """Read every PDF, DOCX, HTML, Markdown and text file below a folder.

    Good files are kept, bad ones reported. PDFs are read by pypdf, DOCX by python-docx, HTML by
    Beautiful Soup, text in another encoding by charset-normalizer (`pip install "labkit[files]"`).

    Hidden files and folders are not looked at; a link that leads out of the folder is not followed.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is a file, or it holds no file that can be read; the message names the reasons.
    """
    root = Path(folder)
    if root.is_file():
        raise ValueError(f"There is no folder {str(root)!r}, that is a file: give the folder that it is in.")
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {str(root)!r}: check the path.")
    documents: list[Document] = []
    problems: dict[str, str] = {}
    for path in _visible_files(root):
        name = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root.resolve()):
            problems[name] = "it is a link to a file outside of the folder; copy that file into it."
            continue
        if path.suffix.lower() not in _READERS:
            problems[name] = f"files of this kind are not read; save it as one of {', '.join(_READERS)}."
            continue
        try:
            text = _READERS[path.suffix.lower()](path).strip()
        except Exception as cause:  # one bad file must not cost the others
            problems[name] = _reason(cause)
            continue
        if text:
            documents.append(Document(name, path.stem, text, {"path": str(path)}))
        else:
            problems[name] = "it holds no text; a scanned document needs text recognition (OCR) first."
    if not documents:
        reasons = "; ".join(f"{n}: {w}" for n, w in problems.items()) or "it is empty"
        kinds = ", ".join(_READERS)
        raise ValueError(f"The folder {str(root)!r} holds no document that can be read ({reasons}). Put {kinds} there.")
    return Folder(documents, problems)


def _visible_files(root: Path) -> list[Path]:
    """The files below a folder, in order, without hidden ones and those in hidden folders."""
    found = sorted(p for p in root.rglob("*") if p.is_file())
    return [p for p in found if not any(part.startswith(".") for part in p.relative_to(root).parts)]


def _reason(cause: Exception) -> str:
    if isinstance(cause, ImportError):
        return 'a library is missing: run `pip install "labkit[files]"`.'
    if isinstance(cause, ValueError) and getattr(cause, "labkit", False):
        return str(cause)
    return f"it cannot be read ({type(cause).__name__}: {cause}); open it, save it again, and retry."


class _BadFile(ValueError):
    labkit = True


def _read_pdf(path: Path) -> str:
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(path)
    if reader.is_encrypted and not reader.decrypt(""):
        raise _BadFile("it is encrypted; save a copy without a password.")
    return "\n\n".join(page.extract_text() for page in reader.pages)


def _read_docx(path: Path) -> str:
    from docx import Document as open_docx
    from docx.table import Table

    blocks = []
    for block in open_docx(str(path)).iter_inner_content():
        if isinstance(block, Table):
            blocks += [": ".join(cell.text for cell in row.cells) for row in block.rows]
        else:
            blocks.append(block.text)
    return "\n\n".join(b for b in blocks if b.strip())


def _read_html(path: Path) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_bytes(), "html.parser")
    for tag in soup(["script", "style", "nav"]):
        tag.decompose()
    return soup.get_text("\n", strip=True)


# Guessing among every encoding there is goes wrong on short texts.
_ENCODINGS = ["utf_16", "utf_32", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "gb18030", "big5"]


def _read_text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(content, cp_isolation=_ENCODINGS).best()
        if best is None:
            raise _BadFile("its encoding is not known; save it as UTF-8.") from None
        return str(best)


_READERS: dict[str, Callable[[Path], str]] = {
    ".pdf": _read_pdf,
    ".docx": _read_docx,
    ".html": _read_html,
    ".htm": _read_html,
    ".md": _read_text,
    ".txt": _read_text,
}
