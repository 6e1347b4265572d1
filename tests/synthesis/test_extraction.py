"""One question at a time: what is asked, and how the answers are put together."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.reader import extraction

from labkit.prompts import REFUSAL, Passage

PAGE = Passage("Register extract: Larch Ltd", "Larch Ltd sits in Leeds. It was called Fir Ltd and Elm Ltd.")


class Stub:
    """Answers the question that holds a word with the reply to that word, and refuses the others."""

    max_length = 100

    def __init__(self, replies: dict[str, str]) -> None:
        self.replies, self.asked = replies, []

    def _reply(self, chat) -> str:
        question = chat[-1]["content"].rsplit("\n", 1)[-1]
        self.asked.append(question)
        return next((reply for word, reply in self.replies.items() if word in question), REFUSAL)

    def generate(self, chats, progress=False):
        return [self._reply(chat) for chat in chats]

    def log_likelihood(self, chats, replies):
        assert set(replies) == {REFUSAL}
        return np.array([-0.1 if self._reply(chat) == REFUSAL else -3.0 for chat in chats])

    def count_tokens(self, chat):
        return len(chat[-1]["content"].split())

    def room(self):
        return self.max_length


@pytest.mark.parametrize(
    ("field", "asked"),
    [("Payment term", "What is the payment term?"), ("VAT rate", "What is the VAT rate?"), ("x", "What is the x?")],
)
def test_a_field_becomes_a_question(field, asked):
    assert extraction.question_for(field) == asked


def test_a_field_without_a_name_is_refused():
    with pytest.raises(ValueError, match="has no name"):
        extraction.read_fields(Stub({}), [([PAGE], ["seat", " "])])


def test_a_term_sheet_holds_every_field_in_order():
    stub = Stub({"seat": "Leeds [1]"})
    values = extraction.read_fields(stub, [([PAGE], ["Law", "Seat"]), ([PAGE], [])])
    assert stub.asked == ["Question: What is the law?", "Question: What is the seat?"]
    assert extraction.term_sheet(values[0]) == "Law: not stated\nSeat: Leeds"
    assert extraction.parse_fields(extraction.term_sheet(values[0])) == {"Law": "not stated", "Seat": "Leeds"}
    assert values[1] == {}


def test_the_fields_of_a_reply_are_read_leniently():
    read = extraction.parse_fields("**Term:** 3 years\n- **Law:** Norway: all\nnoise")
    assert read == {"Term": "3 years", "Law": "Norway: all"}


def test_passages_that_do_not_fit_are_left_out():
    stub = Stub({"seat": "Leeds [1]"})
    stub.max_length = 30
    long = Passage("Annex", "word " * 50)
    assert extraction.read_fields(stub, [([PAGE, long], ["seat"])])[0]["seat"].text == "Leeds"


def test_each_part_of_an_answer_is_a_triple():
    stub = Stub({"seat": "Leeds [1]", "former name": "Fir Ltd [1]; Elm Ltd [1]"})
    read = extraction.read_triples(stub, [(PAGE, ["seat", "parent company", "former name"], "Larch Ltd")])
    assert read == [[("Larch Ltd", "seat", "Leeds"), ("Larch Ltd", "former name", "Fir Ltd"),
                     ("Larch Ltd", "former name", "Elm Ltd")]]  # fmt: skip


def test_a_clause_falls_under_the_rule_whose_question_it_answers():
    stub = Stub({"payment term": "30 days [1]", "Clause:": "Payment term, high"})
    rules = [("Assignment", "Always low."), ("Payment term", "Over 20 days high.")]
    assert extraction.classify_by_asking(stub, [("Pay in 30 days.", rules)]) == [("Payment term", "high")]
    with pytest.raises(ValueError, match="no rules"):
        extraction.classify_by_asking(stub, [("Pay in 30 days.", [])])
