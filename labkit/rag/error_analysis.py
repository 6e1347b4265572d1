"""Error analysis: why was a question answered wrongly? Every answer gets one category, by rule."""

from __future__ import annotations

from labkit import metrics
from labkit.corpus import Question
from labkit.metrics import AnswerScore
from labkit.rag.chunking import places_of
from labkit.rag.pipeline import Result

# In the order in which they are drawn: what is right, then from retrieval to reading.
ERROR_CATEGORIES = (
    "right", "wrong document", "evidence not retrieved", "wrong version", "refused wrongly", "should have refused",
    "misread",
)  # fmt: skip


def error_category(question: Question, result: Result, score: AnswerScore) -> str:
    """The category of one answer.

    - *right*: exact match, or a refusal where one is due.
    - *should have refused*: the corpus holds no answer, and the generator gave one.
    - *wrong document*: the prompt held no passage of a document with evidence.
    - *evidence not retrieved*: the right document, but not every piece of the evidence.
    - *wrong version*: the evidence was in the prompt, but an older or newer state of the contract was cited.
    - *refused wrongly*: the evidence was in the prompt, and the generator did not answer.
    - *misread*: the evidence was in the prompt, and the answer is wrong.
    """
    if score.exact_match == 1:
        return "right"
    if score.should_refuse:
        return "should have refused"
    passages = [span for hit in result.retrieved[: result.used] for span in places_of(hit.node)]
    documents = {span.document for span in question.evidence}
    if not documents & {span.document for span in passages}:
        return "wrong document"
    if not all(metrics.covered(piece, passages) for piece in question.evidence):
        return "evidence not retrieved"
    if score.refused:
        return "refused wrongly"
    cited = {places[0].document for places in result.cited()}
    family = {name.split("-A")[0] for name in documents}
    if cited and not cited & documents and {name.split("-A")[0] for name in cited} & family:
        return "wrong version"
    return "misread"
