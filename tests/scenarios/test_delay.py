"""delay: each round trip takes longer, once."""
from harness import SAN, Clock

SLACK = 1.0 if SAN else 0.15            # what a busy machine may add


def about(seconds, expected):
    return expected - 0.005 < seconds < expected + SLACK


def test_once_per_round_trip(vaurien, backend):
    backend.serve()
    client = vaurien("--behavior", "delay", "--behavior-delay-sleep", 0.2, backend=backend).client()
    for _ in range(3):
        with Clock() as took:
            client.send(b"ping")
            assert client.read(4) == b"ping"
        assert about(took.seconds, 0.2), took.seconds


def test_before_holds_the_request_after_holds_the_answer(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)

    proxy.set("delay", sleep=0.3, before=True)
    client.send(b"q")
    with Clock() as took:
        assert server.read(1) == b"q"
    assert about(took.seconds, 0.3), took.seconds
    server.send(b"a")
    with Clock() as took:
        assert client.read(1) == b"a"
    assert took.seconds < SLACK

    proxy.set("delay", sleep=0.3, before=False)
    client.send(b"q")
    with Clock() as took:
        assert server.read(1) == b"q"
    assert took.seconds < SLACK
    server.send(b"a")
    with Clock() as took:
        assert client.read(1) == b"a"
    assert about(took.seconds, 0.3), took.seconds


def test_waits_overlap(vaurien, backend):
    """A hundred chunks that follow one another are all late by the same 0.2 s."""
    proxy = vaurien(backend=backend).set("delay", sleep=0.2)
    client, server = proxy.meet(backend)
    with Clock() as took:
        for i in range(100):
            client.send(b"%03d " % i)
        assert server.read(400) == b"".join(b"%03d " % i for i in range(100))
    assert about(took.seconds, 0.2), took.seconds


def test_a_change_takes_back_what_is_left_of_the_wait(vaurien, backend):
    proxy = vaurien(backend=backend).set("delay", sleep=60)
    client, server = proxy.meet(backend)
    client.send(b"soon")
    assert server.silent(0.2)
    proxy.set("dummy")
    with Clock() as took:
        assert server.read(4) == b"soon"
    assert took.seconds < SLACK


def test_options_through_the_api_are_in_force(vaurien, backend):
    proxy = vaurien(backend=backend).set("delay", sleep=0.25)
    status, answer = proxy.api("GET", "/behavior")
    assert status == 200
    assert answer["behavior"] == "delay"
    assert answer["options"]["sleep"] == 0.25
    assert answer["options"]["before"] is True


def test_an_unknown_option_changes_nothing(vaurien, backend):
    proxy = vaurien(backend=backend).set("delay", sleep=0.25)
    for wrong in ({"sloop": 1}, {"sleep": "abc"}, {"sleep": -1}):
        status, answer = proxy.api("PUT", "/behavior", dict(wrong, name="delay"))
        assert status == 400
        assert answer["status"] == "error"
        assert answer["errors"][0]["name"] == list(wrong)[0]
    assert proxy.api("GET", "/behavior")[1]["options"]["sleep"] == 0.25
