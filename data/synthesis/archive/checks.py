"""Checks of `data/`: leaks, spans, sizes, halves and parts."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from labkit import corpus, paths
from labkit.values import MONTHS, NUMBER_WORDS
from synthesis.archive import consistency, values, world

Row = dict[str, Any]
BY_HAND = ("README.md", "prices.toml")
# Made to be changed: a user's own prices are no damage.
EDITABLE = ("prices.toml",)
GENERATED = ("companies.jsonl", "contracts", "contracts.jsonl", "facts.jsonl", "feedback", "pdf_alignment.jsonl",
             "playbook.md", "questions")  # fmt: skip
# Made by other programs, so that their bytes differ from run to run.
SHIPPED = ("files",)
TASKS = ("lookup", "compare", "multihop", "amended", "list", "classify", "summarise", "unanswerable", "draft")
PARTS = ("pilot", "final")
SPLITS = ("train", "dev", "test")
MONTH = "|".join(MONTHS)


# ---- reading data/


def read(path: Path) -> list[Row]:
    """The rows of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def digests(data: Path) -> dict[str, str]:
    """SHA-256 of every file that `SHA256SUMS` covers, by its path under `data`."""
    files = [data / name for name in BY_HAND if (data / name).is_file()]
    for name in (*GENERATED, *SHIPPED):
        path = data / name
        files += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path] * path.is_file()
    names = sorted(path.relative_to(data).as_posix() for path in files)
    return {name: paths.sha256(data / name) for name in names}


def _texts(data: Path, documents: list[Row], companies: list[Row]) -> dict[str, str]:
    texts = {row["id"]: (data / "contracts" / f"{row['id']}.txt").read_text(encoding="utf-8") for row in documents}
    texts |= {f"R-{row['id']}": row["text"] for row in companies}
    return texts | {"playbook": (data / "playbook.md").read_text(encoding="utf-8")}


# ---- leaks


def names_of(documents: Iterable[Row], companies: Iterable[Row]) -> list[str]:
    """Every name the world uses: companies, people, projects, places, subjects; the longest first."""
    found: set[str] = set()
    for company in companies:
        found.update([company["name"], company["short"], company["seat"], *company["former_names"]])
        found.update(name.rsplit(" ", 1)[0] for name in company["former_names"])
        found.update(officer["name"] for officer in company["officers"])
    named = {name for name, kind in values.CATEGORIES.items() if kind.kind not in {*values.NUMERIC, "party"}}
    for document in documents:
        found.update(filter(None, (document["nickname"], document["subject"])))
        for clause in document["clauses"]:
            if clause["category"] in named:
                found.update((clause["value"], clause["surface"], clause["aliases"][-1]))
    found |= {name.removeprefix("the ") for name in found}
    return sorted(found, key=lambda name: (-len(name), name))


def _all_names() -> list[str]:
    names = world.load("names.toml")
    found = {*names["people"]["names"], *names["projects"]["names"]}
    found |= {part for key in ("names", "former", "escrow") for part in names["companies"][key]}
    found |= {part for table in names["regions"].values() for places in table.values() for part in places}
    found |= {row[key] for row in names["laws"] for key in ("name", "adjective")}
    found |= {city for row in (*names["suffixes"], *names["laws"]) for city in row["cities"]}
    found |= {subject for kind in names["kinds"].values() for subject in kind["subjects"]}
    found |= {name.removeprefix("the ") for name in found}
    return sorted(found, key=lambda name: (-len(name), name))


