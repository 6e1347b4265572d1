"""The benchmark's arms: a model and a way to find passages for it, and how an arm answers questions of every task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import NodeWithScore, TextNode

from labkit import models, profiles, prompts, rag
from labkit.bench.systems import FULL_WINDOW_TOP_K, TOP_K, build_systems, naive, tuned_index
from labkit.corpus import Question, Span
from labkit.models import Generator
from labkit.prompts import Message, Passage
from labkit.rag import Pipeline, TaskPrompt
from labkit.rag.chunking import place
from labkit.rag.evaluation import PLAYBOOK

if TYPE_CHECKING:
    from labkit.bench.grid import Grid

TASKS = ("lookup", "compare", "multihop", "amended", "list", "classify", "summarise", "draft", "unanswerable")
# What the tools can answer.
VALUES = ("lookup", "compare", "multihop", "amended", "list", "unanswerable")
SYSTEMS = ("closed-book", "naive", "best", "full window", "tools", "examples", "oracle", "random context")
# They know the gold passages.
REFERENCES = ("oracle", "random context")
# Passages where a task needs more than `TOP_K`: a clause and the rules that may apply, or many facts.
PASSAGES = {"classify": 4, "summarise": 10, "draft": 10}

Row = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """One contender.

    Attributes:
        name: in tables; without a comma.
        system: what finds its passages, one of `SYSTEMS`.
        adapters: names of adapter folders, loaded one upon the other; that of seed s above 0 ends in "-s" and s.
        model: that they were trained on, as in `models.load_generator`.
        seeds: of the training; a single one where nothing was trained.
        tasks: that it takes.
        share: of each task's questions that it is asked, from the first on.
    """

    name: str
    system: str
    adapters: tuple[str, ...] = ()
    model: str = profiles.READER
    seeds: tuple[int, ...] = (0,)
    tasks: tuple[str, ...] = TASKS
    share: float = 1.0


_SEEDS = (0, 1, 2)
ARMS = (
    Arm("SmolLM2 closed-book", "closed-book", model=profiles.BASE, share=0.5),
    Arm("SmolLM2 naive RAG", "naive", model=profiles.BASE, share=0.5),
    Arm("closed-book", "closed-book"),
    Arm("full window", "full window", share=0.5),
    Arm("naive RAG", "naive"),
    Arm("best RAG", "best"),
    Arm("tools", "tools", tasks=VALUES),
    Arm("RAG over examples", "examples", share=0.5),
    Arm("SFT", "closed-book", ("sft",), seeds=_SEEDS),
    Arm("SFT + DPO", "closed-book", ("sft", "dpo"), share=0.5),
    Arm("RAG + SFT", "best", ("sft",), seeds=_SEEDS),
    Arm("RAFT", "best", ("sft", "raft"), seeds=_SEEDS),
    Arm("oracle", "oracle"),
    Arm("oracle + SFT", "oracle", ("sft",), share=0.5),
    Arm("random context", "random context", share=0.5),
)


def new_tokens(question: Question) -> int:
    """Longest reply to a question, in tokens."""
    return TaskPrompt(question, (), "").new_tokens


def task_messages(question: Question, passages: Sequence[Passage], guide: str, closed_book: bool) -> list[Message]:
    """A question under the instruction of its task, with the passages of an arm; see `rag.task_prompt` for gold ones.

    Args:
        question: as it was asked.
        passages: may be none.
        guide: what a term sheet holds.
        closed_book: whether the arm answers from memory.
    """
    asked = question.question
    if question.task == "classify":
        # `classify_messages` wants rules, which an arm may not have.
        alone = [
            {"role": "system", "content": prompts.INSTRUCTIONS["classify"]},
            {"role": "user", "content": f"Clause: {asked}"},
        ]
        return prompts.classify_messages(asked, passages) if passages else alone
    if question.task == "summarise":
        return prompts.term_sheet_messages(passages, f"{guide}\n\nRequest: {asked}")
    if question.task == "draft":
        return prompts.draft_messages(asked, passages)
    return prompts.closed_book_messages(asked) if closed_book else prompts.answer_messages(asked, passages)


def examples_index(examples: Sequence[Question]) -> rag.VectorIndex:
    """Training questions with their answers, as passages; found by the question.

    Raises:
        ValueError: there are none.
    """
    nodes = []
    for q in examples:
        text = f"{q.question}\nAnswer: {q.answer or prompts.REFUSAL}"
        nodes.append(place(TextNode(text=text), Span(q.id, 0, len(text)), f"Example: {q.task}"))
    return rag.VectorIndex(nodes, models.load_embedder(), also=[[q.question] for q in examples])


class Answerer:
    """Answers parts of a grid; models and indexes are loaded when first needed, and kept."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._kept: dict[str, Any] = {}
        self._guide = next((rag.term_sheet_guide(d) for d in grid.documents if d.id == PLAYBOOK), "")

    def ask(self, arm: Arm, seed: int, questions: Sequence[Question]) -> list[Row]:
        """The rows of questions whose replies may be equally long.

        Raises:
            ValueError: a question does not fit into the budget even without passages.
        """
        if arm.system == "tools":
            results = self._systems(arm).lookup.run([q.question for q in questions])
            answers = [(r.reply, [rag.span_of(h.node) for h in r.retrieved], r.prompt_tokens, 0) for r in results]
        else:
            model, asked = self.generator(arm, seed), self.prompts(arm, questions)
            at_once = self.grid.part if models.device() == "cuda" else None
            replies = model.generate([messages for messages, _ in asked], new_tokens(questions[0]), at_once)
            answers = [
                (reply, spans, model.count_tokens(messages), model.count_reply_tokens(messages, reply))
                for reply, (messages, spans) in zip(replies, asked, strict=True)
            ]
        return [
            dict(arm=arm.name, seed=seed, question=question.id, reply=reply, prompt_tokens=read, reply_tokens=written,
                 places=[list(asdict(span).values()) for span in spans])
            for question, (reply, spans, read, written) in zip(questions, answers, strict=True)
        ]  # fmt: skip

    def prompts(self, arm: Arm, questions: Sequence[Question]) -> list[tuple[list[Message], list[Span]]]:
        """Each question with as many passages as the budget holds, and where these stand; errors as in `ask`."""
        base, found = self._base(arm), self._find(arm, questions)
        return [self._prompt(arm, base, q, hits) for q, hits in zip(questions, found, strict=True)]

    def generator(self, arm: Arm, seed: int) -> Generator:
        """The model of an arm; of the tuned ones only the last stays in memory."""
        tuned, folders = self._base(arm), self.grid.folders(arm, seed)
        if folders and self._kept.get("tuned", (None,))[0] != folders:
            self._kept.pop("tuned", None)
            for folder in folders:
                tuned = models.load_tuned(folder, tuned)
            self._kept["tuned"] = folders, tuned
        return self._kept["tuned"][1] if folders else tuned

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def _base(self, arm: Arm) -> Generator:
        return self._once(f"model {arm.model}", lambda: models.load_generator(arm.model))

    # What finds passages is built once: the model in it is not asked, the arm's own is.

    def _systems(self, arm: Arm) -> Any:
        return self._once("systems", lambda: build_systems(self.grid.documents, self._base(arm), index=self._index()))

    def _index(self) -> rag.VectorIndex:
        return self._once("index", lambda: tuned_index(self.grid.documents))

    def _pipeline(self, arm: Arm) -> Pipeline:
        grid, base = self.grid, self._base(arm)
        makers: dict[str, Callable[[], Any]] = {
            "naive": lambda: naive(grid.documents, models.load_embedder(), base),
            "best": lambda: Pipeline(self._index(), base, top_k=TOP_K),
            "full window": lambda: Pipeline(self._index(), base, top_k=FULL_WINDOW_TOP_K, depth=FULL_WINDOW_TOP_K),
            "examples": lambda: Pipeline(examples_index(grid.examples), base),
            "random context": lambda: Pipeline(
                rag.random_context(grid.questions, grid.documents, grid.contracts), base
            ),
        }
        pipeline = self._once(arm.system, makers[arm.system])
        # An archive of one's own may be small.
        pipeline.top_k = min(pipeline.top_k, len(getattr(pipeline.retriever, "chunks", ())) or pipeline.top_k)
        return pipeline

    def _find(self, arm: Arm, questions: Sequence[Question]) -> list[list[NodeWithScore]]:
        """The passages of an arm for each question, best first."""
        if arm.system in ("closed-book", "oracle"):
            return [[] for _ in questions]
        rows = zip(questions, self._pipeline(arm).retrieve([q.question for q in questions]), strict=True)
        if arm.system == "full window":
            return [list(hits[:FULL_WINDOW_TOP_K]) for _, hits in rows]
        looks_up = PASSAGES if arm.system == "best" else {}
        found = [(q, self._house(arm, q, hits) if q.task in looks_up else hits) for q, hits in rows]
        return [list(hits[: PASSAGES.get(q.task, TOP_K)]) for q, hits in found]

    def _house(self, arm: Arm, question: Question, hits: Sequence[NodeWithScore]) -> list[NodeWithScore]:
        """For the house's own forms what a person would look up: a clause and the rules, or fact after fact."""
        index, playbook = self._index(), [{PLAYBOOK}]
        known = {record["id"] for record in self.grid.contracts}
        # The playbook itself, which many such questions name, is often what is nearest.
        clauses = [hit for hit in hits if hit.node.metadata["document"] in known] or list(hits)
        if question.task == "classify":
            return [*clauses[:1], *index.retrieve([question.question], TOP_K, playbook)[0]]
        contract = replace(question, documents=(str(clauses[0].node.metadata["document"]),)).cluster
        family = {d.id for d in self.grid.documents if d.id == contract or d.id.startswith(f"{contract}-A")}
        facts = self._guide.splitlines()
        rows = index.retrieve(facts, 1, [family] * len(facts))
        # The last line of a term sheet is a rating.
        rows += index.retrieve(facts[-1:], 1, playbook) if question.task == "summarise" else []
        return list({hit.node.node_id: hit for row in rows for hit in row}.values())

    def _prompt(
        self, arm: Arm, model: Generator, question: Question, hits: Sequence[NodeWithScore]
    ) -> tuple[list[Message], list[Span]]:
        if arm.system == "oracle":
            gold = rag.task_prompt(question, self.grid.documents, self.grid.contracts)
            choices = [(list(gold.messages), list(gold.places or question.evidence))]
        else:
            texts, spans = [rag.passage_of(h.node) for h in hits], [rag.span_of(h.node) for h in hits]
            closed = arm.system == "closed-book"
            counts = range(len(hits), -1, -1)
            choices = [(task_messages(question, texts[:n], self._guide, closed), spans[:n]) for n in counts]
        for messages, used in choices:
            if model.count_tokens(messages) <= self.grid.prompt_tokens:
                return messages, used
        raise ValueError(
            f"The question {question.id!r} does not fit into {self.grid.prompt_tokens} tokens: shorten it."
        )
