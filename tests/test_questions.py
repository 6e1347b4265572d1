"""Questions written by a model: each filter drops what it is there for, and files keep them."""

from __future__ import annotations

import json
import re

import pytest
from small import PAPERS, Scripted, hosting_question

from labkit import prompts, questions, rag
from labkit.corpus import Span
from labkit.questions import WrittenQuestion

# A passage each.
PLACES = {paper.id: Span(paper.id, 0, len(paper.text)) for paper in PAPERS}
WHERE = "Where do the servers stand?"


@pytest.fixture(scope="module")
def chunks():
    return rag.chunk(PAPERS, tokens=64)


def written(question: str = WHERE, document: str = "hosting", answer: str | None = None, **more) -> WrittenQuestion:
    return WrittenQuestion(question, answer, PLACES[document], **more)


def dropped(rows) -> list[str | None]:
    return [row.dropped for row in rows]


def test_a_duplicate_reads_the_same_about_the_same_document():
    rows = [written(), written("where do servers stand"), written(document="lease"), written("Who pays?")]
    assert dropped(questions.mark_duplicates(rows)) == [None, "duplicate", None, None]


ASKED = "Does the lease of 9 March 2023 between Birch & Sons GmbH and Alder Mills Ltd cost EUR 900 a month?"


@pytest.mark.parametrize(
    "question",
    [
        ASKED,
        "Does the lease of 12 May 2020 between Gorse and Pike and Acme cost EUR 1,200.50 a month?",
        "Does the lease of 2021-06-02 between Elm Row S.p.A. and Rook, Inc. cost $3 million a month",
    ],
)
def test_a_leak_is_worded_as_a_question_of_the_evaluation_but_for_names_and_values(question):
    evaluation = [hosting_question(question=ASKED, documents=("elsewhere",))]
    rows = [written(question), written("Does the contract of 9 March 2023 cost EUR 900 a month?")]
    assert dropped(questions.mark_leaks(rows, evaluation)) == ["leak", None]


def test_a_question_about_a_new_document_of_the_evaluation_is_a_leak():
    rows = [written("Who keeps the backups?"), written("Who keeps the key?", "lease")]
    new = hosting_question(question="What else?", half="new")
    assert dropped(questions.mark_leaks(rows, [new])) == ["leak", None]
    seen = hosting_question(question="What else?", half="seen")
    assert dropped(questions.mark_leaks(rows, [seen])) == [None, None]
    assert dropped(questions.mark_leaks([written(dropped="duplicate")], [new])) == ["duplicate"]


def test_masked_leaves_the_wording():
    assert questions.masked("What is Ada Lind's fee of 3 May 2021, and USD 40 of it?") == (
        "what is name fee of name and name of it"
    )
    assert questions.masked("How long is the quiet period?") == "how long is the quiet period"


def test_a_question_is_answered_from_its_own_passage(chunks):
    generator = Scripted(f"{prompts.REFUSAL}", "Bergen [1]", "oslo. [1]", "five years [1]")
    rows = [written(f"{i}?") for i in range(3)] + [written("4?", dropped="leak"), written("5?")]
    marked = questions.mark_unanswered(rows, generator, chunks)
    assert dropped(marked) == ["refused", "not in the text", None, "leak", None]
    assert [row.answer for row in marked] == [None, "Bergen", "oslo.", None, "five years"]
    assert len(generator.asked) == 4 and "Hosting of the archive" in generator.asked[0][-1]["content"]