class Masker:
    """Replaces names, dates, money, percentages and numbers by placeholders, in lower case."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = re.compile(r"\b(?:" + "|".join(re.escape(name.lower()) for name in names) + r")(?!\w)")
        number = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
        self.words = re.compile(rf"\b(?:{number})(?:[\s-]+(?:and\s+)?(?:{number}))*\b")
        self.suffixes = re.compile(r"<name> (?:ltd|gmbh|inc|s\.a|b\.v|ab|s\.p\.a)\b\.?")

    def __call__(self, text: str) -> str:
        """Mask one text."""
        text = self.names.sub("<name>", text.lower())
        text = self.suffixes.sub("<name>", text)
        text = re.sub(
            rf"\b\d{{1,2}} (?:{MONTH.lower()}) \d{{4}}\b|\b(?:{MONTH.lower()}) \d{{1,2}}, \d{{4}}\b", "<date>", text
        )
        text = re.sub(r"\b(?:usd|eur|gbp|chf) ?[\d,.]*\d(?: million)?|[$€£][\d,.]*\d(?: million)?", "<money>", text)
        text = re.sub(r"\d[\d,.]*\s?(?:%|per ?cent)", "<percent>", text)
        text = re.sub(r"\d(?:[\d,.]*\d)?", "<number>", text)
        text = self.words.sub("<number>", text)
        text = re.sub(r"<number> \(<number>\)", "<number>", text)
        return " ".join(text.split())


def mask(text: str, names: Sequence[str] | None = None) -> str:
    """Mask a text: names, dates, money, percentages and numbers become placeholders, in lower case.

    `names` are the names to mask, by default all that the world may use; see `names_of` for those of `data/`.
    """
    return Masker(_all_names() if names is None else names)(text)


def leaks(train: list[Row], test: list[Row], documents: list[Row], companies: list[Row],
          dev: list[Row] | None = None) -> list[str]:  # fmt: skip
    """Sentences about everything that training gives away of the test; empty when there is no leak."""
    masker = Masker(names_of(documents, companies))
    trained: dict[str, str] = {}
    for row in train:
        for text in filter(None, (row["question"], row["standalone"])):
            trained[masker(text)] = row["id"]
    facts = {(row["fact"], row["wording"]): row["id"] for row in train}
    found = []
    for row in [*test, *(dev or [])]:
        for text in filter(None, (row["question"], row["standalone"])):
            if masker(text) in trained:
                what = f"The {row['split']} question {row['id']}"
                found.append(f"{what} equals {trained[masker(text)]} of training, names masked.")
        if (row["fact"], row["wording"]) in facts:
            found.append(f"{row['id']} asks the same fact in the same wording as {facts[row['fact'], row['wording']]}.")
    in_train, in_dev, in_test = ({row["wording"] for row in rows} for rows in (train, dev or [], test))
    found += [f"The question wording {wording} occurs in test and in training or dev."
              for wording in sorted(in_test & (in_train | in_dev))]  # fmt: skip
    found += [f"The question wording {wording} occurs in dev and in training." for wording in sorted(in_dev & in_train)]
    found += _named(train, documents)
    return found + _overlap(train, dev or [], documents)


def _named(train: list[Row], documents: list[Row]) -> list[str]:
    """Training questions that name a new contract: by id, by its parties, by nickname or subject."""
    found = []
    contracts = [row for row in documents if not row["amends"]]
    new = [row for row in contracts if row["split"] != "train"]
    ids = {row["id"] for row in documents if row["split"] != "train"}
    pairs = {frozenset(p["short"] for p in row["parties"]) for row in contracts if row["split"] == "train"}
    for row in train:
        text = " ".join(
            [row["question"], row["standalone"] or "", json.dumps(row["followup"] or "", ensure_ascii=False)]
        )
        for document in set(row["documents"]) & ids:
            found.append(f"The training question {row['id']} has the new contract {document} among its documents.")
        for contract in new:
            pair = frozenset(p["short"] for p in contract["parties"])
            known = pair not in pairs and all(name in text for name in pair)
            nickname = contract["nickname"] and contract["nickname"].removeprefix("the ") in text
            if known or nickname or contract["subject"] in text:
                found.append(f"The training question {row['id']} names the new contract {contract['id']}.")
    return found


def _overlap(train: list[Row], dev: list[Row], documents: list[Row]) -> list[str]:
    split = {row["id"]: row["split"] for row in documents}
    found = []
    for name, rows in (("train", train), ("dev", dev)):
        for row in rows:
            own = "train" if row["half"] == "seen" else name
            wrong = [d for d in row["documents"] if split.get(d, own) != own]
            if wrong:
                found.append(f"The {name} question {row['id']} is about {wrong[0]}, a contract of another split.")
    return found


# ---- verification


def verify(data: Path) -> list[str]:
    """Sentences about everything wrong in `data`; empty when checksums, spans, sizes and splits are right."""
    data = Path(data)
    missing = [name for name in (*GENERATED, *BY_HAND, "SHA256SUMS") if not (data / name).exists()]
    if missing:
        return [f"{data} lacks {', '.join(missing)}: run `python -m synthesis data build`."]
    found = _check_sums(data)
    try:
        documents, companies = read(data / "contracts.jsonl"), read(data / "companies.jsonl")
        asked = {split: read(data / "questions" / f"{split}.jsonl") for split in SPLITS}
        texts = _texts(data, documents, companies)
        found += _check_documents(documents, texts)
        found += _check_answers(asked, texts)
        found += _check_sizes(documents, asked, texts)
        found += _check_halves(documents, asked)
        found += consistency.contract_faults(documents, companies, texts)
        found += consistency.question_faults(asked, documents, companies)
        found += _check_formats(data, documents, texts)
        found += leaks(asked["train"], asked["test"], documents, companies, asked["dev"])
        found += _check_feedback(read(data / "feedback" / "pairs.jsonl"), asked["train"])
    except (json.JSONDecodeError, KeyError, FileNotFoundError) as error:
        found.append(f"{data} cannot be read ({type(error).__name__}: {error}): build it again.")
    return found


def _check_sums(data: Path) -> list[str]:
    """Files that are missing or changed, but for those made to be edited, and files that no checksum covers."""
    wrong = {n: what for n, what in corpus.changed_files(data).items() if n not in EDITABLE or what == "missing"}
    found = [f"{name} is {what}: restore it or build the data again." for name, what in wrong.items()]
    return found + [f"{name} is not listed in SHA256SUMS: remove it or build the data again."
                    for name in sorted(digests(data).keys() - paths.checksums(data).keys())]  # fmt: skip


def _check_documents(documents: list[Row], texts: dict[str, str]) -> list[str]:
    found = []
    for document in documents:
        text = texts[document["id"]]
        for clause in document["clauses"]:
            where = f"{document['id']} {clause['category']}"
            if text[clause["value_start"] : clause["value_end"]] != clause["surface"]:
                found.append(f"{where}: the value's span does not hold {clause['surface']!r}.")
            inside = clause["evidence_start"] <= clause["value_start"] < clause["value_end"] <= clause["evidence_end"]
            if not inside or not 0 <= clause["start"] < clause["end"] <= len(text):
                found.append(f"{where}: the spans of clause, evidence and value do not fit.")
        if re.search(r"\{\w+|[a-z]\.\.(?!\.)|\b(clause clause|the the|a an)\b", text):
            found.append(f"{document['id']} has an unfilled placeholder or a doubled word.")
    return found


def _check_answers(asked: dict[str, list[Row]], texts: dict[str, str]) -> list[str]:
    found, ids = [], set()
    for row in (row for rows in asked.values() for row in rows):
        if row["id"] in ids:
            found.append(f"The id {row['id']} is used twice.")
        ids.add(row["id"])
        pieces = []
        for span in row["evidence"]:
            text = texts.get(span["document"], "")
            if not 0 <= span["start"] < span["end"] <= len(text):
                found.append(f"{row['id']}: the evidence in {span['document']} lies outside its text.")
            pieces.append(text[span["start"] : span["end"]])
        if row["task"] in ("lookup", "amended") and not any(alias in pieces[0] for alias in row["aliases"]):
            found.append(f"{row['id']}: the evidence does not contain the answer {row['answer']!r}.")
        if (row["answer"] is None) != (row["task"] == "unanswerable") or "{" in row["question"]:
            found.append(f"{row['id']}: the question or its answer is not filled in.")
    return found


def _least(found: list[str], number: float, least: float, what: str) -> None:
    if number < least:
        found.append(f"{what}: {number:g}, but at least {least:g} are promised.")


def _check_sizes(documents: list[Row], asked: dict[str, list[Row]], texts: dict[str, str]) -> list[str]:
    found: list[str] = []
    contracts = [row for row in documents if not row["amends"]]
    _least(found, len(contracts), 80, "Contracts")
    _least(found, len(documents) - len(contracts), 20, "Amendments")
    _least(found, len({row["kind"] for row in contracts}), 8, "Kinds of contract")
    _least(found, len({row["style"] for row in contracts}), 5, "Drafting styles")
    keys = Counter((frozenset(p["company"] for p in row["parties"]), row["kind"], row["date"][:4]) for row in contracts)
    found += [f"Two contracts share parties, kind and year: {sorted(key[0])}." for key, n in keys.items() if n > 1]
    for row in contracts:
        size, held = len(texts[row["id"]].split()), len(row["clauses"])
        if not 1_200 <= size <= 3_000 or not 25 <= held <= 40:
            found.append(
                f"{row['id']} has {size} words and {held} categories: 1,200 to 3,000 and 25 to 40 are promised."
            )
    found += _check_held_out(contracts)
    for split, rows in asked.items():
        _least(found, sum(row["ambiguous"] for row in rows) / len(rows), 1 / 3, f"Share of ambiguous {split} questions")
    return found


def _check_halves(documents: list[Row], asked: dict[str, list[Row]]) -> list[str]:
    """Sizes of the halves of dev and test and of the parts of test; what the seen half asks was trained."""
    found: list[str] = []
    counts = Counter((row["split"], row["task"], row["half"]) for row in (*asked["dev"], *asked["test"]))
    for task in TASKS:
        for half in ("new", "seen"):
            _least(found, counts["test", task, half], 100, f"Test questions of {task}, {half}")
        _least(found, counts["dev", task, "new"], 60, f"Dev questions of {task}, new")
    _least(found, len(asked["test"]), 1_600, "Test questions")
    known = {row["id"] for row in documents if not row["amends"]}
    for split, half, least in (("test", "new", 40), ("dev", "new", 20), ("dev", "seen", 30)):
        used = {d for row in asked[split] if row["half"] == half for d in row["documents"] if d in known}
        _least(found, len(used), least, f"Contracts asked about in {split}, {half}")
    _least(found, sum(row["half"] == "seen" for row in asked["dev"]), 160, "Dev questions, seen")
    _least(found, counts["dev", "lookup", "seen"], 80, "Dev questions of lookup, seen")
    trained = {(row["task"], row["fact"]) for row in asked["train"]}
    found += [f"{row['id']} is in the seen half, but training does not ask for {row['fact']}."
              for row in (*asked["dev"], *asked["test"])
              if row["half"] == "seen" and (row["task"], row["fact"]) not in trained]  # fmt: skip
    return found + _check_parts(asked)


def _check_parts(asked: dict[str, list[Row]]) -> list[str]:
    found: list[str] = []
    parts = Counter(row["part"] for row in asked["test"])
    _least(found, parts["pilot"], 350, "Test questions of the pilot")
    _least(found, parts["final"], 900, "Test questions of the final part")
    facts = {part: {(r["half"], r["fact"]) for r in asked["test"] if r["part"] == part} for part in PARTS}
    both = sorted(facts["pilot"] & facts["final"])
    found += [f"Pilot and final both ask for {fact} ({half})." for half, fact in both]
    for split, rows in asked.items():
        wrong = [row for row in rows if (row["part"] in PARTS) != (split == "test")]
        wrong += [row for row in rows if (row["half"] is None) != (split == "train")]
        found += [f"{row['id']} has the part {row['part']} and the half {row['half']}." for row in wrong]
    return found


def _check_held_out(contracts: list[Row]) -> list[str]:
    found: list[str] = []
    styles, wordings = defaultdict(set), defaultdict(set)
    for row in contracts:
        styles[row["style"]].add(row["split"])
        for clause in row["clauses"]:
            wordings[clause["wording"]].add(row["split"])
    alone = [style for style, splits in styles.items() if splits == {"test"}]
    if len(alone) != 1:
        found.append(f"Drafting styles that occur only in test contracts: {alone or 'none'}; it must be exactly one.")
    share = sum(splits == {"test"} for splits in wordings.values()) / len(wordings)
    _least(found, share, 0.25, "Share of clause wordings that occur only in test contracts")
    return found


def _check_formats(data: Path, documents: list[Row], texts: dict[str, str]) -> list[str]:
    found: list[str] = []
    kinds = Counter(name for row in documents for name in row["formats"])
    for name, least in (("pdf", 4), ("docx", 2), ("html", 2)):
        _least(found, kinds[name], least, f"Contracts as {name.upper()}")
        for row in documents:
            if name in row["formats"] and not (data / "contracts" / name / f"{row['id']}.{name}").exists():
                found.append(f"{row['id']} says it exists as {name.upper()}, but the file is missing.")
    clause_of = {(row["id"], c["category"]): c for row in documents for c in row["clauses"]}
    for row in read(data / "pdf_alignment.jsonl"):
        clause = clause_of[row["document"], row["category"]]
        wanted = texts[row["document"]][clause["evidence_start"] : clause["evidence_end"]]
        if "".join(wanted.split()) != "".join(row["text"].split()):
            found.append(f"pdf_alignment.jsonl: {row['document']} {row['category']} differs from the evidence.")
    return found


def _check_feedback(pairs: list[Row], train: list[Row]) -> list[str]:
    found: list[str] = []
    _least(found, len(pairs), 600, "Judgements")
    known = {row["id"] for row in train}
    found += [f"The judgement {row['id']} is about {row['question']}, which is no training question."
              for row in pairs if row["question"] not in known]  # fmt: skip
    found += [f"The judgement {row['id']} is not marked as simulated." for row in pairs if row["simulated"] is not True]
    return found
