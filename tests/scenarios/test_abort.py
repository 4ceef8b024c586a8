"""abort: the server takes the request and dies before it answers."""


def test_the_request_arrives_and_the_client_sees_an_end(vaurien, backend, bufsize):
    proxy = vaurien("--behavior", "abort", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"INSERT")
    assert client.ends() == "fin"
    got, _ = server.rest()
    # where a read brings one byte, one byte is all that a protocol without messages can call a request
    assert got == (b"I" if bufsize else b"INSERT")


def test_every_connection_and_then_none(vaurien, backend):
    proxy = vaurien(backend=backend)
    old_client, old_server = proxy.meet(backend)
    proxy.set("abort")
    for client, server in (proxy.meet(backend), (old_client, old_server)):
        client.send(b"x")
        assert server.read(1) == b"x"
        assert client.ends() == "fin"
    proxy.set("dummy")
    client, server = proxy.meet(backend)
    client.send(b"x")
    server.send(b"y")
    assert (server.read(1), client.read(1)) == (b"x", b"y")
