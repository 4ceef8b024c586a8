"""error and transient under tcp, where there are no words: random bytes in the answer's stead or middle."""
import pytest

ANSWER = b"the answer, word for word"


def ask(client, server, answer=ANSWER):
    """One round trip's question and answer; what the client makes of it is the test's."""
    client.send(b"?")
    assert server.read(1) == b"?"
    server.send(answer)


def clean(client, server):
    ask(client, server)
    return client.read(len(ANSWER)) == ANSWER


def test_random_bytes_instead(vaurien, backend):
    proxy = vaurien("--behavior", "error", backend=backend)
    client, server = proxy.meet(backend)
    seen = set()
    for _ in range(3):
        ask(client, server)
        junk = client.read(1000)
        assert ANSWER not in junk
        assert len(set(junk)) > 100
        seen.add(junk)
        assert client.silent(0.05)
    assert len(seen) == 3
    proxy.set("dummy")
    assert clean(client, server)


def test_random_bytes_in_the_middle(vaurien, backend, bufsize):
    proxy = vaurien(backend=backend).set("error", inject=True)
    client, server = proxy.meet(backend)
    ask(client, server)
    got = client.read(len(ANSWER) + 100)
    places = [at for at in range(len(ANSWER) + 1) if got[:at] + got[at + 100:] == ANSWER]
    assert places
    if not bufsize:
        assert len(ANSWER) // 2 in places or (len(ANSWER) + 1) // 2 in places
    assert client.silent(0.05)


def test_warmup_lets_the_first_ones_pass(vaurien, backend):
    proxy = vaurien("--behavior", "error", "--behavior-error-warmup", 2, backend=backend)
    client, server = proxy.meet(backend)
    assert clean(client, server)
    assert clean(client, server)
    ask(client, server)
    assert len(client.read(1000)) == 1000


@pytest.mark.parametrize("how", ["flags", "api"])
def test_transient_is_over_after_so_many(vaurien, backend, how):
    if how == "flags":
        proxy = vaurien("--behavior", "transient", "--behavior-transient-agitate", 2, backend=backend)
    else:
        proxy = vaurien(backend=backend).set("transient", agitate=2)
    for _ in range(2):                          # two round trips in all, whoever makes them
        client, server = proxy.meet(backend)
        ask(client, server)
        client.read(1000)
    assert clean(client, server)
    assert clean(*proxy.meet(backend))
    if how == "api":                            # set again, it counts again
        proxy.set("transient", agitate=1)
        ask(client, server)
        client.read(1000)
        assert clean(client, server)
