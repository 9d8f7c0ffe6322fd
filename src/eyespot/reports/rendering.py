"""From a template and values to a page that opens offline and runs nothing."""

import re
from typing import Any
from unicodedata import bidirectional

import jinja2
from markupsafe import Markup, escape

from eyespot.errors import count
from eyespot.reports import drawing
from eyespot.reports.words import duration, listed, percent, printable, short


def rendered(template: str, **values: Any) -> str:
    """The page as HTML. Every string in it is escaped; Markup is trusted."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("eyespot.reports", "."),
        autoescape=True,
        finalize=_finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": short, "percent": percent, "duration": duration}
    environment.filters["quoting"] = _quoting
    environment.globals |= {"count": count, "listed": listed, "colours": drawing.COLOURS}
    return environment.get_template(template).render(**values)


def _quoting(sentence: str) -> Markup:
    """The sentence, escaped; a name in “quotes” that is written from right to left turns no more
    than itself around."""
    return Markup(re.sub("“([^“”]*)”", _isolated, escape(printable(sentence))))


def _isolated(quoted: re.Match[str]) -> str:
    turning = any(bidirectional(letter) in ("R", "AL", "AN") for letter in quoted[1])
    return f"“<bdi>{quoted[1]}</bdi>”" if turning else quoted[0]


def _finalize(value: Any) -> Any:
    # A lone surrogate, as names of files that are not UTF-8 hold, cannot be written at all.
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
