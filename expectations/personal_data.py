"""A small rule set that recognises personal data in text columns that nobody marked as such.

The patterns are strict, and numbers with check digits are verified (IBAN: ISO 7064 mod 97-10; payment cards: ISO/IEC
7812-1, Luhn), because a false alarm every night is read by nobody. Names and addresses are not found this way: mark
them in the declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Values are looked at up to here: free text may be megabytes long.
LOOKED_AT = 1000
# Fewer characters are none of the kinds below.
_SHORTEST = 7
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"


@dataclass(frozen=True)
class PiiKind:
    """One kind of personal data.

    Attributes:
        pattern: Java regular expression; it need match a part of the value only.
        proof: SQL predicate on ``{found}``, the matching part: its check digits. None: the pattern is proof enough.
        sure: so unlikely by chance that a single value is a finding.
        hint: SQL predicate on ``{text}`` that is cheap, and true of whatever fits the pattern.
    """

    name: str
    label: str
    pattern: str
    hint: str
    proof: str | None = None
    sure: bool = False


def _luhn(found: str) -> str:
    digits = f"regexp_replace({found}, '[^0-9]', '')"
    digit = f"try_cast(substring({digits}, length({digits}) + 1 - i, 1) AS int)"
    return (
        f"aggregate(sequence(1, length({digits})), 0, (sum, i) -> "
        f"sum + {digit} * (2 - i % 2) - IF(i % 2 = 0 AND {digit} > 4, 9, 0)) % 10 = 0"
    )


def _mod_97(found: str) -> str:
    text = f"replace({found}, ' ', '')"
    moved = f"concat(substring({text}, 5), substring({text}, 1, 4))"
    value = f"(instr('{_LETTERS}', substring({moved}, i, 1)) - 1)"
    return (
        f"aggregate(sequence(1, length({moved})), 0, (rest, i) -> (rest * IF({value} > 9, 100, 10) + {value}) % 97) = 1"
    )


KINDS_OF_PII = (
    PiiKind(
        "email",
        "e-mail addresses",
        r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b",
        sure=True,
        hint="contains({text}, '@')",
    ),
    PiiKind(
        "iban",
        "bank accounts (IBAN)",
        r"\b[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)\b",
        proof=_mod_97("{found}"),
        sure=True,
        hint="length({text}) >= 15",
    ),
    PiiKind(
        "card",
        "payment cards",
        r"(?<![0-9A-Za-z.-])(?:(?:4[0-9]{3}|5[1-5][0-9]{2}|2[2-7][0-9]{2}|6011|65[0-9]{2}|35[0-9]{2})"
        r"(?:[ -]?[0-9]{4}){3}"
        r"|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5})(?![0-9A-Za-z-])",
        proof=_luhn("{found}"),
        sure=True,
        hint="length({text}) >= 15",
    ),
    PiiKind(
        "ssn",
        "US social security numbers",
        r"(?<![0-9A-Za-z-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9A-Za-z-])",
        hint="length({text}) >= 11 AND contains({text}, '-')",
    ),
    PiiKind(
        "phone",
        "phone numbers",
        # International with +, or North American with its punctuation. Bare digits are as often a number of anything.
        r"(?<![0-9A-Za-z+.])(?:\+[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,4}\)[ .-]?)?[0-9]{2,5}(?:[ .-]?[0-9]{2,5}){1,4}"
        r"|(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[.-])[2-9][0-9]{2}[.-][0-9]{4})(?![0-9A-Za-z]|[.-][0-9])",
        hint="length({text}) >= 9 AND (contains({text}, '+') OR contains({text}, '-') OR contains({text}, '.'))",
    ),
    PiiKind(
        "ipv4",
        "IP addresses",
        rf"(?<![0-9A-Za-z.])(?!0\.|127\.){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9A-Za-z]|\.[0-9])",
        hint="contains({text}, '.')",
    ),
)
# A value that fits the pattern of a kind and lacks its check digits.
UNPROVEN = "not_"
# Unsure kinds are a finding from this share of a column's values, or from this number of them.
NOTABLE_SHARE = 0.005
NOTABLE_COUNT = 100


def kind_of(text: str) -> str:
    """SQL that gives the kind of a text's first match, by name, or null.

    Args:
        text: name of a text column that holds at most ``LOOKED_AT`` characters.
    """
    cases = []
    for kind in KINDS_OF_PII:
        fits = f"{kind.hint.format(text=text)} AND {text} RLIKE {_literal(kind.pattern)}"
        if kind.proof is None:
            cases.append(f"WHEN {fits} THEN '{kind.name}'")
        else:
            proof = kind.proof.format(found=f"regexp_extract({text}, {_literal(kind.pattern)}, 0)")
            cases.append(f"WHEN {fits} THEN IF({proof}, '{kind.name}', '{UNPROVEN}{kind.name}')")
    return f"CASE WHEN {text} IS NULL OR length({text}) < {_SHORTEST} THEN NULL {' '.join(cases)} END"


def outcomes() -> list[str]:
    """All that `kind_of` may say."""
    return [kind.name for kind in KINDS_OF_PII] + [f"{UNPROVEN}{kind.name}" for kind in KINDS_OF_PII if kind.proof]


def findings(counts: Mapping[str, int], values: int) -> dict[str, int]:
    """Which kinds a column is said to hold, by name, with the number of its values.

    Args:
        counts: number of values by what `kind_of` said.
        values: number of values that are not null.
    """
    return {
        kind.name: found
        for kind in KINDS_OF_PII
        if (found := counts.get(kind.name, 0))
        # One in ten (Luhn) or a hundred (mod 97) numbers has right check digits by chance.
        and found >= counts.get(f"{UNPROVEN}{kind.name}", 0)
        and (kind.sure or found >= NOTABLE_COUNT or found >= NOTABLE_SHARE * values)
    }


def label(kind: str) -> str:
    """A kind in words."""
    return next(known.label for known in KINDS_OF_PII if known.name == kind)


def _literal(pattern: str) -> str:
    return "r'" + pattern + "'"
