"""Random names and values: companies, people, places, laws, sums, dates, periods.

Everything is drawn from a `random.Random`, so a seed fixes a world. Names are split into two
disjoint halves by a checksum: those with a checksum divisible by eight occur only in held-out worlds.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable

from labkit.values import MONTHS
from synthesis.archive.values import words

_ONSETS = (
    "b br c ch cl d dr f fl g gl gr h j k kl kr l m n p pl pr qu r s sh sk sl st t th tr v w z sv zw y x"
).split()
_VOWELS = "a e i o u a e i o ai ea ee io ou ia y au ei".split()
_CODAS = ["", "", "", "n", "r", "l", "s", "x", "t", "m", "nd", "rn", "st", "ck", "lt", "rk", "v", "th"]
_FRONT = (
    "Bright North South East West Green Black White Silver Gold Red Blue Stone Wood River Lake Hill Oak Elm "
    "Ash Iron Steel Copper Clear High Long Broad Fair Wind Sun Moon Star Sea Storm Snow Frost Fox Wolf Hawk "
    "Raven Swan Eagle Lark Thorn Rose Marsh Moor Glen Kings Queens Bishop Market Mill Bridge Harbour Castle "
    "Amber Crystal Summit Alder Birch Cedar Maple Willow Hazel Heath Clay Sand Salt Spring Summer Winter"
).split()
_BACK = (
    "field water wood ford bridge ton ham well stone gate wick land mere brook haven mouth side port crest "
    "point line path way works hall court house dale den burn bank cliff view mark lock shore wright man"
).split()
_INDUSTRY = (
    "Logistics Analytics Foods Systems Energy Partners Holdings Software Textiles Packaging Shipping Medical "
    "Pharma Chemicals Robotics Networks Media Design Consulting Engineering Instruments Materials Motors "
    "Optics Plastics Power Printing Rail Research Retail Security Services Solutions Steel Storage Studios "
    "Technologies Telecom Timber Tools Trading Transport Ventures Water Wines Capital Insurance Farms Dairy "
    "Biotech Aviation Marine Construction Furniture Publishing Hosting Cloud Data Labs Kitchens Interiors "
    "Ceramics Paper Batteries Sensors Freight Catering Cleaning Staffing Education Travel Hotels Toys Seeds"
).split()
_LEGAL = (
    "Ltd|Limited|plc|LLP|Inc.|Inc|Corp.|Corporation|LLC|GmbH|AG|KG|S.A.|SAS|S.r.l.|S.p.A.|B.V.|N.V.|AB|AS|A/S|"
    "Oy|Pty Ltd|Co.|Group|Sp. z o.o.|s.r.o.|Kft.|Lda|SE|Pte. Ltd.|K.K.|Company|Co. Ltd|Cooperative"
).split("|")
_FIRST = (
    "Anna Ben Clara David Emma Felix Grace Henry Ines Jonas Karen Lukas Maria Nadia Oliver Paula Quentin Rosa "
    "Samuel Tessa Ursula Victor Wendy Xavier Yara Zoe Adil Bianca Carlos Diana Erik Fatima Georg Hannah Ivan "
    "Julia Kofi Leila Marco Nina Omar Petra Rafael Sofia Tomas Uma Vera Walter Ximena Yusuf Zara Agnes Bruno "
    "Chiara Dmitri Elena Farid Gudrun Hugo Irina Jamal Katya Liam Mei Noah Olga Pablo Rania Stefan Thandi "
    "Ulrich Valeria Wojciech Yuki Alistair Beatrice Connor Deepa Edmund Fiona Gareth Hiroshi Isabel Jerome "
    "Kavita Lorenzo Miriam Nikolai Ophelia Priya Ravi Siobhan Tariq Viola Amelia Arthur Martha Simon Judith "
    "Peter Helen Robert Susan Michael Laura James Alice Daniel Ruth Thomas Joan Philip Nora Andrew Sarah"
).split()
_LAST = (
    "Adler Bauer Carter Dubois Evans Ferrari Gupta Hansen Ito Jensen Kowalski Lopez Moreau Novak Okafor Patel "
    "Quinn Rossi Schmidt Tanaka Ueda Varga Weber Xu Yilmaz Zimmer Andersson Bianchi Chen Delgado Eriksen "
    "Fischer Garcia Haddad Ivanova Jankowski Keller Lindqvist Mbeki Nakamura Oliveira Petrov Ramirez Santos "
    "Thompson Usman Vogel Walker Yamada Zhang Ashworth Blackwood Crane Dawson Ellery Fairbank Goodwin Harlow "
    "Ingram Jarvis Kerr Langley Marsden Norwood Osborne Prescott Radcliffe Sinclair Thornton Underhill Vance "
    "Whitaker Yates Abara Bello Castellan Darwish Eze Fontaine Grimaldi Holm Iqbal Joubert Kruger Laurent "
    "Mancini Nilsen Ortega Popescu Reyes Silva Traore Vidal Wolff Murphy Fraser Doyle Hughes Price Barnes Cole"
).split()
_CITIES = (
    "London|Paris|Berlin|Madrid|Rome|Vienna|Zurich|Geneva|Stockholm|Oslo|Copenhagen|Helsinki|Dublin|Brussels|"
    "Amsterdam|Rotterdam|Antwerp|Hamburg|Munich|Frankfurt|Cologne|Lyon|Marseille|Milan|Turin|Naples|Lisbon|"
    "Porto|Barcelona|Valencia|Warsaw|Krakow|Prague|Brno|Budapest|Bucharest|Sofia|Athens|Istanbul|Ankara|Cairo|"
    "Lagos|Nairobi|Accra|Johannesburg|Cape Town|Mumbai|Delhi|Chennai|Singapore|Hong Kong|Tokyo|Osaka|Seoul|"
    "Sydney|Melbourne|Perth|Auckland|Wellington|New York|Boston|Chicago|Houston|Dallas|Denver|Seattle|"
    "San Francisco|Los Angeles|Atlanta|Miami|Toronto|Montreal|Vancouver|Calgary|Mexico City|Lima|Bogota|"
    "Santiago|Buenos Aires|Sao Paulo|Manchester|Birmingham|Leeds|Bristol|Cardiff|Edinburgh|Glasgow|Belfast|"
    "Cork|Bergen|Aarhus|Malmo|Gothenburg|Tampere|Tallinn|Riga|Vilnius|Ljubljana|Zagreb|Belgrade|Graz|Basel|"
    "Bern|Lille|Nantes|Bordeaux|Ghent|Utrecht|Eindhoven|Bremen|Leipzig|Dresden|Stuttgart|Seville|Bilbao|Genoa"
).split("|")
_COUNTRIES = [
    tuple(pair.split("/"))
    for pair in (
        "England/English|Scotland/Scottish|Ireland/Irish|France/French|Germany/German|Spain/Spanish|"
        "Italy/Italian|Austria/Austrian|Switzerland/Swiss|Sweden/Swedish|Norway/Norwegian|Denmark/Danish|"
        "Finland/Finnish|Belgium/Belgian|the Netherlands/Dutch|Portugal/Portuguese|Poland/Polish|"
        "the Czech Republic/Czech|Hungary/Hungarian|Romania/Romanian|Greece/Greek|Turkey/Turkish|"
        "Egypt/Egyptian|Kenya/Kenyan|Nigeria/Nigerian|South Africa/South African|India/Indian|Japan/Japanese|"
        "Singapore/Singaporean|South Korea/Korean|Australia/Australian|New Zealand/New Zealand|Canada/Canadian|"
        "Mexico/Mexican|Brazil/Brazilian|Chile/Chilean|Argentina/Argentine|Peru/Peruvian|Estonia/Estonian|"
        "Latvia/Latvian|Lithuania/Lithuanian|Slovenia/Slovenian|Croatia/Croatian|Iceland/Icelandic|"
        "Luxembourg/Luxembourg|Malta/Maltese|Cyprus/Cypriot|Israel/Israeli|Morocco/Moroccan|Ghana/Ghanaian|"
        "Vietnam/Vietnamese|Thailand/Thai|Malaysia/Malaysian|Indonesia/Indonesian|Taiwan/Taiwanese|"
        "Ukraine/Ukrainian|Serbia/Serbian|Bulgaria/Bulgarian|Uruguay/Uruguayan|Colombia/Colombian"
    ).split("|")
]
_STATES = (
    "New York|Delaware|California|Texas|Illinois|Massachusetts|Florida|Ohio|Nevada|Washington|Georgia|Virginia|"
    "Ontario|Quebec|British Columbia|Victoria|New South Wales|Queensland|Bavaria|Wales|Northern Ireland|"
    "Colorado|Oregon|Minnesota|Michigan|Pennsylvania|New Jersey|Maryland|Arizona|Utah"
).split("|")
_PROJECTS = (
    "Falcon Aurora Atlas Beacon Comet Delta Echo Fjord Galaxy Horizon Indigo Jasper Kestrel Lighthouse Meridian "
    "Nimbus Orchid Phoenix Quartz Ranger Saturn Topaz Umbra Vega Walnut Xenon Yonder Zephyr Pelican Granite "
    "Lantern Compass Harvest Magnet Otter Pepper Rocket Saffron Tulip Violet Anchor Bamboo Cobalt Dolphin Ember "
    "Feather Glacier Heron Ivory Juniper Koala Lotus Mercury Neptune Opal Puffin Raven Sparrow Tiger Walrus"
).split()
# What a contract is about: a thing, what is done with it, where or for what.
_GOODS = (
    "boilers|cables|valves|uniforms|tents|drones|batteries|roof tiles|school books|spare tyres|oat flour|timber|paints|"
    "plastic crates|dental tools|bus shelters|parking meters|solar panels|door locks|hearing aids|office chairs|"
    "frozen fish|olive oil|cheese|tea|honey|bricks|steel beams|gravel|lifts|escalators|pumps|scaffolding|seeds|"
    "fertiliser|video clips|podcasts|translations|payroll|invoices|maps|museum tickets|ferry bookings|loyalty cards|"
    "fire alarms|street lamps|wind turbines|laboratory samples|blood tests|cattle feed|wool|carpets|mattresses|lorries|"
    "rail wagons|bicycles|canoes|toys|board games|shampoo|candles|soap|glass jars|cardboard boxes|water filters"
).split("|")
_DEEDS = (
    "delivery of|repair of|cleaning of|sale of|printing of|storage of|design of|testing of|rental of|transport of|"
    "packing of|inspection of|production of|recycling of|tracking of|purchase of|assembly of|exchange of"
).split("|")
_WHERE = (
    "at the airport|for three hospitals|in the old harbour|for the city council|in mountain villages|at the race track|"
    "for a chain of bakeries|on the west coast|for the national archive|at two ski resorts|for the fire brigade|"
    "in the cathedral quarter|for a film studio|at the chemical works|for the summer season|in all branches|"
    "for the tram network|at the zoo|for night shifts|for rural clinics|in the river port|for export|"
    "for the opera house|at the new stadium|for nurseries|in the shipyard|for online customers|at motorway stations|"
    "for the university"
).split("|")
_STREETS = "Street|Road|Lane|Avenue|Square|Quay|Way|Close|Park|Terrace".split("|")
CURRENCIES = [
    ("EUR", "€", "euros"), ("USD", "$", "dollars"), ("GBP", "£", "pounds"), ("CHF", "CHF ", "Swiss francs"),
    ("SEK", "SEK ", "kronor"), ("JPY", "¥", "yen"), ("CAD", "CA$", "Canadian dollars"),
    ("AUD", "A$", "Australian dollars"), ("NOK", "NOK ", "kroner"), ("DKK", "DKK ", "kroner"),
    ("INR", "INR ", "rupees"), ("SGD", "S$", "Singapore dollars"), ("PLN", "PLN ", "zloty"),
]  # fmt: skip
_DAYS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15, 16, 18, 20, 21, 25, 28, 30, 31, 35, 40, 42, 45, 50, 56, 60, 70, 75,
         80, 84, 90, 100, 110, 120, 150, 180, 200, 270, 360, 365)  # fmt: skip


class Names:
    """Draws names and values from `rng`; `heldout` chooses which half of the made-up names is used."""

    def __init__(self, rng: random.Random, heldout: bool = False) -> None:
        self.rng = rng
        self.heldout = heldout

    def _split(self, make: Callable[[], str]) -> str:
        """Draw with `make` until the name falls on this side of the split."""
        while True:
            name = make()
            if (zlib.crc32(name.encode()) % 8 == 0) == self.heldout:
                return name

    def syllables(self) -> str:
        """A made-up word of two or three syllables, capitalised."""
        rng = self.rng
        count = 2 if rng.random() < 0.75 else 3
        parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(count)]
        return ("".join(parts) + rng.choice(_CODAS)).capitalize()

    def _stem(self) -> str:
        rng, roll = self.rng, self.rng.random()
        if roll < 0.30:
            return self.syllables()
        if roll < 0.58:
            return rng.choice(_FRONT) + rng.choice(_BACK)
        if roll < 0.70:
            return f"{rng.choice(_FRONT)} {rng.choice(_PROJECTS + _FRONT)}"
        if roll < 0.80:
            return f"{rng.choice(_LAST)} {rng.choice(['&', 'and'])} {rng.choice(_LAST)}"
        if roll < 0.90:
            return rng.choice(_LAST)
        if roll < 0.95:
            return "".join(rng.choice("ABCDEFGHIKLMNOPRSTVWXZ") for _ in range(3))
        return f"{rng.choice(_PROJECTS)}{rng.choice(['tec', 'soft', 'bank', 'line', 'works', 'net', 'med'])}"

    def company(self) -> tuple[str, str]:
        """A company: (full name, short name); the short name starts the full one."""
        rng = self.rng
        stem = self._split(self._stem)
        short = f"{stem} {rng.choice(_INDUSTRY)}" if rng.random() < 0.62 else stem
        full = short if rng.random() < 0.15 else f"{short} {rng.choice(_LEGAL)}"
        return full, (short if rng.random() < 0.5 else stem)

    def person(self) -> str:
        """A person's name, sometimes with initial or title."""
        rng = self.rng

        def make() -> str:
            first = rng.choice(_FIRST) if rng.random() < 0.8 else self.syllables()
            last = rng.choice(_LAST) if rng.random() < 0.7 else self.syllables()
            return f"{first} {last}"

        name = self._split(make)
        roll = rng.random()
        if roll < 0.06:
            return rng.choice(["Dr ", "Ms ", "Mr ", "Mrs ", "Prof. "]) + name
        if roll < 0.10:
            first, last = name.split(" ", 1)
            return f"{first} {rng.choice('ABCDEFGHJKLMNPRSTW')}. {last}"
        return name

    def place(self) -> str:
        """A town or city, real or made up."""
        rng = self.rng
        if rng.random() < 0.6:
            return rng.choice(_CITIES)
        return self._split(lambda: self.syllables() if rng.random() < 0.5 else rng.choice(_FRONT) + rng.choice(_BACK))

    def country(self) -> str:
        """A country."""
        return self.rng.choice(_COUNTRIES)[0]

    def law(self) -> str:
        """A legal system ("Norwegian law", "the law of Ontario")."""
        rng = self.rng
        country, adjective = rng.choice(_COUNTRIES)
        roll = rng.random()
        if roll < 0.45:
            return f"{adjective} law"
        if roll < 0.70:
            return f"the {rng.choice(['law', 'laws'])} of {country}"
        if roll < 0.9:
            return f"the {rng.choice(['law', 'laws'])} of {rng.choice(['', '', 'the State of '])}{rng.choice(_STATES)}"
        return f"{rng.choice(_STATES)} law"

    def project(self) -> str:
        """A project's nickname."""
        rng = self.rng
        return self._split(
            lambda: (
                rng.choice(_PROJECTS)
                if rng.random() < 0.5
                else self.syllables()
                if rng.random() < 0.7
                else f"{rng.choice(_FRONT)} {rng.choice(_PROJECTS)}"
            )
        )

    def matter(self) -> str:
        """What a contract is about."""
        rng = self.rng
        goods = rng.choice(_GOODS) if rng.random() < 0.7 else f"{rng.choice(_GOODS)} and {rng.choice(_GOODS)}"
        deed = f"{rng.choice(_DEEDS)} {goods}" if rng.random() < 0.5 else goods
        return f"{deed} {rng.choice(_WHERE)}" if rng.random() < 0.7 else deed

    def address(self) -> str:
        """A street address with a town."""
        rng = self.rng
        return f"{rng.randint(1, 180)} {rng.choice(_FRONT + _LAST)} {rng.choice(_STREETS)}, {self.place()}"

    def date(self) -> str:
        """A date in one of several forms."""
        rng = self.rng
        day, month, year = rng.randint(1, 28), rng.randrange(12), rng.randint(2008, 2031)
        name = MONTHS[month]
        roll = rng.random()
        if roll < 0.55:
            return f"{day} {name} {year}"
        if roll < 0.75:
            return f"{name} {day}, {year}"
        if roll < 0.82:
            return f"{year}-{month + 1:02d}-{day:02d}"
        if roll < 0.88:
            return f"{day:02d}.{month + 1:02d}.{year}"
        if roll < 0.94:
            return (
                f"{day}{'st' if day in (1, 21) else 'nd' if day in (2, 22) else 'rd' if day in (3, 23) else 'th'}"
                f" {name} {year}"
            )
        return f"{day} {name[:3]} {year}"

    def time(self) -> str:
        """A time of day."""
        rng = self.rng
        hour, minute = rng.randint(0, 23), rng.choice([0, 0, 15, 30, 30, 45])
        if rng.random() < 0.5:
            return f"{hour:02d}:{minute:02d}"
        half = "a.m." if hour < 12 else "p.m."
        shown = (hour - 1) % 12 + 1
        return f"{shown}.{minute:02d} {half}" if minute else f"{shown} {half}"

    def period(self, n: int, unit: str) -> str:
        """A period of `n` units, in figures, in words, or both."""
        roll = self.rng.random()
        unit = unit if n == 1 else unit + "s"
        if roll < 0.55 or n > 999:
            return f"{n} {unit}"
        if roll < 0.75:
            return f"{words(n)} ({n}) {unit}"
        return f"{words(n)} {unit}"

    def days(self) -> str:
        rng = self.rng
        n = rng.choice(_DAYS) if rng.random() < 0.75 else rng.randint(2, 199)
        unit = "calendar day" if rng.random() < 0.1 else "day"
        return self.period(n, unit)

    def months(self) -> str:
        return self.period(self.rng.choice((*range(1, 13), 3, 6, 12, 15, 18, 20, 24, 30, 36, 48, 60)), "month")

    def years(self) -> str:
        return self.period(self.rng.choice((*range(1, 12), 2, 3, 5, 12, 15, 20, 25, 30, 99)), "year")

    def hours(self) -> str:
        return self.period(self.rng.choice((1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 16, 18, 20, 24, 36, 48, 72, 96)), "hour")

    def weeks(self) -> str:
        return self.period(self.rng.choice((*range(1, 17), 2, 4, 6, 8, 18, 20, 24, 26, 30, 52)), "week")

    def business_days(self) -> str:
        rng = self.rng
        unit = rng.choice(["business day", "working day", "business day", "banking day"])
        return self.period(rng.choice((*range(1, 16), 20, 25, 30, 40, 45, 60)), unit)

    def duration(self) -> str:
        """A period in years, months, weeks or days."""
        roll = self.rng.random()
        return (
            self.years()
            if roll < 0.4
            else self.months()
            if roll < 0.75
            else self.weeks()
            if roll < 0.85
            else self.days()
        )

    def percent(self) -> str:
        """A share in one of several forms."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.45:
            number = str(rng.randint(1, 100) if rng.random() < 0.5 else rng.choice((5, 10, 15, 20, 25, 30, 50, 75)))
        elif roll < 0.75:
            number = f"{rng.randint(0, 30)}.{rng.choice((1, 2, 25, 3, 4, 5, 5, 5, 6, 7, 75, 8, 9))}"
        elif roll < 0.85:
            number = f"{rng.randint(95, 99)}.{rng.choice((0, 1, 2, 3, 4, 5, 7, 8, 9, 90, 95, 99, 999))}"
        else:
            n = rng.choice((*range(1, 21), 25, 30, 40, 50, 60, 75, 80, 90))
            tail = rng.choice(["per cent", "percent"])
            return f"{words(n)} {tail}" if rng.random() < 0.6 else f"{words(n)} {tail} ({n}%)"
        return number + rng.choice(["%", "%", "%", " %", " per cent", " percent"])

    def money(self) -> str:
        """A sum in one of several forms."""
        rng = self.rng
        code, sign, plural = rng.choice(CURRENCIES[:3] if rng.random() < 0.7 else CURRENCIES)
        roll = rng.random()
        if roll < 0.2:
            shown = rng.choice([f"{rng.randint(1, 90)}", f"{rng.randint(1, 20)}.{rng.randint(1, 9)}"]) + " million"
        elif roll < 0.3:
            n = rng.choice((1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 50))
            scale = rng.choice(["thousand", "million", "hundred thousand"])
            return f"{words(n if scale != 'hundred thousand' else n % 9 + 1)} {scale} {plural}"
        else:
            size = rng.choice((10, 50, 100, 250, 500, 1000, 1000, 5000, 10_000, 50_000, 100_000, 500_000, 1_000_000))
            n_int = rng.randint(1, 99) * size
            shown = f"{n_int:,}" if rng.random() < 0.85 else str(n_int)
            if n_int < 10_000 and rng.random() < 0.2:
                shown += f".{rng.randint(0, 99):02d}"
        roll = rng.random()
        if roll < 0.45:
            return f"{code} {shown}"
        if roll < 0.70:
            return f"{sign}{shown}"
        return f"{shown} {code}" if roll < 0.85 else f"{shown} {plural}"

    def count(self) -> str:
        """A whole number, in figures or in words."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.4:
            n = rng.randint(2, 20)
        elif roll < 0.75:
            n = rng.randint(2, 99) * rng.choice((1, 5, 10))
        else:
            n = rng.randint(1, 99) * rng.choice((100, 500, 1000))
        if n <= 60 and rng.random() < 0.3:
            return words(n)
        return f"{n:,}"

    def code(self) -> str:
        """A reference such as "KX-4821"."""
        rng = self.rng
        letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.choice((1, 2, 2, 3))))
        digits = "".join(rng.choice("0123456789") for _ in range(rng.choice((3, 4, 4, 5, 6))))
        roll = rng.random()
        if roll < 0.5:
            return f"{letters}-{digits}"
        if roll < 0.7:
            return f"{letters}{digits}"
        return f"{letters}/{digits[:3]}/{rng.randint(10, 29)}" if roll < 0.85 else f"{letters}-{digits[:2]}-{digits}"

    def value(self, kind: str) -> str:
        """A value of `kind`.

        Raises:
            ValueError: the kind is unknown.
        """
        if kind == "company":
            return self.company()[self.rng.random() < 0.4]
        if kind not in KINDS or kind in ("role", "text"):
            raise ValueError(f"No value of kind {kind!r} can be drawn: use one of {', '.join(sorted(KINDS))}.")
        return str(getattr(self, kind)())

    def clause_number(self) -> str:
        """A clause's number ("7.2", "14", "3(b)")."""
        rng, roll = self.rng, self.rng.random()
        first = rng.randint(1, 28)
        if roll < 0.5:
            return str(first)
        return f"{first}.{rng.randint(1, 9)}" if roll < 0.9 else f"{first}({rng.choice('abcdef')})"


KINDS = frozenset(
    "days months years duration hours weeks business_days percent money count date time person company place "
    "country law role code text".split()
)