def test_an_answer_stands_in_a_text_as_whole_words():
    assert questions.stands_in("30 days", "It falls due after thirty days.")
    assert not questions.stands_in("10", "It costs 100.") and not questions.stands_in("", "It costs 100.")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("Oslo [2]", None),
        ("oslo [2]", None),
        ("Bergen [2]", "not found again"),
        ("Oslo [1]", "not found again"),
        ("Oslo [2] [3]", "not found again"),
        ("Oslo", "not found again"),
        ("Oslo [0]", "not found again"),
        (prompts.REFUSAL, "not found again"),
    ],
)
def test_a_question_is_answered_again_among_other_passages(chunks, reply, why):
    rows = [written("Who keeps the key?", "lease", answer="Ms Okoro"), written(answer="Oslo")]
    generator = Scripted("Ms Okoro [1]", reply)
    marked = questions.mark_inconsistent(rows, generator, chunks)
    assert dropped(marked) == [None, why]
    # Its own passage stands second, as it is the second question.
    assert set(marked[1].others) == {PLACES["lease"], PLACES["supply"]}
    assert questions.among(marked[1], 1)[1] == PLACES["hosting"] == questions.among(marked[1], 4)[1]
    assert "[2] Hosting of the archive" in generator.asked[1][-1]["content"]


def test_the_last_citation_is_not_taken_for_the_one_numbered_0(chunks):
    rows = [written(answer="Oslo")]
    place = PLACES["hosting"]
    assert questions.among(questions.mark_inconsistent(rows, Scripted("Oslo [1]"), chunks, 0)[0], 0) == [place]
    assert dropped(questions.mark_inconsistent(rows, Scripted("Oslo [0]"), chunks, 0)) == ["not found again"]


class Writer:
    """Writes two questions about each paper, and answers those about places."""

    def generate(self, chats, max_new_tokens=None, batch_size=None, progress=False):
        return [self.reply(chat[0]["content"], chat[-1]["content"]) for chat in chats]

    def reply(self, instruction: str, text: str) -> str:
        if instruction == prompts.INSTRUCTIONS["questions"]:
            return f"{WHERE}\nwhere do servers stand?\nHow much is paid?\nHalf a ques"
        own = re.search(r"\[(\d)\] Hosting", text)
        return f"Oslo [{own[1]}]" if own and WHERE in text else prompts.REFUSAL


def test_what_each_filter_drops_is_counted(chunks):
    evaluation = [hosting_question(question="Who?", documents=("supply",))]
    rows = questions.write_questions(Writer(), chunks, evaluation)
    assert [row.question for row in rows if row.dropped is None] == [WHERE]
    counts = questions.survivors(rows)
    assert list(counts) == ["written", *questions.FILTERS, "kept"]
    assert counts == {
        "written": 9, "duplicate": 3, "leak": 2, "refused": 3, "not in the text": 0, "not found again": 0, "kept": 1,
    }  # fmt: skip
    with pytest.raises(ValueError, match="no chunks"):
        questions.write_questions(Writer(), [])


def test_questions_are_saved_and_loaded(tmp_path):
    # Some programs take the character behind "line" for the end of a line.
    rows = [written(answer="Oslo", others=(Span("lease", 0, 5),)), written("Où, line\u2028?", dropped="refused")]
    path = questions.save(rows, tmp_path / "written.jsonl")
    assert questions.load(path) == rows and questions.load(questions.save([], tmp_path / "none.jsonl")) == []
    for bad, why in (
        ("{}", "question: Field required"),
        ("nothing", "Invalid JSON: [^\n]+"),
        ("[]", "Input should be an object"),
        ('{"question": "Who?", "answer": null, "source": {}}', "source: document: Field required"),
    ):
        path.write_text(path.read_text().splitlines()[0] + f"\n{bad}\n")
        with pytest.raises(ValueError, match=rf"^Line 2 of written\.jsonl is no written question: {why}\.$"):
            questions.load(path)


def test_what_a_person_decided_is_saved_counted_and_told_from_the_filters(tmp_path):
    rows = [
        written(answer="Oslo", dropped=questions.BY_HAND, checked=True),
        written(answer="In Oslo", checked=True),
        written(dropped="leak"),
    ]
    path = questions.save(rows, tmp_path / "written.jsonl")
    assert questions.load(path) == rows
    counts = questions.survivors(rows)
    assert counts["by hand"] == counts["leak"] == counts["kept"] == 1 and counts["written"] == 3
    # What a person did is written down only where a person did something.
    assert set(json.loads(path.read_text().splitlines()[2])) == {"question", "answer", "source", "dropped"}
