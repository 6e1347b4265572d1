"""Corrective retrieval: where an answer is a refusal or is not supported, search again and answer once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from labkit.models import Generator
from labkit.prompts import Message, judge_messages
from labkit.rag.chunking import passage_of
from labkit.rag.pipeline import Histories, Pipeline, Result
from labkit.replies import parse_judgement


@dataclass
class Corrective:
    """Ask a first pipeline; where its answer is a refusal or is not supported, search again with a second one.

    Source: in the manner of Yan et al. 2024, Corrective Retrieval Augmented Generation.

    Attributes:
        first: the pipeline that is asked first.
        second: the one that is asked where an answer is not supported.
        supported: says of each result whether its answer is supported; by default every answer but a refusal is.
    """

    first: Pipeline
    second: Pipeline
    supported: Callable[[Sequence[Result]], Sequence[bool]] | None = None

    def ask(self, question: str, history: Sequence[Message] = ()) -> Result:
        """Answer one question."""
        return self.run([question], [history])[0]

    def run(self, questions: Sequence[str], histories: Histories = None, progress: bool = False) -> list[Result]:
        """As `Pipeline.run`; trace and prompt tokens of a question searched for again are those of both rounds."""
        before = list(histories or [()] * len(questions))
        results = self.first.run(questions, before, progress)
        judge = self.supported or (lambda rows: [not row.answer.refused for row in rows])
        again = [i for i, supported in enumerate(judge(results)) if not supported]
        second = self.second.run([questions[i] for i in again], [before[i] for i in again], progress) if again else []
        for i, result in zip(again, second, strict=True):
            tokens = results[i].prompt_tokens + result.prompt_tokens
            results[i] = replace(result, prompt_tokens=tokens, trace=(*results[i].trace, *result.trace))
        return results


def judged_by(generator: Generator) -> Callable[[Sequence[Result]], list[bool]]:
    """A judge for `Corrective`.

    An answer is supported when it is no refusal and the generator, reading the same passages once more, does not find
    it wrong.
    """

    def supported(results: Sequence[Result]) -> list[bool]:
        passages = [[passage_of(h.node) for h in r.retrieved[: r.used]] for r in results]
        rows = zip(results, passages, strict=True)
        chats = [judge_messages(r.question, r.answer.text or r.reply, read) for r, read in rows]
        verdicts = [parse_judgement(reply) is not False for reply in generator.generate(chats)]
        return [not r.answer.refused and verdict for r, verdict in zip(results, verdicts, strict=True)]

    return supported
