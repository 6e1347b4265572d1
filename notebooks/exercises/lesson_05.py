"""The exercises of lesson 05. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit import bench, corpus, rag
from labkit.exercises import exercise

from .dev_archive import documents, lookup_pipeline
from .judging import Numbers, number, tried

KINDS = ("lookup", "amended", "compare", "multihop", "list")
# A dictionary graph that is asked more often than this is walked in a circle.
_PATIENCE = 1000


def _asked() -> list[corpus.Question]:
    questions = [q for q in corpus.load_questions("dev", KINDS) if q.followup is None]
    return bench.sample(questions, dict.fromkeys(KINDS, 10))


@cache
def _gains() -> dict[str, float]:
    """By kind of question, how much more the graph lookup answers over gold triples than over extracted ones."""
    runs = [bench.measure("", _asked(), lookup_pipeline(perfect=perfect), live=0) for perfect in (False, True)]
    extracted, gold = (bench.mean_by(run, lambda q: q.task) for run in runs)
    return {kind: gold[kind] - extracted[kind] for kind in KINDS}


@exercise("05.1")
def kind_that_gains_most(answer: Any) -> str | None:
    kind = str(answer).strip().lower()
    if kind not in KINDS:
        return f"Answer with one of these kinds: {', '.join(KINDS)}."
    if _gains()[kind] == max(_gains().values()):
        return None
    return (
        "Another kind gains more. Build the graph lookup over rag.gold_triples(documents) and compare both "
        "with bench.mean_by: which kind loses most by a single wrong triple?"
    )


@cache
def _strangers_linked(closeness: float) -> tuple[int, int]:
    """With every second company known: how many typing errors are linked rightly, and how many strangers at all."""
    graph = rag.build_graph(documents(), bench.shipped_triples(documents()))
    everyone = sorted((rag.plain_name(name), name) for name in graph.entities("company"))
    known, strangers = dict(everyone[::2]), [name for _, name in everyone[1::2]]
    linker = rag.Linker(known, {}, closeness=closeness)
    errors = sum(linker.link(plain[0] + plain[2:]) == name for plain, name in known.items())
    return errors, sum(linker.link(name) is not None for name in strangers)


@number("05.2", "Give closeness=0.6 to rag.Linker, run the cell again, and read its second line.")
def strangers_taken_for_another() -> Numbers:
    errors, strangers = _strangers_linked(0.6)
    yield strangers, None
    yield _strangers_linked(0.88)[1], "Nothing has changed: is it the linker with the new closeness that was counted?"
    yield errors, "These are the typing errors. Count the names that the linker should not know."


_Graph = dict[str, list[tuple[str, str]]]


def _counted(method: Any) -> Any:
    """A method of a dictionary graph that gives up when it is asked too often."""

    def ask(graph: _Patient, *given: Any) -> Any:
        graph.asked += 1
        if graph.asked > _PATIENCE:
            raise RecursionError("Ownership was followed round and round.")
        return method(graph, *given)

    return ask


class _Patient(dict[str, list[tuple[str, str]]]):
    """A dictionary graph, such as the lesson's `facts`, that can tell when it is walked in a circle."""

    asked = 0
    __getitem__, __contains__, get = map(_counted, (dict.__getitem__, dict.__contains__, dict.get))

    def __missing__(self, key: str) -> list[tuple[str, str]]:
        return []  # as a defaultdict


_UP = "parent company"
_CHAIN = _Patient(
    Reed=[("seat", "Ghent"), (_UP, "Rush"), ("chief executive", "Ida Vos")],
    Rush=[("former name", "Sedge"), (_UP, "Fen")],
    Fen=[("seat", "Lille")],
    Moss=[("finance director", "Jo Blum"), ("seat", "Bonn")],
)
_CIRCLE = _Patient(Oak=[(_UP, "Elm")], Elm=[(_UP, "Ash")], Ash=[(_UP, "Elm"), ("seat", "Turku")])
_SELF = _Patient(Yew=[(_UP, "Yew")])
# Graph and company, top of its group, and what to look at where it is not found.
_CASES = (
    ((_CHAIN, "Reed"), "Fen", "One step up is not the top: go on until a company has no parent."),
    ((_CHAIN, "Moss"), "Moss", "A company without a parent is itself the top: follow no other relation."),
    ((_CHAIN, "Fern"), "Fern", "A company that the graph says nothing about is itself the top."),
    ((_CIRCLE, "Oak"), "Ash", "In a circle return the last company that had not been seen before."),
    ((_SELF, "Yew"), "Yew", "A company may be given as its own parent: that is a circle as well."),
)


@exercise("05.3", function=True)
def top_of_the_group(answer: Any) -> str | None:
    try:
        return tried(answer, _CASES)
    except RecursionError:
        return "It never comes to an end where ownership runs in a circle: keep the companies that were seen."
