"""Signals that wait until a step is done."""

import signal
import threading

import pytest

from eyespot.line.patience import patient


def test_a_signal_waits_until_it_is_asked_for():
    with pytest.raises(KeyboardInterrupt), patient() as patience:
        assert not patience.over
        signal.raise_signal(signal.SIGINT)
        assert patience.over
        patience.obey()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_is_obeyed_at_once():
    with pytest.raises(KeyboardInterrupt), patient():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it waits")


def test_nothing_is_obeyed_where_nothing_has_come():
    with patient() as patience:
        patience.obey()
        assert not patience.over


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with patient() as patience:
            signal.raise_signal(signal.SIGINT)
            assert not patience.over
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_whoever_handles_a_signal_and_goes_on_can_be_stopped_again():
    come = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: come.append(number))
    try:
        with patient() as patience:
            for num in (1, 2):
                signal.raise_signal(signal.SIGTERM)
                assert (patience.over, len(come)) == (True, num - 1)
                patience.obey()
                assert (patience.over, len(come)) == (False, num)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_of_the_main_thread_there_is_no_patience():
    found = []

    def work():
        with patient() as patience:
            found.append(patience.over)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert found == [False]
