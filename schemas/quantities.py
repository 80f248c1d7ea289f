"""Quantities as people write them: memory and CPU in Kubernetes notation, durations such as 30s or 1h."""

import re
from fractions import Fraction
from functools import lru_cache

_MEMORY_FACTORS: dict[str, int] = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
}
_DURATION_SECONDS: dict[str, Fraction] = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}

_MEMORY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?", re.ASCII)
_CPU = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(m)?", re.ASCII)
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)

MOST_MEMORY = 2**50
MOST_CPU = 10**7


class InvalidQuantity(ValueError):
    """A quantity that cannot be read; the text says what is expected, `suggestion` what was likely meant."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def parse_memory(value: object) -> int:
    """Return bytes of `512Mi`, `1.5G` or a plain number of bytes. Raises InvalidQuantity."""
    return _memory(_text(value))


@lru_cache(maxsize=256)
def _memory(text: str) -> int:
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise InvalidQuantity('expected a size such as "512Mi" or "1G"', _memory_meant(text))
    size = Fraction(match[1]) * _MEMORY_FACTORS[match[2] or ""]
    if size.denominator != 1 or not 0 < size <= MOST_MEMORY:
        raise InvalidQuantity("expected a whole number of bytes above 0 and up to 1Pi")
    return int(size)


def parse_cpu(value: object) -> int:
    """Return millicores of `500m`, `0.5` or `2`. Raises InvalidQuantity."""
    return _cpu(_text(value))


@lru_cache(maxsize=256)
def _cpu(text: str) -> int:
    match = _CPU.fullmatch(text)
    if match is None:
        raise InvalidQuantity('expected a share of CPU such as "500m" or "0.5"')
    millicores = Fraction(match[1]) * (1 if match[2] else 1000)
    if millicores.denominator != 1 or not 0 < millicores <= MOST_CPU:
        raise InvalidQuantity("expected whole millicores (1m and up)")
    return int(millicores)


def parse_duration(value: object) -> float:
    """Return seconds of `30s`, `5m`, `1h30m`, `250ms` or a plain number. Raises InvalidQuantity."""
    return _duration(_text(value))


@lru_cache(maxsize=256)
def _duration(text: str) -> float:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise InvalidQuantity('expected a duration such as "30s", "5m" or "1h"')
    return float(
        sum(Fraction(number) * _DURATION_SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    )


def format_memory(size: int) -> str:
    """Return bytes in the largest binary unit that divides them: 536870912 -> `512Mi`."""
    for unit in ("Pi", "Ti", "Gi", "Mi", "Ki"):
        if size and size % _MEMORY_FACTORS[unit] == 0:
            return f"{size // _MEMORY_FACTORS[unit]}{unit}"
    return str(size)


def format_bytes(size: float) -> str:
    """Return a size as people read it: 67108864 -> `64 MiB`."""
    amount, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:g} {unit}" if amount == round(amount, 2) else f"{amount:.1f} {unit}"


def format_cpu(millicores: int) -> str:
    """Return millicores as `500m`, or as whole cores where they are whole."""
    return str(millicores // 1000) if millicores % 1000 == 0 else f"{millicores}m"


def format_duration(seconds: float) -> str:
    """Return seconds in the largest unit that divides them: 300.0 -> `5m`, 0.25 -> `250ms`."""
    milliseconds = round(seconds * 1000)
    for unit in ("d", "h", "m", "s"):
        length = int(_DURATION_SECONDS[unit] * 1000)
        if milliseconds and milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def _text(value: object) -> str:
    """Return a number or text as one short text; anything else as text that no pattern takes."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "?"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and value.bit_length() > 128:
        return "?"
    return str(value).strip()[:64]


def _memory_meant(text: str) -> str | None:
    """Guess at `512MB`, `512mb`, `512 Mi`: the same with a unit that exists."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)", text, re.ASCII)
    if match is None:
        return None
    unit = match[2].lower().removesuffix("b") if len(match[2]) > 1 else match[2].lower()
    known = {factor.lower(): factor for factor in _MEMORY_FACTORS}
    return match[1] + known[unit] if unit in known else None
