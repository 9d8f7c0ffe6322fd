"""Names and numbers as a person reads them; whatever a name holds, the result can be shown."""

# A non-breaking space, and the two joiners that emoji and Persian words need.
_WELCOME = "\u00a0\u200c\u200d"


def printable(text: str) -> str:
    """The text with what cannot be seen or encoded spelled out, a newline as \\n for example.

    Control characters, marks that reverse the writing direction, and the lone surrogates that stand
    for the bytes of a file name that is not UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or letter in _WELCOME
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def short(text: str, width: int = 48) -> str:
    """The printable text in at most `width` characters; what is cut out of its middle becomes …"""
    # Escapes only lengthen: cutting first keeps a name of a million characters cheap.
    if len(text) > 2 * width:
        text = text[:width] + text[-width:]
    text = printable(text)
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def percent(share: float, digits: int = 0) -> str:
    """`98.3 %`; a share that only rounds to 0 or 1 is written `<1 %` or `>99 %`."""
    step = 10.0**-digits
    if 0 < share and round(100 * share, digits) == 0:
        return f"<{step:.{digits}f}\u00a0%"
    if share < 1 and round(100 * share, digits) == 100:
        return f">{100 - step:.{digits}f}\u00a0%"
    return f"{100 * share:.{digits}f}\u00a0%"


def duration(seconds: float) -> str:
    """`0.25 s`, `12.3 s`, `4 min 5 s`, `2 h 3 min`."""
    if seconds < 59.95:
        return f"{seconds:.{2 if seconds < 0.995 else 1}f}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min {rest}\u00a0s"
    return f"{minutes // 60}\u00a0h {minutes % 60}\u00a0min"


def listed(words: list[str], most: int = 5) -> str:
    """`a, b and c`; beyond `most` words, `a, b, c, d, e and 7 more`."""
    if len(words) > most:
        words = [*words[:most], f"{len(words) - most:,} more"]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
