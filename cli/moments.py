"""Times as people give them to commands: a span means so long ago."""


def ago_or_time(text: str) -> str:
    """Return "-2h" for "2h"; Unix seconds, RFC 3339 text, "now" and "" as they are."""
    is_span = text[:1].isdigit() and text[-1:].isalpha() and "T" not in text.upper()
    return f"-{text}" if is_span else text
