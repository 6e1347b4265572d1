"""The systems that lessons share, and the benchmark's arms: a model, a way to find passages for it, how both answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import NodeWithScore, TextNode

from labkit import corpus, models, paths, profiles, prompts, rag
from labkit.bench.runs import sample
from labkit.bench.shipped import shipped_triples
from labkit.corpus import Document, Question, Span
from labkit.prompts import Message, Passage
from labkit.rag.chunking import place
from labkit.rag.evaluation import PLAYBOOK

if TYPE_CHECKING:
    from labkit.bench.grid import Grid

# Passages in a prompt, the same in every system, as in lessons 02 to 04.
TOP_K = 3
# More passages than any window of the course's profiles holds.
FULL_WINDOW_TOP_K = 16
# Passages that an arm searches for, of which it reads the first.
DEPTH = 20
# More questions of a task than there are about any contract.
ALL = 99
# How many questions lessons ask about each contract of the dev split, by task: those that the generator answers, those
# that are only searched for, and those that need several documents.
SAMPLES = {
    "reading": {"lookup": ALL, "unanswerable": ALL},
    "retrieval": {"lookup": ALL, "amended": 2, "compare": 2, "multihop": 1},
    "many documents": {"compare": 1, "amended": 3, "list": 2},
}
TASKS = ("lookup", "compare", "multihop", "amended", "list", "classify", "summarise", "draft", "unanswerable")
# What the tools can answer.
VALUES = ("lookup", "compare", "multihop", "amended", "list", "unanswerable")
SYSTEMS = ("closed-book", "naive", "best", "full window", "tools", "examples", "oracle", "random context")
# They know the gold passages.
REFERENCES = ("oracle", "random context")
# Passages where a task needs more than `TOP_K`: a clause and the rules that may apply, or many facts.
PASSAGES = {"classify": 4, "summarise": 10, "draft": 10}

Row = dict[str, Any]


def dev_questions(name: str) -> list[Question]:
    """One of the `SAMPLES` of dev questions, without those that follow up on another question.

    Raises:
        KeyError: there is no sample of that name.
    """
    return sample([q for q in corpus.load_questions("dev") if q.followup is None], SAMPLES[name])


def naive(documents: Sequence[Document], embedder: models.Embedder, generator: models.Generator) -> rag.Pipeline:
    """Naive RAG, as in lesson 01."""
    return rag.Pipeline(rag.VectorIndex(rag.chunk(documents, tokens=128), embedder), generator, top_k=TOP_K)


def dense_index(documents: Sequence[Document]) -> rag.VectorIndex:
    """Clauses with headers, searched with the plain embedder; header and clause embedded apart, as in lesson 03."""
    embedder = models.load_embedder(shipped=paths.vectors())
    return rag.VectorIndex(rag.clauses_with_headers(documents), embedder, joined=False)


def hybrid(documents: Sequence[Document]) -> rag.Hybrid:
    """The dense index and BM25 over the same chunks, fused, as in lesson 03."""
    dense = dense_index(documents)
    return rag.Hybrid([dense, rag.BM25Index(dense.chunks)])


def tuned_index(documents: Sequence[Document]) -> rag.VectorIndex:
    """Clauses with headers, searched with the tuned embedder."""
    return rag.VectorIndex(rag.clauses_with_headers(documents), models.load_tuned_embedder(paths.adapter("embedder")))


def best(documents: Sequence[Document], generator: models.Generator) -> rag.Pipeline:
    """The pipeline that lessons 02 to 04 led to."""
    return rag.Pipeline(tuned_index(documents), generator, top_k=TOP_K)


@dataclass(frozen=True)
class Systems:
    """The best pipeline and what lessons 05 and 06 add to it, over one archive.

    Attributes:
        text: the best pipeline of lessons 02 to 04.
        window: reads as much text as fits.
        reading: asks the generator for the value in each document.
        lookup: looks the value in each document up in the graph.
    """

    text: rag.Pipeline
    window: rag.Pipeline
    reading: rag.ToolPipeline
    lookup: rag.ToolPipeline


def build_systems(
    documents: Sequence[Document],
    generator: models.Generator,
    triples: Sequence[rag.ExtractedTriple] | None = None,
    index: rag.VectorIndex | None = None,
) -> Systems:
    """The best pipeline, and the systems of lessons 05 and 06, over one index.

    Args:
        documents: the archive.
        generator: the model that answers.
        triples: to build the graph from; by default those that come with the course.
        index: of the documents; `tuned_index` by default.
    """
    index = tuned_index(documents) if index is None else index
    graph = rag.build_graph(documents, shipped_triples(documents) if triples is None else triples)
    retriever = rag.GraphRetriever(graph, index)
    understand = retriever.understand = models.load_intents(paths.adapter("intents"), index.embedder, retriever.masked)
    ranker = rag.ContractRanker(documents, retriever)
    reading, lookup = (
        rag.ToolPipeline(retriever, ranker, understand, tool)
        for tool in (rag.ReadTool(index, graph, generator), rag.GraphLookupTool(graph))
    )
    window = rag.Pipeline(index, generator, top_k=FULL_WINDOW_TOP_K, depth=FULL_WINDOW_TOP_K)
    return Systems(rag.Pipeline(index, generator, top_k=TOP_K), window, reading, lookup)


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
    return rag.TaskPrompt(question, (), "").new_tokens


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
            results = self._search(arm).run([q.question for q in questions])
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

    def generator(self, arm: Arm, seed: int) -> models.Generator:
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

    def _base(self, arm: Arm) -> models.Generator:
        return self._once(f"model {arm.model}", lambda: models.load_generator(arm.model))

    def _index(self) -> rag.VectorIndex:
        return self._once("index", lambda: tuned_index(self.grid.documents))

    def _search(self, arm: Arm) -> Any:
        """What finds an arm's passages, or looks its answers up; the model that is handed on is not asked."""
        grid = self.grid
        makers: dict[str, Callable[[], Any]] = {
            "tools": lambda: build_systems(grid.documents, self._base(arm), index=self._index()).lookup,
            "naive": lambda: naive(grid.documents, models.load_embedder(), self._base(arm)).retriever,
            "examples": lambda: examples_index(grid.examples),
            "random context": lambda: rag.random_context(grid.questions, grid.documents, grid.contracts),
        }
        return self._once(arm.system, makers.get(arm.system, self._index))

    def _find(self, arm: Arm, questions: Sequence[Question]) -> list[list[NodeWithScore]]:
        """The passages of an arm for each question, best first."""
        if arm.system in ("closed-book", "oracle"):
            return [[] for _ in questions]
        retriever = self._search(arm)
        # An archive of one's own may be small.
        depth = min(DEPTH, len(getattr(retriever, "chunks", ())) or DEPTH)
        found = retriever.retrieve([q.question for q in questions], depth)
        if arm.system == "full window":
            return [hits[:FULL_WINDOW_TOP_K] for hits in found]
        if arm.system == "best":
            rows = zip(questions, found, strict=True)
            found = [self._house(arm, q, hits) if q.task in PASSAGES else hits for q, hits in rows]
        return [hits[: PASSAGES.get(q.task, TOP_K)] for q, hits in zip(questions, found, strict=True)]

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
        self, arm: Arm, model: models.Generator, question: Question, hits: Sequence[NodeWithScore]
    ) -> tuple[list[Message], list[Span]]:
        if arm.system == "oracle":
            gold = rag.task_prompt(question, self.grid.documents, self.grid.contracts)
            choices = [(list(gold.messages), list(gold.places or question.evidence))]
        else:
            texts, spans = [rag.passage_of(h.node) for h in hits], [rag.span_of(h.node) for h in hits]
            closed = arm.system == "closed-book"
            counts = range(len(hits), -1, -1)
            choices = [(task_messages(question, texts[:n], self._guide, closed), spans[:n]) for n in counts]
        most = self.grid.prompt_tokens
        for messages, used in choices:
            if model.count_tokens(messages) <= most:
                return messages, used
        raise ValueError(f"The question {question.id!r} does not fit into {most} tokens: shorten it.")
