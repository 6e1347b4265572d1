"""What a training example is: a prompt as at inference and the reply wanted, in groups that share a context."""

from __future__ import annotations

from dataclasses import dataclass, field

from labkit import prompts

WORDINGS = ("known", "question", "clause", "both")
# (question, reply wanted, (clause wording, question wording)).
Turn = tuple[str, str, tuple[str, str]]


@dataclass(frozen=True)
class Example:
    """One question in the format of inference.

    Attributes:
        messages: the prompt. answer: the reply wanted. instruction: name of the maker.
    """

    messages: list[prompts.Message]
    answer: str
    instruction: str


@dataclass
class Group:
    """One context and the questions asked about it.

    Attributes:
        passages: the context. turns: (question, reply wanted) pairs. instruction: name of the maker.
        wordings: (clause wording, question wording) of each turn.
        system: the instruction as worded. mark: stands between context and question.
    """

    passages: list[prompts.Passage]
    turns: list[tuple[str, str]]
    instruction: str = "answer"
    wordings: list[tuple[str, str]] = field(default_factory=list)
    system: str = prompts.INSTRUCTIONS["answer"]
    mark: str = "\nQuestion: "

    @property
    def head(self) -> str:
        """What the questions share of the user's message."""
        return f"{prompts.numbered(self.passages)}\n" if self.passages else ""

    def add(self, turn: Turn | None) -> None:
        """Add a question with its reply and wordings, unless it was asked already."""
        if turn is not None and all(turn[0] != question for question, _ in self.turns):
            self.turns.append(turn[:2])
            self.wordings.append(turn[2])

    def examples(self) -> list[Example]:
        """The group as separate examples."""
        return [
            Example(
                [
                    {"role": "system", "content": self.system},
                    {"role": "user", "content": f"{self.head}{self.mark}{question}"},
                ],
                reply,
                self.instruction,
            )
            for question, reply in self.turns
        ]


@dataclass(frozen=True)
class Level:
    """How hard the contexts are.

    Attributes:
        passages: numbers of passages. words: ceiling on their words altogether.
        alike: share of contexts in which every passage is of another contract and states the same topic, so
            that the title alone tells which one is asked for.
    """

    passages: tuple[int, ...]
    words: int
    alike: float = 0.0
