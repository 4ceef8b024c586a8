"""corrupt: what arrives is as long as what was sent, and is not it."""
SENT = bytes(range(256)) * 16


def bits(a, b):
    """How many bits differ."""
    return sum(bin(x ^ y).count("1") for x, y in zip(a, b))


def trip(client, server, request=b"?", response=SENT):
    """(what arrived of the request, what arrived of the response)"""
    client.send(request)
    got = server.read(len(request))
    server.send(response)
    return got, client.read(len(response))


def test_a_bit_of_each_answer(vaurien, backend):
    proxy = vaurien("--rule", "corrupt", backend=backend)
    client, server = proxy.meet(backend)
    for _ in range(3):
        request, response = trip(client, server)
        assert request == b"?"
        assert bits(response, SENT) == 1
    assert client.silent(0.1)


def test_several_bits(vaurien, backend, bufsize):
    proxy = vaurien("--rule", "corrupt bits=3", backend=backend)
    _, response = trip(*proxy.meet(backend))
    assert bits(response, SENT) in (1, 3)       # one of them may be hit twice
    if bufsize:                                 # what comes first is one byte
        assert response[1:] == SENT[1:]


def test_requests(vaurien, backend):
    proxy = vaurien("--rule", "corrupt direction=request bits=1", backend=backend)
    request, response = trip(*proxy.meet(backend), request=SENT)
    assert bits(request, SENT) == 1
    assert response == SENT


def test_the_same_seed_flips_the_same(vaurien, backends):
    seen = []
    for _ in range(2):
        backend = backends()
        proxy = vaurien("--rule", "corrupt bits=9", "--rule", "corrupt random=true direction=request", "--seed", 5, backend=backend)
        seen.append(trip(*proxy.meet(backend), request=b"12345678", response=b"one"))
    assert seen[0] == seen[1]
    assert seen[0][0] != b"12345678"


def test_random_bytes_as_many_as_there_were(vaurien, backend, bufsize):
    sent = SENT if bufsize else SENT * 200      # more than fits into one piece
    proxy = vaurien("--rule", "corrupt random=true", backend=backend)
    client, server = proxy.meet(backend)
    _, response = trip(client, server, response=sent)
    same = sum(x == y for x, y in zip(response[:4096], sent))
    assert same < 64                            # 16 by chance
    assert client.silent(0.1)


def test_only_so_often(vaurien, backend, bufsize):
    proxy = vaurien("--rule", "corrupt random=true skip=1 times=1", backend=backend)
    client, server = proxy.meet(backend)
    told = [trip(client, server)[1] == SENT for _ in range(4)]
    assert told == [True, False, True, True]


def test_a_head_that_the_protocol_wrote_anew(vaurien, backend):
    """The backend's name stands in Host; what the rules say befalls that too."""
    proxy = vaurien("--protocol", "http", "--protocol-http-overwrite-host-header", "--rule", "corrupt direction=request", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    whole = b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % backend.address.encode()
    assert bits(server.read(len(whole)), whole) == 1
