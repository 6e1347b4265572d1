"""The exercises of lesson 07. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

from labkit import corpus, paths, questions, rag
from labkit.exercises import exercise

from .judging import Numbers, choice, number, tried

_TASKS = {"a": "lookup", "b": "classify", "c": "draft", "d": "summarise"}


@cache
def _prompts() -> list[rag.TaskPrompt]:
    """The train questions as the model is asked them."""
    documents, records = corpus.load_documents("train"), corpus.contract_records()
    asked = [q for q in corpus.load_questions("train") if q.followup is None]
    return [rag.task_prompt(q, documents, records) for q in asked]


def _tokens(prompt: rag.TaskPrompt) -> tuple[int, int]:
    """Tokens learned, and all tokens of an example."""
    learned = rag.count_tokens(prompt.reply)
    return learned, learned + sum(rag.count_tokens(m["content"]) for m in prompt.messages)


@cache
def _learned_share(task: str) -> float:
    """Share of a task's tokens that are learned."""
    counts = [_tokens(p) for p in _prompts() if p.question.task == task]
    return sum(learned for learned, _ in counts) / sum(tokens for _, tokens in counts)


@exercise("07.1")
def task_that_learns_most(answer: Any) -> str | None:
    right = max(_TASKS, key=lambda letter: _learned_share(_TASKS[letter]))
    hints = {
        "a": "Three whole passages are read for a few words of reply.",
        "b": "Its reply is a name and a word, behind a clause and three rules.",
        "c": "Compare the length of its reply with that of its prompt.",
        "d": "Its reply is long, but so is what it is read from. Compare the two lengths, not the replies alone.",
    }
    return choice(answer, right, hints)


@cache
def _memory_share(copies: int) -> float:
    """Share of the learned tokens that come from memory, where each fact is asked so many times."""
    count = rag.count_tokens
    reading = sum(count(p.reply) for p in _prompts())
    remembered = [p for p in _prompts() if p.question.task in ("lookup", "amended", "unanswerable")]
    memory = copies * sum(count(p.question.answer or p.reply) for p in remembered)
    kept = [r for r in questions.load(paths.shipped_results() / "written_questions.jsonl") if r.dropped is None]
    times = Counter(row.question for row in kept)
    written = sum(count(f"{r.answer} [1]") + 2 * count(r.answer or "") * (times[r.question] == 1) for r in kept)
    return memory / (reading + memory + written)


@number("07.2", "Give a share between 0 and 1: weights(course_examples(copies=1) + written_examples(copies=2)) has a "
                "column `share`; read the row of memory.")  # fmt: skip
def memory_asked_once() -> Numbers:
    yield _memory_share(1), None
    yield _memory_share(4), "That is the share in the lesson's mix. Is it course_examples(copies=1) that was weighed?"
    yield _memory_share(4) / 4, "A quarter of its tokens is not a quarter of the share: the total becomes smaller too."


_COMPANIES = ["Gannet", "Gannet Row", "Ironbloom", "Yewbarn", "Copperlark"]
# Two questions, whether they read the same, and what to look at where the answer differs.
_PAIRS: list[tuple[str, str, bool, str]] = [
    ("How long is the lease between Yewbarn and Ironbloom?", "How long is the lease between Copperlark and Gannet?",
     True, "names inside a sentence are masked"),
    ("Ironbloom deals with Yewbarn. How long is the lease?", "Copperlark deals with Gannet. How long is the lease?",
     True, "a name can be the first word"),
    ("Ironbloom's lease: how long is it?", "Yewbarn's lease: how long is it?", True, "a name can be followed by 's"),
    ("Gannet Row rents from Yewbarn. For how long?", "Ironbloom rents from Yewbarn. For how long?",
     True, "one name can begin with another, so the longer one goes first"),
    ("ironbloom deals with yewbarn. How long is the lease?", "Copperlark deals with Gannet. How long is the lease?",
     True, "a name can be written in small letters"),
    ("How long is the lease of 3 May 2021?", "How long is the lease of 14 July 2019?", True, "dates are masked"),
    ("Is 30 days the notice of Yewbarn?", "Is 45 days the notice of Yewbarn?", True, "amounts are masked"),
    ("How long is the lease with Yewbarn?", "How long is the licence with Yewbarn?",
     False, "another word is another wording"),
    ("When does the lease with Yewbarn end?", "How does the lease with Yewbarn end?",
     False, "the first word counts where it is no name"),
]  # fmt: skip


@exercise("07.3", function=True)
def wording_without_names(answer: Any) -> str | None:
    cases = [
        ((*pair, _COMPANIES), same, why)
        for question, other, same, why in _PAIRS
        for pair in ((question, other), (other, question))
    ]
    return tried(lambda *given: bool(answer(*given)), cases)
