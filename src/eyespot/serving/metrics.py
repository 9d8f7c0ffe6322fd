"""Numbers about the server, in the text form that Prometheus reads."""

import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from eyespot.serving.limits import Load

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PATHS = ("/", "/predict", "/collect", "/model", "/health", "/metrics", "/openapi.json")


class Metrics:
    """Counts from the start of the server on; used from the event loop alone."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()  # answered, unknown, unreadable
        self.swaps: Counter[str] = Counter()  # done, refused
        self.num_collected = 0
        self._begin = time.time()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[int] = Counter()
        self._total_seconds = 0.0
        self._batches = self._pictures = 0

    def request(self, path: str, status: int, seconds: float) -> None:
        """Counts an answer; the time is kept of predictions."""
        known = path if path in _PATHS else "/page" if path.startswith("/page/") else "other"
        self._requests[known, status] += 1
        if path == "/predict" and status == 200:
            self._seconds[bisect_left(_SECONDS, seconds)] += 1
            self._total_seconds += seconds

    def batch(self, num: int) -> None:
        """Counts a batch of so many pictures."""
        self._batches += 1
        self._pictures += num

    def text(self, load: Load, *, connections: int) -> str:
        """All of it, a line for each number."""
        return "".join(f"{line}\n" for line in self._lines(load, connections))

    def _lines(self, load: Load, connections: int) -> Iterator[str]:
        yield from _head("requests_total", "counter", "Answers to requests, by path and status.")
        for (path, status), num in sorted(self._requests.items()):
            yield f'eyespot_requests_total{{path="{path}",status="{status}"}} {num}'
        yield from _head("predict_seconds", "histogram", "Seconds that an answer took.")
        done = 0
        for number, bound in enumerate(_SECONDS):
            done += self._seconds[number]
            yield f'eyespot_predict_seconds_bucket{{le="{bound:g}"}} {done}'
        done += self._seconds[len(_SECONDS)]
        yield f'eyespot_predict_seconds_bucket{{le="+Inf"}} {done}'
        yield f"eyespot_predict_seconds_sum {self._total_seconds:.6f}"
        yield f"eyespot_predict_seconds_count {done}"
        yield from _head("pictures_total", "counter", "Pictures, by what became of them.")
        for outcome in ("answered", "unknown", "unreadable"):
            yield f'eyespot_pictures_total{{outcome="{outcome}"}} {self.answers[outcome]}'
        yield from _head("model_swaps_total", "counter", "New model files taken or refused.")
        for outcome in ("done", "refused"):
            yield f'eyespot_model_swaps_total{{outcome="{outcome}"}} {self.swaps[outcome]}'
        single = (
            ("batches_total", "counter", "Batches that went through the model.", self._batches),
            ("batched_pictures_total", "counter", "Pictures in these batches.", self._pictures),
            ("collected_total", "counter", "Pictures collected.", self.num_collected),
            ("waiting_pictures", "gauge", "Pictures that wait for an answer.", load.waiting),
            ("held_bytes", "gauge", "Bytes of request bodies in memory.", load.held_bytes),
            ("connections", "gauge", "Open connections.", connections),
            ("start_time_seconds", "gauge", "When the server started.", f"{self._begin:.3f}"),
        )
        for name, kind, words, value in single:
            yield from _head(name, kind, words)
            yield f"eyespot_{name} {value}"
        if (memory := resident_bytes()) is not None:
            yield from _head("resident_bytes", "gauge", "Memory of the server.")
            yield f"eyespot_resident_bytes {memory}"


def resident_bytes() -> int | None:
    """The memory of this process; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _head(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# HELP eyespot_{name} {words}"
    yield f"# TYPE eyespot_{name} {kind}"
