"""waves: requests wait, now less, now more."""
import time

from harness import Clock, patience

SLACK = 0.5                                     # as a quiet machine has it; tests/behaviors/waves.c is exact, with a clock of its own


def trip(client):
    with Clock() as took:
        client.send(b"x")
        assert client.read(1) == b"x"
    return took.seconds


def test_a_square_wave_is_low_then_high(vaurien, backend):
    backend.serve()
    proxy = vaurien(backend=backend)
    client = proxy.client()
    proxy.set("waves", shape="square", period=4, low=0, high=0.5)
    began = time.monotonic()

    def low(end):
        """A trip that begins before that is quick: on a busy machine not each is."""
        return any(trip(client) < 0.5 for _ in iter(lambda: time.monotonic() < end, False))
    assert low(began + 1.5)
    time.sleep(max(0, began + 2.2 - time.monotonic()))
    assert 0.5 <= trip(client) < 0.5 + patience(SLACK)
    time.sleep(max(0, began + 4.2 - time.monotonic()))
    assert low(began + 5.5)


def test_a_saw_rises(vaurien, backend):
    backend.serve()
    proxy = vaurien(backend=backend)
    client = proxy.client()
    proxy.set("waves", shape="saw", period=1000, low=0.1, high=100.1)
    began = time.monotonic()
    assert 0.1 <= trip(client) < 0.1 + patience(SLACK)    # 100 ms for each second since it was set
    time.sleep(1)
    late = 0.1 + 0.1 * (time.monotonic() - began)       # it was set before `began`: never less than this
    assert late <= trip(client) < late + patience(SLACK)


def test_both_directions_of_words(vaurien, backend):
    status, answer = vaurien(backend=backend).api("PUT", "/behavior", {"name": "waves", "shape": "round"})
    assert status == 400
    assert "expected one of sine, square, saw, triangle" in answer["errors"][0]["description"]
