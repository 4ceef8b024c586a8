"""The harness: how long tests wait follows what the machine shows, and on a quiet one it is exact."""
import collections
import time

import pytest

import harness
from harness import SAN, Deadline, Machine, patience, until

ONCE = 2 if SAN else 1


class Told(Machine):
    """A machine that has shown just this; it measures nothing."""

    def __init__(self, *seen):
        self.start = lambda: None
        super().__init__()
        self.seen = collections.deque((time.monotonic(), slow) for slow in seen)


@pytest.mark.parametrize("seen, factor", [([0.0], 1), ([0.5, 1.0, 1.99], 1), ([1, 2.0, 1], 2), ([0.1, 3.7, 2], 3), ([500], Machine.WORST)])
def test_the_worst_of_late_counts(monkeypatch, seen, factor):
    monkeypatch.setattr(harness, "machine", Told(*seen))
    assert patience(4) == 4 * factor * ONCE and patience() == 15 * factor * ONCE


def test_a_deadline_moves_away_and_never_comes_nearer(monkeypatch):
    monkeypatch.setattr(harness, "machine", Told(1))
    deadline = Deadline(10)
    assert 9 < deadline.left() / ONCE <= 10
    monkeypatch.setattr(harness, "machine", Told(4))
    assert 39 < deadline.left() / ONCE <= 40
    monkeypatch.setattr(harness, "machine", Told(1))
    assert 38 < deadline.left() / ONCE <= 40 and not deadline.passed()


def test_what_does_not_come_is_a_failure(monkeypatch):
    monkeypatch.setattr(harness, "machine", Told(2))
    with harness.Clock() as took, pytest.raises(pytest.fail.Exception, match="in vain for a miracle"):
        until(lambda: False, 0.1, "a miracle")
    assert took.seconds >= 0.2 * ONCE


def test_it_is_measured():
    """By a thread of its own, once a second."""
    machine, begun = harness.machine, time.monotonic()
    until(lambda: machine.seen[-1][0] > begun, what="a measure")
    assert machine.seen[-1][1] >= 0 and machine.is_alive()
    assert machine.seen[0][0] >= machine.seen[-1][0] - machine.MEMORY
