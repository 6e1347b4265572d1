"""Extraction by one question at a time: term sheets, triples and rules made from plain answers.

A reply of many parts asks much of a small model at once: to find every part, in the right form and order. Asked for one
part it answers as it answers any question, and code combines the parts. Source: Levy et al. 2017, Zero-Shot
Relation Extraction via Reading Comprehension, where each relation is a question.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labkit.models import Generator
from labkit.prompts import NOT_STATED, REFUSAL, Passage, answer_messages, classify_messages
from labkit.rag.pipeline import fit
from labkit.replies import Answer, parse_answer, parse_classification, parse_lines

Rule = tuple[str, str]  # (name, what it says)


def question_for(field: str) -> str:
    """The question that asks for a field: "What is the payment term?".

    Raises:
        ValueError: the field is empty.
    """
    name = field.strip()
    if not name:
        raise ValueError("A field has no name: give one, such as 'payment term'.")
    # "Payment" is a heading's capital, "VAT rate" is not.
    plain = name if name[1:2].isupper() else name[:1].lower() + name[1:]
    return f"What is the {plain}?"


def read_fields(
    generator: Generator, rows: Sequence[tuple[Sequence[Passage], Sequence[str]]], progress: bool = False
) -> list[dict[str, Answer]]:
    """The values of fields, with one question for each.

    Args:
        generator: the model that answers.
        rows: passages, and the fields to look for in them; passages at the end that do not fit are left out.
        progress: show a bar.

    Returns:
        For each row the answer to each field, a refusal where the passages do not say.

    Raises:
        ValueError: a field is empty.
    """
    prompts = [fit(generator, question_for(field), passages)[0] for passages, fields in rows for field in fields]
    replies = iter(generator.generate(prompts, progress=progress))
    return [{field: parse_answer(next(replies)) for field in fields} for _, fields in rows]


def term_sheet(values: dict[str, Answer]) -> str:
    """Fields and their values as a term sheet, one a line, in the form that `parse_fields` reads."""
    return "\n".join(f"{name}: {NOT_STATED if value.refused else value.text}" for name, value in values.items())


def parse_fields(reply: str) -> dict[str, str]:
    """The fields of a term sheet and their values, in the order of the reply."""
    rows = [line.partition(":") for line in parse_lines(reply)]
    return {name.strip(): value.strip() for name, sep, value in rows if sep and name.strip()}


def read_triples(
    generator: Generator, rows: Sequence[tuple[Passage, Sequence[str], str]], progress: bool = False
) -> list[list[tuple[str, str, str]]]:
    """The triples of passages, with one question for each relation.

    Args:
        generator: the model that answers.
        rows: a passage, the relations looked for, and the subject that its facts are about.
        progress: show a bar.

    Returns:
        For each row (subject, relation, object); an answer of several parts gives several triples.

    Raises:
        ValueError: a relation is empty.
    """
    sheets = read_fields(generator, [([passage], relations) for passage, relations, _ in rows], progress)
    return [
        [(subject, relation, part.strip())
         for relation, answer in values.items() if not answer.refused for part in answer.text.split(";")]
        for (_, _, subject), values in zip(rows, sheets, strict=True)
    ]  # fmt: skip


def classify_by_asking(
    generator: Generator, rows: Sequence[tuple[str, Sequence[Rule]]]
) -> list[tuple[str, str | None]]:
    """The rule that each clause falls under, and its rating by that rule.

    A clause falls under the rule whose question it answers best: the one to which a refusal is least likely. The
    rating is then asked with that rule alone.

    Args:
        generator: the model that answers.
        rows: a clause, and the rules that may apply.

    Returns:
        (name of the rule, "low", "medium", "high" or None) for each.

    Raises:
        ValueError: a row has no rules, or does not fit into the window.
        NotImplementedError: the generator gives no likelihoods.
    """
    if any(not rules for _, rules in rows):
        raise ValueError("A clause has no rules: give those that may apply.")
    prompts = [
        answer_messages(question_for(name), [Passage("Clause", clause)]) for clause, rules in rows for name, _ in rules
    ]
    refusals = iter(generator.log_likelihood(prompts, [REFUSAL] * len(prompts)))
    chosen = [rules[int(np.argmin([next(refusals) for _ in rules]))] for _, rules in rows]
    named = zip(rows, chosen, strict=True)
    replies = generator.generate([classify_messages(clause, [Passage(*rule)]) for (clause, _), rule in named])
    return [(rule[0], parse_classification(reply)[1]) for rule, reply in zip(chosen, replies, strict=True)]
