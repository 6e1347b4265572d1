"""What the lessons explore by moving and clicking: chunks, retrieval, errors, a graph, many documents, costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from html import escape
from typing import Any

import ipywidgets
import pandas as pd

from labkit import bench, metrics, rag, roi
from labkit.corpus import Document, Question, Span
from labkit.rag import Pipeline
from labkit.widgets.display import Explorer, explorer, framed, highlighted, styled

WIDE = {"width": "95%"}
TALL = "max-height:420px"
# Two columns where there is room.
_LAYOUT = {"layout": {"width": "48%", "min_width": "31em"}, "style": {"description_width": "20em"}}

# ------------------------------------------------------------------ chunks


def chunk_table(document: Document, tokens: int, evidence: Sequence[Span] = ()) -> pd.DataFrame:
    """The chunks of a document: number, length in tokens, how it begins, and the share of the evidence inside."""
    own = [s for s in evidence if s.document == document.id]
    total = sum(s.end - s.start for s in own)
    rows = []
    for number, node in enumerate(rag.chunk([document], tokens=tokens), start=1):
        held = sum(rag.span_of(node).overlap(s) for s in own)
        share = f"{held / total:.0%}" if total and held else ""
        rows.append((number, rag.count_tokens(node.text), " ".join(node.text.split())[:60], share))
    return pd.DataFrame(rows, columns=["chunk", "tokens", "begins", "evidence"])


def _marks(node: Any, evidence: Sequence[Span]) -> list[Span]:
    """Where in the text of a node the evidence stands."""
    own = rag.span_of(node)
    return [Span("", s.start - own.start, s.end - own.start) for s in evidence if s.document == own.document]


def chunk_html(document: Document, tokens: int, evidence: Sequence[Span] = ()) -> str:
    """The document with its cuts, chunk by chunk, the evidence marked."""
    table = chunk_table(document, tokens, evidence)
    held = [f"chunk {row['chunk']} ({row['evidence']})" for row in table.to_dict("records") if row["evidence"]]
    chunks = zip(table["tokens"], rag.chunk([document], tokens=tokens), strict=True)
    texts = [(f"{i} ({n} tokens)", node.text, _marks(node, evidence)) for i, (n, node) in enumerate(chunks, start=1)]
    return f"<p>{len(table)} chunks{'; evidence in ' + ' and '.join(held) if held else ''}</p>{framed(texts, TALL)}"


def chunk_explorer(document: Document, evidence: Sequence[Span] = (), tokens: int = 128) -> Explorer:
    """Move the size of a chunk; see the cuts, and whether the evidence stays in one piece.

    Args:
        document: to cut.
        evidence: spans to mark.
        tokens: size shown first, from 32 to 512.
    """
    slider = ipywidgets.IntSlider(value=tokens, min=32, max=512, step=16, description="tokens", continuous_update=False)
    return explorer(
        [slider],
        lambda: chunk_html(document, slider.value, evidence),
        lambda: chunk_table(document, slider.value, evidence),
        [slider],
    )


# ------------------------------------------------------------------ retrieval


def stages_table(pipeline: Pipeline, question: str, evidence: Sequence[Span] = (), rows: int = 5) -> pd.DataFrame:
    """What each stage of a pipeline did with a question, its first `rows` chunks with the gold evidence marked."""
    found = []
    for step in pipeline.ask(question).trace:
        shown = [(h.node.metadata["title"], " ".join(rag.text_of(h.node).split())[:70], _holds(h, evidence))
                 for h in step.hits[:rows]] or [("", text[:120], False) for text in step.outputs[:rows]]  # fmt: skip
        for rank, (title, text, gold) in enumerate(shown, start=1):
            found.append((step.stage, rank, title, text, "yes" if gold else ""))
    return pd.DataFrame(found, columns=["stage", "rank", "document", "text", "evidence"])


def _holds(hit: Any, evidence: Sequence[Span]) -> bool:
    return any(metrics.covered(piece, rag.places_of(hit.node)) for piece in evidence)


def retrieval_explorer(
    pipelines: Mapping[str, Pipeline], question: str, evidence: Sequence[Span] = (), domain: rag.Domain | None = None
) -> Explorer:
    """Type a question, choose a pipeline, and see each stage's list, gold evidence marked for the question given.

    Args:
        pipelines: by name.
        question: asked first.
        evidence: of that question.
        domain: warns of questions that the documents are not about.
    """
    text = ipywidgets.Text(value=question, description="question", continuous_update=False, layout=WIDE)
    chosen = ipywidgets.Dropdown(options=list(pipelines), description="pipeline")
    button = ipywidgets.Button(description="Ask")

    def table() -> pd.DataFrame:
        known = evidence if text.value.strip() == question.strip() else ()
        return stages_table(pipelines[chosen.value], text.value, known)

    def html() -> str:
        warned = domain.warning(text.value) if domain and text.value.strip() else None
        return f"{f'<p><b>{escape(warned)}</b></p>' if warned else ''}{table().to_html(index=False)}"

    return explorer([text, [chosen, button]], html, table, [chosen, button])


# ------------------------------------------------------------------ errors


def errors_table(run: bench.Run, category: str | None = None) -> pd.DataFrame:
    """Questions of a run with their error category, the right answer and the reply; of one category, or all."""
    rows = [
        (q.id, name, q.question, q.answer or "(refuse)", r.reply)
        for q, r, name in zip(run.questions, run.results, run.error_categories(), strict=True)
        if category in (None, name)
    ]
    return pd.DataFrame(rows, columns=["id", "category", "question", "right", "reply"])


def answer_html(run: bench.Run, question: Question) -> str:
    """One question with its passages, the evidence marked, and the answer."""
    result = run.results[[q.id for q in run.questions].index(question.id)]
    asked, right, reply = (escape(text) for text in (question.question, question.answer or "(refuse)", result.reply))
    texts = []
    for number, hit in enumerate(result.retrieved[: result.used], start=1):
        # Of a compressed chunk it is not known where in its text the evidence stands.
        marks = _marks(hit.node, () if "kept" in hit.node.metadata else question.evidence)
        texts.append((f"[{number}] {hit.node.metadata['title']}", rag.text_of(hit.node), marks))
    return f"<p><b>{asked}</b><br>right: {right}<br>reply: {reply}</p>{framed(texts, TALL)}"


def replies_table(runs: Sequence[bench.Run], question: Question) -> pd.DataFrame:
    """What each system that was asked a question replied, with its error category."""
    asked = [(run.name, errors_table(bench.where(run, lambda q: q.id == question.id))) for run in runs]
    rows = [(name, row["category"], row["reply"]) for name, table in asked for row in table.to_dict("records")]
    return pd.DataFrame(rows, columns=["system", "category", "reply"])


def error_browser(runs: Sequence[bench.Run]) -> Explorer:
    """Choose a system, an error category and a question; see the passages, the evidence in them, and all replies.

    Raises:
        ValueError: there are no runs.
    """
    if not runs:
        raise ValueError("There is nothing to browse: give at least one run.")
    by_name = {run.name: run for run in runs}
    system = ipywidgets.Dropdown(options=list(by_name), description="system")
    category = ipywidgets.Dropdown(options=list(rag.ERROR_CATEGORIES), value="misread", description="error")
    asked = ipywidgets.Dropdown(options=[], description="question", layout=WIDE)

    def table() -> pd.DataFrame:
        return errors_table(by_name[system.value], category.value)

    def narrow(_: Any = None) -> None:
        rows = table()
        asked.options = [(f"{row['id']}: {row['question'][:90]}", row["id"]) for row in rows.to_dict("records")]
        # Which value a new list starts with differs between ipywidgets 7 and 8.
        asked.value = None if rows.empty else rows.loc[0, "id"]

    def html() -> str:
        if asked.value is None:
            return "No question has this error."
        run = by_name[system.value]
        question = next(q for q in run.questions if q.id == asked.value)
        others = replies_table(runs, question).to_html(index=False) if len(runs) > 1 else ""
        return answer_html(run, question) + others

    for control in (system, category):
        control.observe(narrow, names="value")
    narrow()
    return explorer([[system, category], asked], html, table, [system, category, asked])


# ------------------------------------------------------------------ knowledge graph


def sentence(document: Document, span: Span, words: int = 25) -> str:
    """The text around a span, at most `words` words on either side, as HTML with the span marked."""
    before = " ".join(document.text[: span.start].rsplit("\n\n", 1)[-1].split(" ")[-words:])
    after = " ".join(document.text[span.end :].split("\n\n", 1)[0].split(" ")[:words])
    marked = Span("", len(before), len(before) + span.end - span.start)
    return highlighted(before + document.quote(span) + after, [marked])


def triples_table(graph: rag.KnowledgeGraph, entity: str) -> pd.DataFrame:
    """The triples that begin or end at an entity, with the document that each was taken from."""
    rows = []
    for triple in graph.about(entity):
        thing = triple.text if graph.kind(triple.object) == "value" else graph.title(triple.object)
        rows.append((graph.title(triple.subject), triple.relation, thing, triple.source.document))
    return pd.DataFrame(rows, columns=["subject", "relation", "object", "from"])


def graph_explorer(graph: rag.KnowledgeGraph, documents: Sequence[Document], entity: str) -> Explorer:
    """Choose an entity; click a triple to see the sentence it came from.

    Args:
        documents: that the graph was made from.
        entity: shown first.

    Raises:
        KeyError: the graph has no such entity.
    """
    graph.kind(entity)
    texts = {d.id: d for d in documents}
    named = [(f"{graph.title(e)} ({k})", e) for k in ("company", "contract", "amendment", "person", "place")
             for e in graph.entities(k)]  # fmt: skip
    chosen = ipywidgets.Dropdown(options=named, value=entity, description="entity", layout=WIDE)
    listed = ipywidgets.Select(options=[], rows=8, description="triples", layout=WIDE)

    def table() -> pd.DataFrame:
        return triples_table(graph, chosen.value)

    def narrow(_: Any = None) -> None:
        rows = table().to_dict("records")
        listed.options = [(f"{r['subject']} | {r['relation']} | {r['object']}", i) for i, r in enumerate(rows)]
        listed.value = 0 if rows else None

    def html() -> str:
        if listed.value is None:
            return ""
        source = graph.about(chosen.value)[listed.value].source
        document = texts.get(source.document)
        shown = sentence(document, source) if document and source.end else "read off the title"
        return f"<b>{escape(document.title if document else source.document)}</b><br>{shown}"

    chosen.observe(narrow, names="value")
    narrow()
    return explorer([chosen, listed], html, table, [chosen, listed])


# ------------------------------------------------------------------ many documents


def matrix_table(graph: rag.KnowledgeGraph, contracts: Sequence[str], relations: Sequence[str]) -> pd.DataFrame:
    """Contracts by relations: the value in force, and what an amendment replaced; empty where nothing is stated."""
    values = rag.matrix(graph, contracts, relations)
    rows = []
    for contract in contracts:
        row = {"contract": graph.title(contract)}
        for relation in relations:
            held = values[contract].get(relation)
            row[relation] = held.value.text if held else ""
            if held and held.replaced:
                row[relation] += f" (was {held.replaced[-1].text}; {held.value.source.document})"
        rows.append(row)
    return pd.DataFrame(rows, columns=["contract", *relations])


def document_matrix(graph: rag.KnowledgeGraph, company: str, relations: Sequence[str]) -> Explorer:
    """Choose a company and relations; see the values in force in all its contracts, and the amendment that set them.

    Args:
        company: shown first.
        relations: to choose from; the first three are shown first.

    Raises:
        KeyError: the graph has no such entity.
    """
    graph.kind(company)
    options = [c for c in graph.entities("company") if graph.contracts(c)]
    chosen = ipywidgets.Dropdown(options=options, value=company, description="company")
    columns = ipywidgets.SelectMultiple(options=relations, value=tuple(relations[:3]), rows=8, description="clauses")

    def table() -> pd.DataFrame:
        return matrix_table(graph, graph.contracts(chosen.value), list(columns.value))

    return explorer([[chosen, columns]], lambda: table().to_html(index=False), table, [chosen, columns])


# ------------------------------------------------------------------ costs


class Calculator(Explorer):
    """Sliders for the assumptions and fields for the prices; without a screen, values are given to `controls`.

    Attributes:
        assumed: the assumptions now.
        prices: the prices now, by id.
        controls: a slider for each assumption, by its name, and a field for each price, by its id.
    """

    def __init__(self, arms: Sequence[roi.Arm], assumed: roi.Assumptions, prices: roi.Prices) -> None:
        """Show the answer for the assumptions and prices given.

        Args:
            arms: to compare.
            assumed: the assumptions at first.
            prices: by id.

        Raises:
            ValueError: the arms cannot be compared, or a price cannot be used.
        """
        self.arms, self.assumed, self.prices = arms, assumed, roi.changed(assumed, prices, {})[1]
        currency, sources = prices[assumed.person]["currency"], []
        figures = [f for f in fields(assumed) if f.metadata]
        self.controls = {f.name: _slider(f.metadata, getattr(assumed, f.name), currency) for f in figures}
        roles = [f.name for f in fields(assumed) if not f.metadata]
        for role, (name, unit) in zip(roles, assumed.wanted(), strict=True):
            price, said = prices[name], f"{role} ({currency} by the {unit})"
            sources.append(escape(f"{role}: {price['what']} ({price['source']}, {price['period']})"))
            self.controls[name] = ipywidgets.FloatText(price["amount"], step=0.01, description=said, **_LAYOUT)
        for name, control in self.controls.items():
            control.observe(partial(self._moved, name), names="value")
        grid = ipywidgets.Box(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        self._view, below = ipywidgets.HTML(), ipywidgets.HTML(styled("<br>".join(sources)))
        box = ipywidgets.VBox([self._view, grid, below])
        super().__init__(box, lambda: roi.summary(self.arms, self.assumed, self.prices))
        self._draw()

    def _moved(self, name: str, change: Any) -> None:
        try:
            self.assumed, self.prices = roi.changed(self.assumed, self.prices, {name: change["new"]})
            self._draw()
        except ValueError as cause:
            self._draw(f"{cause} The answer below is that of before.")

    def _draw(self, warning: str = "") -> None:
        answer = roi.verdict(self.arms, self.assumed, self.prices)
        self._view.value = styled(
            f'<p style="color:#b00000">{escape(warning)}</p><p><b>{escape(answer)}</b></p>'
            f'<div style="overflow-x:auto">{self.table().to_html(index=False)}</div>'
        )


def _slider(metadata: Any, value: float, currency: str) -> Any:
    """A slider from end to end of an assumption, by its logarithm where that spans three powers of ten."""
    (low, high), what, unit = metadata["slider"], metadata["what"], metadata["unit"].replace("money", currency)
    said = what if unit in what else f"{what} ({unit})"
    rest: dict[str, Any] = {"value": value, "description": said, "continuous_update": False, **_LAYOUT}
    if low and high / low >= 1000:
        ends = {"min": math.log10(min(low, value)), "max": math.log10(max(high, value))}
        return ipywidgets.FloatLogSlider(step=0.05, **ends, **rest)
    return ipywidgets.FloatSlider(min=min(low, value), max=max(high, value), step=(high - low) / 200, **rest)
