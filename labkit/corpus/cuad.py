"""CUAD, the Contract Understanding Atticus Dataset: real contracts with marked clauses, in its published form."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from labkit.corpus.types import Document, Question, Span


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
