"""Replies, taken apart: answers with citations and refusals, lines, triples, verdicts.

The prompts that ask for them are in `labkit.prompts`.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """A model's reply, taken apart.

    Attributes:
        text: the answer without citations; the reply itself where it is a refusal.
        citations: passage numbers named in square brackets, from 1, in order, once each.
        refused: whether the model said that the passages do not hold the answer.
    """

    text: str
    citations: tuple[int, ...]
    refused: bool


_THOUGHT = r"(?:think(?:ing)?|reason(?:ing)?|thoughts?|reflection|scratchpad|analysis)"
_LABEL = r"(?:passages?|sources?|documents?|docs?|excerpts?|contexts?|references?|refs?|citations?)\.?:? ?"
_NUMBERS = rf"#?\d{{1,2}}(?:\s*(?:,|;|&|and|to|[-\u2013\u2014])\s*(?i:{_LABEL})?#?\d{{1,2}})*"
# No citation where a unit follows or, of two digits, a currency precedes: [30] days, USD [50]; but "paid in EUR [1]".
_BRACKETS = re.compile(
    r"(?<![$\u20ac\u00a3])(?!(?<=\b[A-Z]{3} )\[\d\d\])"
    rf"(?:\[\[?\s*\^?(?i:{_LABEL})?({_NUMBERS})\s*\]?\](?:\(#?[^)\s]*\))?|\u3010({_NUMBERS})(?:\u2020[^\u3011]*)?\u3011)"
    r"(?!\s*(?:%|per ?cent|(?:business |working |calendar )?(?:hour|day|week|month|year)s?\b))"
)
_IN_PROSE = re.compile(rf"\b{_LABEL}\[?({_NUMBERS})\b(?![.,]\d|%)", re.IGNORECASE)
_LEADING = r"(?:(?:see|cf\.?|from|in|per|as per|according to|also)\s*)*"
_IN_PARENTHESES = re.compile(rf"\({_LEADING}(?:{_LABEL}(?:{_NUMBERS})?)?[\s,;]*\)", re.IGNORECASE)


def _said(reply: str) -> str:
    """A reply without reasoning, closed or cut off, without markup, and without the words "Answer:" before it."""
    reply = reply.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    reply = re.sub(rf"(?is)<{_THOUGHT}>.*?(?:</{_THOUGHT}>|\Z)|\A.*</{_THOUGHT}>", "", reply)
    reply = re.sub(r"</?(?:answer|response|output|final)>|<\|?\w+\|>|\*\*|__|^#+\s+|`", "", reply, flags=re.MULTILINE)
    reply = re.sub(r"\\boxed\{([^{}]*)\}", r"\1", reply).strip()
    return re.sub(r"\A(?:final |short |the )*answer(?: is)?\s*:\s*", "", reply, flags=re.IGNORECASE)


def _numbers(text: str) -> list[int]:
    """The numbers of a citation: "1, 3-5" is 1, 3, 4, 5."""
    cited: list[int] = []
    for first, last in re.findall(r"(\d+)(?:\s*(?:to|[-\u2013\u2014])\s*#?(\d+))?", text):
        cited += range(int(first), int(last or first) + 1)
    return cited


# What is silent are the passages: "the contract contains no ..." answers a question about the contract.
_GIVEN = r"(?:provided|given|above|supplied|retrieved|available|shared|requested|necessary|needed|required)"
_NOUN = r"(?:texts?|documents?|information|sources?|materials?|content|details?)"
_SOURCES = (
    rf"(?:(?:passages?(?! of)(?: \d+)?|contexts?|excerpts?|snippets?)\b|{_GIVEN} {_NOUN}\b"
    rf"|{_NOUN} (?:that )?(?:you(?:'ve| have)? |was |were |I have )?(?:been )?{_GIVEN}\b(?! by| to))"
)
_NOT = (
    r"(?:\b(?:no|not|none|nothing|neither|never|cannot|dont|unable|lacks?|insufficient|silent|unclear|fails?|impossible|"
    r"absent|missing)\b|n't\b)"
)
_DOES_NOT = r"(?:do|does|did)(?: not|n't)"
_SAY = r"(?:say|state|mention|specify|specifie|indicate|tell|detail|clarify|define|disclose|reveal|identify|list)s?\b"
_KNOWN = (
    r"(?:stated|specified|mentioned|given|provided|available|contained|included|found|known|answered|determined|present|"
    r"said|disclosed|indicated|clear|addressed|covered|listed|identified|possible)\b"
)
_HERE = r" (?:(?:in|from|by|within) the (?:text|document|contract)s?\b|here|anywhere|for this)"
_IS = r"(?: is| are| was| were|'s| can| could|)"
_NONE = (
    r"(?:no|nothing|not enough|insufficient|(?:isn't|is not) (?:any|enough)|"
    rf"(?:{_DOES_NOT}) (?:appear|seem) to be (?:any|enough))"
)
_FACTS = r"(?:information|info|mention|answer|details?|indication|reference|data|context|evidence|idea)\b"
_WAYS = (
    # The passages do not, they say nothing; not in the passages; no passage; not what the passages cover.
    rf"[^,]*?{_SOURCES}(?: (?!that\b|which\b|states?\b|says?\b|sets?\b|specif)[\w,']+){{0,8}}? ?{_NOT}",
    rf"[^,]*?{_SOURCES} \w+ (?:no|nothing)\b",
    rf"(?!.*\b(?:as|accord))[^,]*?{_NOT}.{{0,60}}? (?:in|by|within|from|among|on|using|with|of) (?:\w+ ){{0,3}}?"
    rf"{_SOURCES}",
    rf"(?:no|neither|(?:none|nothing) (?:of|in)) (?:\w+ ){{0,2}}?{_SOURCES}",
    rf"[^,]*?{_NOT}[^,]{{0,40}} {_SOURCES} (?:cover|mention|address|say|contain|discuss|include|provide)",
    # It does not say; the contract is silent.
    rf"(?:(?:the|this|that|these) (?:document|text|source|agreement|contract|clause)s?|it|they|which|) ?{_DOES_NOT}"
    rf"(?: \w+ly)? {_SAY}",
    rf"(?:neither|none) {_SAY}|the (?:agreement|contract|clause)s? (?:is|are) silent\b",
    r"the (?:text|document)s? (?:provides?|gives?|contains?|has) (?:no|nothing)\b",
    # I do not know, I have no idea, I looked but cannot find.
    rf"(?:I|we)\b(?! (?:do not|don't) (?:think|believe|have to))[^,]{{0,40}}?(?:{_NOT}|\bunsure\b|\black\b|"
    r"\bneed (?:more|the|additional)\b)",
    r"(?:do not|don't|dont) know\b|(?:found|saw) (?:no|nothing)\b",
    r"(?:(?:could|can|did)(?: not|n't)|(?:un|not )able to) (?:find|locate|determine|see|answer|say)\b",
    # It is not stated, no such clause is mentioned, the answer is unknown, there is no information.
    rf"(?:it|this|that|(?:the|this|that|such|an?) [\w' -]{{1,60}}?)?{_IS} ?(?:not|n't|cannot)(?: be| been)?(?: \w+ly)? "
    rf"(?:clear\b|{_KNOWN}(?=\W*$|{_HERE}|.* (?:whether|which|who|what|how|when|if)\b))",
    rf"(?:no|nothing)(?: (?!may|shall|must|should)\w+){{0,5}}?{_IS} (?:be )?{_KNOWN}(?=\W*$| (?:about|on|regarding))",
    rf"(?:it|the \w+)(?:{_IS}| remains) ?(?:impossible to|unclear|unknown|not possible to)\b",
    rf"(?:there(?: is|'s|'re| are| was)? )?{_NONE} (?:\w+ )?{_FACTS}"
    r"(?=\W*$| (?:about|on|regarding|of|to|is|was|as|can|that)\b(?! (?:be )?(?:disclosed|confidential)))",
    r"(?:unknown|unspecified|unanswerable|n/?a|not applicable|unclear|can(?:not|'t) (?:say|tell|answer))\W*$",
)
_REFUSES = re.compile(f"(?:{'|'.join(_WAYS)})", re.IGNORECASE)
_LEAD = (
    r"(?:(?:(?:i'm |i am |my )?(?:sorry|afraid|apologies)|unfortunately|regrettably|i apolog|based on|according to|"
    r"from|given|looking|after|having|as|without|in the|hence|therefore|thus|while|upon|regarding)\b[^,.:]*?"
    r"(?:[,.]\s*|(?<=afraid )(?:that )?)|(?:but|however|so|although|though|and|because|since),?\s+|"
    r"[a-z']+(?: [a-z']+){0,3},\s+)*"
)
# What a refusal is wrapped in: what the passages speak of instead, regrets, and offers of help.
_WRAPPING = re.compile(
    rf"(?:\W*$|(?:(?:the |these |\w+ )?{_SOURCES}|they|it) (?:only|just|does|do|mentions?|discuss|covers?|describes?|"
    r"talks?|refers?|relates?|focus|concerns?|address|deals?|outlines?|contains?|is about|are about)|only\b|please|"
    r"i(?:'d|'ll|'ve|'m (?:sorry|happy|afraid)| (?:would|will|can|need|have|am sorry|suggest|regret|apolog\w+))\b|"
    r"(?:(?:could|would|can) )?you\b|if you|let me|feel free|thank|(?:great|good) question|sure\b|certainly|hello|"
    r"hmm|well\b|for (?:more|further)|more |further |additional |to (?:answer|determine|provide)|we (?:would|need)|"
    r"unfortunately|sorry|(?:my )?apolog|based on|looking at|after |as an|without|"
    r"(?:(?:therefore|hence|so|thus|the|final|,| )*answer(?: is)?|note|explanation|reason(?:ing)?|result)\W*$)",
    re.IGNORECASE,
)
_CLAUSES = re.compile(
    r"(?<=[.!?])\s+|\n+|\s*[;:\u2014]\s+|,?\s+(?=(?:but|however|although|though|yet|so|then|whereas)\b)|"
    r",\s+(?=(?:it|passage|which) )",
    re.IGNORECASE,
)


def _refuses(text: str) -> bool:
    """Whether a reply says that it has no answer, and then gives none after all."""
    refused = hedged = False
    for clause in _CLAUSES.split(text):
        plain = " ".join(_BRACKETS.sub("", clause).split()).strip(" \t\"'-*\u2022.[]()")
        core = re.sub(rf"\A{_LEAD}", "", plain, flags=re.IGNORECASE).strip()
        if _REFUSES.match(core) or re.match(r"(?:but|and) (?:not|nothing) (?:the|about|on|when|how|who|what)\b", plain):
            refused, hedged = True, re.search(r"\b(?:direct|explicit|express)ly\b", core) is not None
            continue
        answers = re.search(r"\d|^(?:it|this|that|the answer) (?:is|was|would|appears|seems)\b", core, re.IGNORECASE)
        turns = re.match(r"(?:but|however|so|then|though)\b", plain, re.IGNORECASE)
        wrapped = _WRAPPING.match(core) or _WRAPPING.match(plain)
        if (answers and hedged) or (not wrapped and (answers or turns or not refused)):
            return False
    return refused or not re.search(r"\w", text)


def parse_answer(reply: str) -> Answer:
    """Take a reply apart into answer, citations and refusal; line breaks stay, they part a term sheet's fields.

    Reasoning is left out. Citations are read in brackets, in parentheses and in prose ("passage 2"), which stays.
    """
    said = _said(reply)
    places = [(m.start(), m[1] or m[2]) for m in _BRACKETS.finditer(said)]
    places += [(m.start(), m[1]) for m in _IN_PROSE.finditer(said)]
    citations = tuple(dict.fromkeys(n for _, numbers in sorted(places) for n in _numbers(numbers)))
    text = _IN_PARENTHESES.sub("", _BRACKETS.sub("", said))
    text = re.sub(r"[ \t]+(?=[.,;)](?:\s|$)|\n)", "", re.sub(r"[ \t]+", " ", text)).strip()
    return Answer(text=text, citations=citations, refused=_refuses(said))


def parse_lines(reply: str) -> list[str]:
    """The lines of a reply, without bullets and numbers, each once."""
    lines = [re.sub(r"^\s*(?:[-*\u2022]|\d+[.)])\s+", "", line).strip() for line in _said(reply).splitlines()]
    return list(dict.fromkeys(line for line in lines if line))


def parse_triples(reply: str) -> list[tuple[str, str, str]]:
    """The triples of a reply; lines that are none are left out."""
    rows = [tuple(part.strip() for part in line.split("|")) for line in parse_lines(reply)]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3 and all(row)]


def parse_judgement(reply: str) -> bool | None:
    """True for yes, False for no, None where the reply is neither."""
    word = re.match(r"\W*(yes|no)\b", _said(reply), re.IGNORECASE)
    return None if word is None else word[1].lower() == "yes"


def parse_preference(reply: str) -> str | None:
    """Either "A" or "B", None where the reply is neither."""
    letter = re.match(r"\W*(?:[Aa]nswer\s+)?([AB])\b", _said(reply))
    return None if letter is None else letter[1]


def parse_classification(reply: str) -> tuple[str, str | None]:
    """(category, rating); the rating is None where the reply has none of low, medium, high."""
    said = _said(reply)
    rating = re.search(r",?\s*\b(low|medium|high)\b(?: risk)?\W*$", said, re.IGNORECASE)
    return (said[: rating.start()].strip(), rating[1].lower()) if rating else (said, None)
