"""Work on many pictures at once comes in order, waits for its reader and ends."""

import os
import threading
import time

import pytest

from eyespot.images.parallel import in_order


def slow_square(item: int) -> int:
    """Later items are done sooner."""
    time.sleep(0.001 * (item % 3 == 0))
    return item**2


@pytest.mark.parametrize("batch", [1, 7])
def test_results_come_in_order(batch: int) -> None:
    assert list(in_order(slow_square, range(100), batch=batch)) == [n**2 for n in range(100)]
    assert list(in_order(slow_square, [], batch=batch)) == []


def test_what_an_item_raises_is_raised_in_its_place() -> None:
    results = in_order(lambda item: 1 // item, [1, 1, 0, 1])

    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize("batch", [1, 16])
def test_few_results_wait_whatever_the_number_of_items(batch: int) -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        return item

    results = in_order(work, range(100_000), batch=batch)
    first = [next(results) for _ in range(10)]
    results.close()  # type: ignore[attr-defined]

    assert first == list(range(10))
    assert len(begun) <= 10 + (4 * (os.cpu_count() or 1) + 1) * batch


def test_no_thread_outlives_the_reading() -> None:
    before = threading.active_count()
    results = in_order(slow_square, range(50))
    next(results)
    results.close()  # type: ignore[attr-defined]

    until = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before  # an earlier reading may still have been ending


def test_a_reading_can_be_left_behind_inside_a_threads_start() -> None:
    """The garbage collector may do so while it holds the lock that a thread needs to end."""
    results = in_order(slow_square, range(50))
    next(results)

    def leave() -> None:
        with threading._active_limbo_lock:  # type: ignore[attr-defined]
            results.close()  # type: ignore[attr-defined]

    leaving = threading.Thread(target=leave, daemon=True)
    leaving.start()
    leaving.join(timeout=30)

    assert not leaving.is_alive()
