"""Amounts of trading as a terminal shows them: with sign and unit, and no more digits than they have."""

from cli.output import Cell


def amount(value: float | None, unit: str = "") -> str:
    """Return an amount of money with its unit; "-" where there is none."""
    return "-" if value is None else f"{value:,.2f} {unit}".rstrip()


def gain(value: float | None, unit: str = "") -> Cell:
    """Return what was won or lost, with its sign; a sum that rounds to nothing has none."""
    if value is None:
        return Cell("-")
    shown = round(value, 2)
    text = f"{shown:+,.2f}" if shown else "0.00"
    return Cell(f"{text} {unit}".rstrip(), "green" if shown > 0 else "red" if shown < 0 else None)


def plain(value: float | None) -> str:
    """Return a quantity or a price with at most 8 significant digits."""
    if value is None:
        return "-"
    return f"{value:,.2f}" if abs(value) >= 10_000 else f"{value:.8g}"


def share(value: float | None) -> str:
    """Return a share in percent."""
    return "-" if value is None else f"{value * 100:.1f}%"


def ratio(value: float | None) -> str:
    """Return a ratio with two decimals."""
    return "-" if value is None else f"{value:.2f}"
