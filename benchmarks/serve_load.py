"""Whether `eyespot serve` answers 64 clients right, fast and in bounded memory.

    python benchmarks/serve_load.py --model mnist.onnx

10,000 requests with the test images of MNIST as PNG, 5 % of them garbage, from 64 connections of
one other process, after 1,000 to warm up. Every answer is held against what `predict` says of the
same bytes; the speed against a loop over the same pictures with the same model in one process that
has all cores for itself, decoding included: a picture at a time ("bare") and 16 at a time, before
and after. Then 300 connections send half a request and nothing more: how fast /health answers
meanwhile, and when the server closes each.

Prints a table and writes serve_load.json. Ends with code 1 if an answer was wrong, a status was
neither right nor 503, or a half-open connection outlived its deadline.
"""

import argparse
import asyncio
import contextlib
import io
import json
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from PIL import Image

from eyespot.data import read
from eyespot.models.loading import load
from eyespot.models.predict import prepared
from eyespot.serving.limits import Limits
from eyespot.values.model import Model
from eyespot.values.predictions import Prediction

WARM_UP = 1000
HALF_OPEN = 300
TOLERANCE = 1e-6  # of a probability
SLACK = 2.0  # seconds after its deadline in which a connection has to be closed


@dataclass
class Load:
    """What one process of clients saw. seconds: of each request."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    largest: float = 0.0  # difference of a probability
    busy: int = 0  # answers 503, after which the client came again
    duration: float = 0.0


def pictures(num: int) -> list[bytes]:
    """PNGs of the first test images of MNIST."""
    data = read("mnist")
    parts = data.parts or ()
    rows = [row for row, part in enumerate(parts) if part == "test"][:num]
    found = []
    for row in rows:
        file = io.BytesIO()
        Image.fromarray(np.asarray(data.images[row]).squeeze()).save(file, "PNG")
        found.append(file.getvalue())
    return found


def garbage(num: int, good: list[bytes]) -> list[bytes]:
    """Bodies that are no picture: noise, cut pictures, nothing, text, other formats' beginnings."""
    random = np.random.default_rng(0)
    kinds = (
        lambda: random.bytes(int(random.integers(1, 5000))),
        lambda: good[int(random.integers(len(good)))][:60],
        lambda: b"",
        lambda: b"<html><script>alert(1)</script></html>",
        lambda: b"\x1f\x8b\x08\0" + random.bytes(200),
        lambda: b"\x89PNG\r\n\x1a\n" + random.bytes(300),
        lambda: b"\xff\xd8\xff\xe0" + random.bytes(300),
        lambda: b"\0" * 100_000,
    )
    return [kinds[number % len(kinds)]() for number in range(num)]


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
) -> tuple[int, bytes]:
    """One request on a connection that stays open."""
    writer.write(
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
    return int(head[9:12]), await reader.readexactly(length)


def judge(load: Load, status: int, data: bytes, said: Prediction | None) -> None:
    """Holds an answer against what `predict` said; None where the body was no picture."""
    load.statuses[status] += 1
    if said is None:
        if not (400 <= status < 500 and list(json.loads(data)) == ["error"]):
            load.wrong.append(f"garbage got {status} {data[:100]!r}")
        return
    answer = json.loads(data) if status == 200 else {}
    if (answer.get("label"), answer.get("unknown")) != (said.label, said.unknown):
        load.wrong.append(f"{said.label} got {status} {data[:100]!r}")
        return
    load.largest = max(load.largest, abs(answer["probability"] - said.probability))


def clients(port: int, work: list[tuple[bytes, Prediction | None]], num: int) -> Load:
    """Does the work from so many connections; in a process of its own."""
    load, waiting = Load(), iter(work)

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body, said in waiting:
            begin = time.perf_counter()
            status, data = await ask(reader, writer, body)
            while status == 503:
                load.busy += 1
                await asyncio.sleep(1)
                begin = time.perf_counter()
                status, data = await ask(reader, writer, body)
            load.seconds.append(time.perf_counter() - begin)
            judge(load, status, data, said)
        writer.close()
        await writer.wait_closed()

    async def all_of_them() -> None:
        await asyncio.gather(*(client() for _ in range(num)))

    begin = time.perf_counter()
    asyncio.run(all_of_them())
    load.duration = time.perf_counter() - begin
    return load


def half_open(port: int, num: int, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds that /health took while `num` half requests were open, and after which each ended."""
    ends: list[float] = []
    health: list[float] = []

    async def hang(begin: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-Half: ")
        with contextlib.suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(reader.read(), seconds)
            ends.append(time.perf_counter() - begin)
        writer.close()

    async def all_of_them() -> None:
        begin = time.perf_counter()
        hanging = asyncio.gather(*(hang(begin) for _ in range(num)))
        while not hanging.done():
            await asyncio.sleep(0.1)
            asked = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if b'{"status": "ok"}' in await reader.read():
                health.append(time.perf_counter() - asked)
            writer.close()

    asyncio.run(all_of_them())
    return health, ends


def bare(model: Model, work: list[bytes], *, batch: int = 1) -> float:
    """Pictures a second, so many at a time: decoded, prepared and through the model."""
    begin = time.perf_counter()
    for start in range(0, len(work), batch):
        part = work[start : start + batch]
        model.examine(np.stack([prepared(data, model.preparation) for data in part]))
    return len(work) / (time.perf_counter() - begin)


@contextlib.contextmanager
def server_of(model: Path) -> Iterator[int]:
    """`eyespot serve` in a process of its own; its port."""
    command = [sys.executable, "-m", "eyespot", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        line = process.stderr.readline()
        found = re.search(r":(\d+)/ until", line)
        if not found:
            raise SystemExit(line + process.stderr.read())
        try:
            yield int(found[1])
        finally:
            process.terminate()
            process.communicate(timeout=30)


def resident(port: int) -> int:
    """The server's memory in bytes, as it says itself."""
    text = urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return int(re.search(r"^eyespot_resident_bytes (\d+)$", text, re.MULTILINE)[1])  # type: ignore[index]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--garbage", type=float, default=0.05)
    given = parser.parse_args()

    good = pictures(given.requests)
    model = load(given.model)
    said = model.predict(good)
    num_bad = round(given.garbage * given.requests)
    order = np.random.default_rng(0).permutation(given.requests)
    bad: list[tuple[bytes, Prediction | None]] = [(data, None) for data in garbage(num_bad, good)]
    right = [(good[n % len(good)], said[n % len(good)]) for n in range(given.requests - num_bad)]
    work = [(bad + right)[number] for number in order]
    loops = [(bare(model, good[:2000]), bare(model, good[:2000], batch=16))]
    with (
        server_of(given.model) as port,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        pool.submit(clients, port, work[:WARM_UP], given.clients).result()
        before = resident(port)
        seen = pool.submit(clients, port, work, given.clients).result()
        after = resident(port)
        limit = Limits().header_seconds + SLACK
        health, ends = pool.submit(half_open, port, HALF_OPEN, limit).result()
    loops.append((bare(model, good[:2000]), bare(model, good[:2000], batch=16)))
    speed = sum(seen.statuses.values()) / seen.duration
    single, batched = (statistics.mean(each) for each in zip(*loops, strict=True))
    result = {
        "requests": sum(seen.statuses.values()),
        "statuses": dict(sorted(seen.statuses.items())),
        "busy": seen.busy,
        "wrong": seen.wrong[:10],
        "num_wrong": len(seen.wrong),
        "largest_difference": seen.largest,
        "p50_ms": 1000 * statistics.median(seen.seconds),
        "p99_ms": 1000 * sorted(seen.seconds)[int(0.99 * len(seen.seconds))],
        "requests_per_second": speed,
        "bare_per_second": single,
        "share_of_bare": speed / single,
        "batched_per_second": batched,
        "share_of_batched": speed / batched,
        "loops": loops,
        "resident_mb_before": before / 1e6,
        "resident_mb_after": after / 1e6,
        "health_ms_largest": 1000 * max(health),
        "num_health": len(health),
        "half_open_closed": len(ends),
        "half_open_seconds": [min(ends, default=0), max(ends, default=0)],
    }
    Path("serve_load.json").write_text(json.dumps(result, indent=2) + "\n")
    for key, value in result.items():
        print(f"{key:<20} {value:.4g}" if isinstance(value, float) else f"{key:<20} {value}")
    sound = not seen.wrong and seen.largest <= TOLERANCE and len(ends) == HALF_OPEN
    raise SystemExit(0 if sound else 1)


if __name__ == "__main__":
    main()
