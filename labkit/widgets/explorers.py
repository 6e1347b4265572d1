"""What the lessons explore by moving and clicking: chunks, retrieval, errors, a graph, many documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from labkit import bench, metrics, rag
from labkit.corpus import Document, Question, Span
from labkit.rag import Pipeline, error_analysis
from labkit.widgets.display import STYLE, Explorer, block, highlighted

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


def chunk_html(document: Document, tokens: int, evidence: Sequence[Span] = ()) -> str:
    """The document with its cuts, chunk by chunk, the evidence marked."""
    own = [s for s in evidence if s.document == document.id]
    table = chunk_table(document, tokens, own)
    held = [f"chunk {row['chunk']} ({row['evidence']})" for row in table.to_dict("records") if row["evidence"]]
    blocks = [f"<p>{len(table)} chunks{'; evidence in ' + ' and '.join(held) if held else ''}</p>"]
    for number, node in enumerate(rag.chunk([document], tokens=tokens), start=1):
        inside = highlighted(node.text, rag.span_of(node).start, own)
        tokens_here = f'<span style="color:#555">({rag.count_tokens(node.text)} tokens)</span>'
        blocks.append(block(number, f"<b>{number}</b> {tokens_here}<br>{inside}"))
    return f'<div style="{STYLE};max-height:420px;overflow:auto">{"".join(blocks)}</div>'


def chunk_explorer(
    document: Document, evidence: Sequence[Span] = (), tokens: int = 128, smallest: int = 32, largest: int = 512
) -> Explorer:
    """Move the size of a chunk; see the cuts, and whether the evidence stays in one piece.

    Args:
        document: to cut.
        evidence: spans to mark.
        tokens: size shown first, between `smallest` and `largest`.
    """
    import ipywidgets

    slider = ipywidgets.IntSlider(
        value=tokens, min=smallest, max=largest, step=16, description="tokens", continuous_update=False
    )
    view = ipywidgets.HTML(chunk_html(document, tokens, evidence))

    def moved(change: Mapping[str, Any]) -> None:
        view.value = chunk_html(document, int(change["new"]), evidence)

    slider.observe(moved, names="value")
    return Explorer(ipywidgets.VBox([slider, view]), lambda: chunk_table(document, int(slider.value), evidence))


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
    import ipywidgets

    names = list(pipelines)
    wide = ipywidgets.Layout(width="95%")
    text = ipywidgets.Text(value=question, description="question", continuous_update=False, layout=wide)
    chosen = ipywidgets.Dropdown(options=names, value=names[0], description="pipeline")
    button = ipywidgets.Button(description="Ask")
    view = ipywidgets.HTML("")

    def table() -> pd.DataFrame:
        known = evidence if str(text.value).strip() == question.strip() else ()
        return stages_table(pipelines[str(chosen.value)], str(text.value), known)

    def ask(_: Any) -> None:
        try:
            warned = domain.warning(str(text.value)) if domain and str(text.value).strip() else None
            html = table().to_html(index=False)
            view.value = f'<div style="{STYLE}">{f"<p><b>{escape(warned)}</b></p>" if warned else ""}{html}</div>'
        except ValueError as cause:
            view.value = f'<div style="{STYLE}"><b>{escape(str(cause))}</b></div>'

    button.on_click(ask)
    chosen.observe(ask, names="value")
    ask(None)
    return Explorer(ipywidgets.VBox([text, ipywidgets.HBox([chosen, button]), view]), table)


# ------------------------------------------------------------------ errors


def errors_table(run: bench.Run, category: str | None = None) -> pd.DataFrame:
    """Questions of a run with their error category, the right answer and the reply; of one category, or all."""
    columns = ["id", "category", "question", "right", "reply"]
    rows = [
        (q.id, name, q.question, q.answer or "(refuse)", r.reply)
        for q, r, name in zip(run.questions, run.results, run.error_categories(), strict=True)
        if category in (None, name)
    ]
    return pd.DataFrame(rows, columns=columns)


def answer_html(run: bench.Run, question: Question) -> str:
    """One question with its passages, the evidence marked, and the answer."""
    at = [q.id for q in run.questions].index(question.id)
    result = run.results[at]
    blocks = [f"<p><b>{escape(question.question)}</b><br>right: {escape(question.answer or '(refuse)')}"
              f"<br>reply: {escape(result.reply)}</p>"]  # fmt: skip
    for number, hit in enumerate(result.retrieved[: result.used], start=1):
        span = rag.span_of(hit.node)
        # Of a compressed chunk it is not known where in its text the evidence stands.
        whole = "kept" not in hit.node.metadata
        own = [s for s in question.evidence if whole and s.document == span.document]
        body = highlighted(rag.text_of(hit.node), span.start, own)
        blocks.append(block(number, f"<b>[{number}] {escape(str(hit.node.metadata['title']))}</b><br>{body}"))
    return f'<div style="{STYLE};max-height:420px;overflow:auto">{"".join(blocks)}</div>'


def error_browser(runs: Sequence[bench.Run]) -> Explorer:
    """Choose a system, an error category and a question; see the passages, the evidence in them, and the reply.

    Raises:
        ValueError: there are no runs.
    """
    import ipywidgets

    if not runs:
        raise ValueError("There is nothing to browse: give at least one run.")
    by_name = {run.name: run for run in runs}
    system = ipywidgets.Dropdown(options=list(by_name), description="system")
    categories = list(error_analysis.ERROR_CATEGORIES)
    category = ipywidgets.Dropdown(options=categories, value="misread", description="error")
    asked = ipywidgets.Dropdown(options=[], description="question", layout=ipywidgets.Layout(width="95%"))
    view = ipywidgets.HTML("")

    def table() -> pd.DataFrame:
        return errors_table(by_name[str(system.value)], str(category.value))

    def draw() -> None:
        if asked.value is not None:
            run = by_name[str(system.value)]
            view.value = answer_html(run, next(q for q in run.questions if q.id == asked.value))

    def narrow(_: Any) -> None:
        rows = table()
        asked.options = [(f"{row['id']}: {row['question'][:90]}", row["id"]) for row in rows.to_dict("records")]
        if rows.empty:
            view.value = f'<div style="{STYLE}">No question has this error.</div>'
        else:
            # Which value a new list starts with differs between ipywidgets 7 and 8.
            asked.value = rows.loc[0, "id"]
            draw()

    def show(_: Any) -> None:
        draw()

    asked.observe(show, names="value")
    system.observe(narrow, names="value")
    category.observe(narrow, names="value")
    narrow(None)
    return Explorer(ipywidgets.VBox([ipywidgets.HBox([system, category]), asked, view]), table)


# ------------------------------------------------------------------ knowledge graph


def sentence(document: Document, span: Span, words: int = 25) -> str:
    """The text around a span, at most `words` words on either side, as HTML with the span marked."""
    before = " ".join(document.text[: span.start].rsplit("\n\n", 1)[-1].split(" ")[-words:])
    after = " ".join(document.text[span.end :].split("\n\n", 1)[0].split(" ")[:words])
    start = span.start - len(before)
    return highlighted(before + document.quote(span) + after, start, [span])


def triples_table(graph: rag.KnowledgeGraph, entity: str) -> pd.DataFrame:
    """The triples that begin or end at an entity, with the document that each was taken from."""
    rows = []
    for triple in graph.about(entity):
        thing = triple.text if graph.kind(triple.object) == "value" else graph.title(triple.object)
        rows.append((graph.title(triple.subject), triple.relation, thing, triple.source.document))
    return pd.DataFrame(rows, columns=["subject", "relation", "object", "from"])


def graph_explorer(graph: rag.KnowledgeGraph, documents: Sequence[Document], entity: str) -> Explorer:
    """Choose an entity; click a triple to see the sentence it came from, and go on to the entity at its other end.

    Args:
        documents: that the graph was made from.
        entity: shown first.

    Raises:
        KeyError: the graph has no such entity.
    """
    import ipywidgets

    graph.kind(entity)
    texts = {d.id: d for d in documents}
    wide = ipywidgets.Layout(width="95%")
    named = [(f"{graph.title(e)} ({k})", e) for k in ("company", "contract", "amendment", "person", "place")
             for e in graph.entities(k)]  # fmt: skip
    chosen = ipywidgets.Dropdown(options=named, value=entity, description="entity", layout=wide)
    listed = ipywidgets.Select(options=[], rows=8, description="triples", layout=wide)
    other = ipywidgets.Button(description="Go to the other end", layout=ipywidgets.Layout(width="auto"))
    view = ipywidgets.HTML("")
    known = {value for _, value in named}

    def end(index: int) -> str:
        triple = graph.about(str(chosen.value))[index]
        return triple.object if triple.subject == chosen.value else triple.subject

    def draw(_: Any) -> None:
        if listed.value is None:
            return
        triple = graph.about(str(chosen.value))[int(listed.value)]
        other.disabled = end(int(listed.value)) not in known
        document = texts.get(triple.source.document)
        shown = sentence(document, triple.source) if document and triple.source.end else "read off the title"
        title = escape(document.title) if document else escape(triple.source.document)
        view.value = f'<div style="{STYLE}"><b>{title}</b><br>{shown}</div>'

    def narrow(_: Any) -> None:
        rows = triples_table(graph, str(chosen.value)).to_dict("records")
        listed.options = [(f"{r['subject']} | {r['relation']} | {r['object']}", i) for i, r in enumerate(rows)]
        if rows:
            listed.value = 0
        draw(None)

    def go(_: Any) -> None:
        if listed.value is not None and end(int(listed.value)) in known:
            chosen.value = end(int(listed.value))

    chosen.observe(narrow, names="value")
    listed.observe(draw, names="value")
    other.on_click(go)
    narrow(None)
    return Explorer(ipywidgets.VBox([chosen, listed, other, view]), lambda: triples_table(graph, str(chosen.value)))


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
    import ipywidgets

    graph.kind(company)
    options = [c for c in graph.entities("company") if graph.contracts(c)]
    chosen = ipywidgets.Dropdown(options=options, value=company, description="company")
    columns = ipywidgets.SelectMultiple(
        options=list(relations), value=tuple(relations[:3]), rows=8, description="clauses"
    )
    view = ipywidgets.HTML("")

    def table() -> pd.DataFrame:
        return matrix_table(graph, graph.contracts(str(chosen.value)), list(columns.value))

    def draw(_: Any) -> None:
        view.value = f'<div style="{STYLE}">{table().to_html(index=False)}</div>'

    chosen.observe(draw, names="value")
    columns.observe(draw, names="value")
    draw(None)
    return Explorer(ipywidgets.VBox([ipywidgets.HBox([chosen, columns]), view]), table)
