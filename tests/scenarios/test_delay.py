"""delay: each round trip takes longer, once."""
from harness import Clock, patience, until

SLACK = 0.15                            # what a machine may add that is not busy; where it is, all is tried again


def takes(expected, story):
    """What is told takes so long, never less; and not longer than that and SLACK, but for a busy machine."""
    took = []

    def one():
        with Clock() as clock:
            story()
        took.append(clock.seconds)
        assert took[-1] >= expected, took
        return took[-1] < expected + SLACK
    until(one, what=lambda: "%s s: %r" % (expected, took))


def passes(sender, receiver, data=b"x"):
    def story():
        sender.send(data)
        assert receiver.read(len(data)) == data
    return story


def test_once_per_round_trip(vaurien, backend):
    backend.serve()
    client = vaurien("--behavior", "delay", "--behavior-delay-sleep", 0.2, backend=backend).client()
    for _ in range(3):
        takes(0.2, passes(client, client, b"ping"))


def test_before_holds_the_request_after_holds_the_answer(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)

    for before, there, back in (True, 0.3, 0), (False, 0, 0.3):
        proxy.set("delay", sleep=0.3, before=before)

        def there_and_back():
            """Of a round trip one way is late, the other is not."""
            took = []
            for sender, receiver in (client, server), (server, client):
                with Clock() as clock:
                    passes(sender, receiver)()
                took.append(clock.seconds)
            assert took[0] >= there and took[1] >= back, took
            return took[0] < there + SLACK and took[1] < back + SLACK
        until(there_and_back, what="%s s there, and %s back" % (there, back))


def test_waits_overlap(vaurien, backend):
    """A hundred chunks that follow one another are all late by the same 0.2 s."""
    proxy = vaurien(backend=backend).set("delay", sleep=0.2)
    client, server = proxy.meet(backend)

    def story():
        for i in range(100):
            client.send(b"%03d " % i)
        assert server.read(400) == b"".join(b"%03d " % i for i in range(100))
        server.send(b"x")
        assert client.read(1) == b"x"
    takes(0.2, story)


def test_a_change_takes_back_what_is_left_of_the_wait(vaurien, backend):
    proxy = vaurien(backend=backend).set("delay", sleep=60)
    client, server = proxy.meet(backend)
    client.send(b"soon")
    assert server.silent(0.2)
    proxy.set("dummy")
    with Clock() as took:
        assert server.read(4) == b"soon"
    assert took.seconds < patience(5)


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
