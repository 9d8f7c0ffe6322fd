"""The files of a prediction on a cluster: a part and maybe a quarantine for each portion.

    answers/
      manifest.json            what is asked: model, images, how they are cut
      model.safetensors        the model, for the workers
      part-0000012.parquet     name, label, probability, unknown, refusal
      quarantine-0000012.parquet   name, reason: the pictures of portion 12 that cannot be read
      counts.json              written last, when everything is there, once

A part appears whole or not at all, and says how many pictures went in. Two workers that answer the
same portion write the same bytes to the same name.
"""

import contextlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eyespot.cluster.storage import Place
from eyespot.errors import DataError, EyespotError, UsageError, count
from eyespot.files.atomic import remove_leftovers
from eyespot.files.lock import owned
from eyespot.files.run import Run
from eyespot.models.tables import Result
from eyespot.values.predictions import Prediction

MANIFEST = "manifest.json"
COUNTS = "counts.json"
_PART = re.compile(r"part-(\d{7,})\.parquet")


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How a prediction ended. by_label: answers of each class, the unknown ones apart."""

    num: int
    answered: int
    unknown: int
    quarantined: int
    by_label: dict[str, int]
    parts: int


def write_part(out: Place, number: int, results: Iterable[Result]) -> dict[str, int]:
    """Writes what was said of a portion; how many pictures went in, and were put aside."""
    import pyarrow as pa

    found, broken = [], []
    for result in results:
        if isinstance(result, Prediction):
            found.append(result)
        else:
            broken.append((_text(result[0]), _text(str(result[1]))))
    if broken:
        names, reasons = zip(*broken, strict=True)
        table = pa.table({"name": list(names), "reason": list(reasons)})
        (out / f"quarantine-{number:07}.parquet").write(_bytes(table))
    told = {"num": len(found) + len(broken), "quarantined": len(broken)}
    columns = {
        "name": pa.array([_text(one.name) for one in found], pa.string()),
        "label": pa.array([one.label for one in found], pa.string()),
        "probability": pa.array([one.probability for one in found], pa.float32()),
        "unknown": pa.array([one.unknown for one in found], pa.bool_()),
        "refusal": pa.array([one.refusal for one in found], pa.float32()),
    }
    table = pa.table(columns).replace_schema_metadata({"eyespot": json.dumps(told)})
    (out / f"part-{number:07}.parquet").write(_bytes(table))
    return told


def begin(out: Place, manifest: dict[str, Any]) -> set[int]:
    """Makes the folder, or goes on in it; the numbers of the parts that are there already.

    Raises UsageError where the folder holds something else, or the answers of another question.
    """
    names = {name for name in out.files() if not name.startswith(".")}  # the lock, torn parts
    if not names:
        out.make()
        (out / MANIFEST).write(json.dumps(manifest, indent=2).encode() + b"\n")
        return set()
    before = _manifest(out) if MANIFEST in names else None
    if before is None:
        raise UsageError(f"{out.shown} is already there and not empty; name a new folder")
    changed = sorted(key for key in manifest if before.get(key) != manifest[key])
    if changed:
        raise UsageError(
            f"{out.shown} holds answers to another question, its {' and '.join(changed)} "
            f"{'differs' if len(changed) == 1 else 'differ'}; "
            "name a new folder"
        )
    return numbers(names)


def _manifest(out: Place) -> dict[str, Any] | None:
    """What was asked before; None where the file is somebody else's."""
    try:
        told = json.loads((out / MANIFEST).read())
    except ValueError:
        return None
    return told if isinstance(told, dict) and "eyespot" in told else None


@contextlib.contextmanager
def held(out: Place) -> Iterator[None]:
    """Holds a folder of this machine, which is made if need be; a URL is nobody's to hold.

    Raises ResourceError where another process holds it, or where it cannot be written to.
    """
    if not out.local:
        yield
        return
    path = Path(out.path)
    out.make()
    with owned(Run(path)):
        yield
        remove_leftovers(path)  # of workers that were killed while they wrote


def numbers(names: Iterable[str]) -> set[int]:
    """The portions that have a part among these files."""
    return {int(match[1]) for name in names if (match := _PART.fullmatch(name))}


def counted(out: Place, *, num: int, num_portions: int) -> Counts:
    """What all parts hold together, read from them anew, and written as counts.json.

    Raises EyespotError unless every picture is in exactly one of them.
    """
    there = numbers(out.files())
    wanted = set(range(num_portions))
    if missing := sorted(wanted - there):
        raise EyespotError(
            f"{count(len(missing), 'part')} of {num_portions:,} cannot be found in {out.shown}, "
            f"the first is part {missing[0]}; name a folder that every machine of the cluster "
            "sees, or a URL"
        )
    labels: Counter[str] = Counter()
    unknown = quarantined = answered = went_in = 0
    with ThreadPoolExecutor(8) as pool:
        for told, own, refused in pool.map(lambda number: _read(out, number), sorted(wanted)):
            went_in += told["num"]
            quarantined += told["quarantined"]
            answered += sum(own.values()) + refused
            unknown += refused
            labels += own
    if went_in != num or answered + quarantined != num:
        raise EyespotError(
            f"{num:,} pictures went in, and {answered:,} answers and {quarantined:,} in quarantine "
            f"came out; {out.shown} is not to be trusted, predict into a new folder"
        )
    found = Counts(
        num=num,
        answered=answered,
        unknown=unknown,
        quarantined=quarantined,
        by_label=dict(labels.most_common()),
        parts=num_portions,
    )
    (out / COUNTS).write(json.dumps(vars(found), indent=2).encode() + b"\n")
    return found


def _read(out: Place, number: int) -> tuple[dict[str, int], Counter[str], int]:
    """What a part says went in, its answers by label, and how many are unknown."""
    import pyarrow.parquet as pq

    name = f"part-{number:07}.parquet"
    data = io.BytesIO((out / name).read())
    try:
        table = pq.read_table(data, columns=["label", "unknown"])
        told: dict[str, int] = json.loads(table.schema.metadata[b"eyespot"])
        put_aside = 0
        if told["quarantined"]:
            aside = io.BytesIO((out / f"quarantine-{number:07}.parquet").read())
            put_aside = pq.read_metadata(aside).num_rows
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise DataError(f"{out.shown}/{name} is torn; remove it and predict again") from error
    if put_aside != told["quarantined"]:
        raise DataError(f"{out.shown}/{name} and its quarantine differ; remove it, predict again")
    unknown = table.column("unknown").to_pylist()
    rows = zip(table.column("label").to_pylist(), unknown, strict=True)
    return told, Counter(label for label, refused in rows if not refused), sum(unknown)


def _bytes(table: Any) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _text(name: str) -> str:
    """The name, its bytes that are no UTF-8 written as escapes: Parquet holds Unicode alone."""
    return name.encode("utf-8", "backslashreplace").decode()


def sentences(counts: Counts, *, most: int = 12) -> list[str]:
    """The result in a few lines: how many of each class."""
    lines = [f"{num:>12,}  {label}" for label, num in list(counts.by_label.items())[:most]]
    if (rest := len(counts.by_label) - most) > 0:
        lines.append(f"{'':>12}  and {count(rest, 'class', 'classes')} more")
    return [*lines, *_if(counts.unknown, "unknown"), *_if(counts.quarantined, "in quarantine")]


def _if(num: int, word: str) -> Sequence[str]:
    return [f"{num:>12,}  {word}"] if num else []
