"""Personal data taken out of prompts before a model of others reads them, and put back into its replies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from labkit.prompts import Message

_EMAIL = r"[\w.+'-]*\w@\w[\w-]*(?:\.\w[\w-]*)+"
_BETWEEN = r"(?:[./-]| ?[()]? ?)"
_DIGITS = rf"\(?\d(?:{_BETWEEN}\d){{6,14}}(?!\w|,\d|{_BETWEEN}\d)"
# Not an amount such as +1.250.000.
_PHONE = rf"(?<![\w+])\+(?!\d{{1,3}}(?:\.\d{{3}})+(?![\d.]*\d)){_DIGITS}"
_KINDS = {"EMAIL": "e-mail addresses", "PHONE": "phone numbers", "PERSON": "names"}
_PLACEHOLDER = re.compile(rf"\b(?:{'|'.join(_KINDS)})-\d+\b")
# What may be personal, but is not known for certain.
_UNCERTAIN = {
    "perhaps phone numbers": re.compile(rf"(?<![\w+.,-])\(?0{_DIGITS}"),
    "perhaps names": re.compile(r"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof)\.? (?!PERSON-)[^\W\d_a-z][\w'-]+(?: [^\W\d_a-z][\w'-]+)*"),
}


@dataclass
class PersonalData:
    """Replaces what is certainly personal by placeholders (PERSON-1, EMAIL-1), the same for the same text in a chat.

    Certain are e-mail addresses, phone numbers with a country code (+49 30 1234567), and the names given, written as
    given or in capitals. Anything else stays as it is: other names, surnames alone, national phone numbers, addresses,
    dates of birth. What looks like a name or a number and stays is counted in `report`, so that a person can look.

    Attributes:
        names: of persons, known for certain, such as the officers in a register.
        report: how often what was replaced, and what was left.
    """

    names: Collection[str] = ()
    report: Counter[str] = field(default_factory=Counter, init=False)

    @cached_property
    def _certain(self) -> re.Pattern[str]:
        written = {form for name in self.names if name.strip() for form in (name, name.upper())}
        longest_first = sorted(written, key=lambda name: (-len(name), name))
        names = "|".join(r"\s+".join(map(re.escape, name.split())) for name in longest_first) or r"(?!)"
        return re.compile(rf"(?P<EMAIL>{_EMAIL})|(?P<PHONE>{_PHONE})|(?<!\w)(?P<PERSON>{names})(?!\w)")

    def masked(self, messages: Sequence[Message]) -> tuple[list[Message], dict[str, str]]:
        """A chat without what is certainly personal, and by placeholder what stood there.

        Args:
            messages: the chat.
        """
        taken = {mark for message in messages for mark in _PLACEHOLDER.findall(message["content"])}
        placeholders: dict[str, str] = {}

        def replaced(match: re.Match[str]) -> str:
            kind, text = str(match.lastgroup), " ".join(match[0].split())
            self.report[_KINDS[kind]] += 1
            if text not in placeholders:
                number = 1
                while f"{kind}-{number}" in taken:
                    number += 1
                placeholders[text] = f"{kind}-{number}"
                taken.add(placeholders[text])
            return placeholders[text]

        chat = [message | {"content": self._certain.sub(replaced, message["content"])} for message in messages]
        for kind, pattern in _UNCERTAIN.items():
            left = sum(len(pattern.findall(message["content"])) for message in chat)
            self.report.update({f"{kind}, left": left})
        return chat, {mark: text for text, mark in placeholders.items()}


def restored(reply: str, originals: Mapping[str, str]) -> str:
    """A reply with what stood in the place of the placeholders.

    Args:
        reply: of the model.
        originals: by placeholder, as `PersonalData.masked` gives them.
    """
    return _PLACEHOLDER.sub(lambda mark: originals.get(mark[0], mark[0]), reply)
