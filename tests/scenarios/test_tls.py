"""TLS on either leg of a connection, and on both: bytes, ends, cuts, bad bytes, time-outs, what is told."""
import os
import re
import resource
import socket
import ssl
import threading

import pytest
from tls_ends import VERSIONS, TlsEnd, backend_certificate, context, raw

from harness import SAN, End, patience, until

LEGS = ["client", "backend", "both"]
CLIENT, BACKEND = ("client", "both"), ("backend", "both")


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    return str(tmp_path_factory.mktemp("ca") / "tls")


@pytest.fixture
def secured(vaurien, ca):
    """secured(backend, legs, *words): a proxy with TLS on these legs."""
    def start(backend, legs, *words, mode="require", **options):
        args = ["--tls-dir", ca]
        if legs in CLIENT:
            args += ["--client-tls", mode]
        if legs in BACKEND:
            args += ["--backend-tls", "on"]
        return vaurien(*args, *words, backend=backend, **options)
    return start


def meet(proxy, backend, legs, version=None, **options):
    """A new connection: both ends of it, each with TLS where its leg has it."""
    ends = {}

    def answer():
        sock = backend.sock.accept()[0]
        ends["server"] = TlsEnd(sock, context(True, version), server=True) if legs in BACKEND else End(sock)
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    sock = raw(proxy.port)
    client = TlsEnd(sock, context(False, version), **options) if legs in CLIENT else End(sock)
    thread.join(patience())
    return client, ends["server"]


def metric(proxy, name, **labels):
    """The value of a metric; 0 where it has no row."""
    for line in proxy.api("GET", "/metrics")[1].splitlines():
        if line.startswith(name + "{") and all('%s="%s"' % each in line for each in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return 0


def comes(proxy, name, value, **labels):
    until(lambda: metric(proxy, name, **labels) == value, what=lambda: "%s to be %s: %s" % (name, value, metric(proxy, name, **labels)))


# ---- bytes and ends ----

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("legs", LEGS)
def test_bytes_pass_both_ways(secured, backend, legs, version):
    proxy = secured(backend, legs)
    client, server = meet(proxy, backend, legs, version)
    client.send(b"ping")
    assert server.read(4) == b"ping"
    server.send(b"pong!")
    assert client.read(5) == b"pong!"
    told = proxy.api("GET", "/connections")[1]["connections"][0]["tls"]
    for leg in ("client", "backend"):
        if legs in (leg, "both"):
            assert told[leg]["version"] == "TLSv" + version and told[leg]["cipher"] and told[leg]["resumed"] is False
            comes(proxy, "vaurien_tls_handshakes_total", 1, leg=leg, version=version, resumed="false")
        else:
            assert told[leg] is None
    client.finish()
    assert server.ends() == "fin"
    server.finish()
    assert client.ends() == "fin"
    comes(proxy, "vaurien_connections_ended_total", 1, reason="both_ended")
    assert metric(proxy, "vaurien_tls_truncated_total", leg="client") == metric(proxy, "vaurien_tls_truncated_total", leg="backend") == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("legs", LEGS)
def test_one_direction_ends_and_the_other_goes_on(secured, backend, legs, version):
    proxy = secured(backend, legs)
    client, server = meet(proxy, backend, legs, version)
    client.send(b"all of it").finish()
    assert server.rest() == (b"all of it", "fin")
    if version == "1.3":                # a peer of 1.2 may drop the rest
        server.send(b"the answer")
        assert client.read(10) == b"the answer"
    server.finish()
    assert client.ends() == "fin"

    client, server = meet(proxy, backend, legs, version)
    server.send(b"bye").finish()
    assert client.rest() == (b"bye", "fin")
    if version == "1.3":
        client.send(b"one more")
        assert server.read(8) == b"one more"
    client.finish()
    assert server.ends() == "fin"


@pytest.mark.parametrize("legs", LEGS)
def test_a_cut_stays_a_cut(secured, backend, legs):
    """A FIN without close_notify is passed on without one; and the other direction goes on."""
    proxy = secured(backend, legs)
    if legs in CLIENT:
        client, server = meet(proxy, backend, legs)
        client.send(b"half").cut()
        assert server.rest() == (b"half", "cut" if legs in BACKEND else "fin")
        comes(proxy, "vaurien_tls_truncated_total", 1, leg="client")
        if legs == "client":            # Python's TLS says nothing after a cut
            server.send(b"still heard").finish()
            assert client.rest() == (b"still heard", "fin")
    if legs in BACKEND:
        client, server = meet(proxy, backend, legs)
        server.send(b"half").cut()
        assert client.rest() == (b"half", "cut" if legs in CLIENT else "fin")
        comes(proxy, "vaurien_tls_truncated_total", 1, leg="backend")


@pytest.mark.parametrize("legs", LEGS)
def test_a_reset_passes(secured, backend, legs):
    proxy = secured(backend, legs)
    client, server = meet(proxy, backend, legs)
    client.send(b"x")
    assert server.read(1) == b"x"
    client.reset()
    assert server.ends() == "rst"


@pytest.mark.parametrize("legs", LEGS)
def test_bulk_waits_for_a_slow_reader(start, backend, ca, legs):
    """More than the sockets take: records are stuck, and nothing is lost. Held bytes are 0 in the end."""
    words = {"client": ["--client-tls", "on"], "backend": ["--backend-tls", "on"],
             "both": ["--client-tls", "on", "--backend-tls", "on"]}[legs]
    proxy = start("--tls-dir", ca, *words, backend=backend)
    client, server = meet(proxy, backend, legs)
    data = bytes(range(256)) * (1 << 15)            # 8 MiB
    for a, b in ((client, server), (server, client)):
        thread = threading.Thread(target=lambda end=a: end.send(data).finish(), daemon=True)
        thread.start()
        until(lambda: metric(proxy, "vaurien_held_bytes") > 0, what="bytes to be held")
        assert b.rest() == (data, "fin")
        thread.join(patience())
    comes(proxy, "vaurien_held_bytes", 0)


def test_a_delay_acts_inside(secured, backend):
    proxy = secured(backend, "both")
    client, server = meet(proxy, backend, "both")
    proxy.set("hang")
    client.send(b"held")
    server.sock.settimeout(0.2)
    with pytest.raises(socket.timeout):
        server.piece()
    server.sock.settimeout(patience())
    proxy.set("dummy")
    assert server.read(4) == b"held"


@pytest.mark.parametrize("legs", CLIENT)
def test_many_parcels_go_together(start, backend, ca, legs):
    """What a rule has held of several reads is sent as one: more than one write of TLS takes."""
    proxy = start("--tls-dir", ca, "--client-tls", "on", *(["--backend-tls", "on"] if legs in BACKEND else []), backend=backend)
    client, server = meet(proxy, backend, legs)
    client.send(b"?")
    assert server.read(1) == b"?"
    proxy.set("latency", latency=60_000)
    data = bytes(range(256)) * (1 << 13)            # 2 MiB
    thread = threading.Thread(target=lambda: server.send(data), daemon=True)
    thread.start()
    until(lambda: metric(proxy, "vaurien_held_bytes") > 1 << 20, what="bytes to be held")
    proxy.set("dummy")
    assert client.read(len(data)) == data
    thread.join(patience())


def test_slots_are_records(start, backend, ca):
    """What a rule slices is not joined again: each piece comes in a record of its own."""
    proxy = start("--tls-dir", ca, "--client-tls", "require", "--behavior", "slicer", "--behavior-slicer-average-size", 10,
                  "--behavior-slicer-size-variation", 1, "--behavior-slicer-delay", 1, backend=backend)
    client, server = meet(proxy, backend, "client", "1.2")
    client.send(b"?")
    server.read(1)
    server.send(b"x" * 100)
    wire = client.sock.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
    assert int.from_bytes(wire[3:5], "big") <= 11 + 8 + 16
    assert client.read(100) == b"x" * 100


@pytest.mark.parametrize("protocol,request_,answer", [
    ("http", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ("redis", b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", b"$1\r\nb\r\n"),
    ("memcache", b"get a\r\n", b"END\r\n"),
])
def test_protocols_are_parsed_inside(secured, backend, protocol, request_, answer):
    proxy = secured(backend, "both", "--protocol", protocol)
    client, server = meet(proxy, backend, "both")
    for _ in range(3):
        client.send(request_)
        assert server.read(len(request_)) == request_
        server.send(answer)
        assert client.read(len(answer)) == answer
    comes(proxy, "vaurien_exchanges_total", 3)
    if protocol == "http":              # others send a substitute to the backend first
        proxy.set("error")
        client.send(request_)
        assert client.piece() not in (b"", answer)


# ---- who uses TLS ----

def test_on_lets_plain_clients_in(secured, backend):
    proxy = secured(backend, "client", mode="on")
    for legs in ("backend-less", "client"):
        client, server = meet(proxy, backend, legs)
        client.send(b"hello")
        assert server.read(5) == b"hello"
        server.send(b"hi")
        assert client.read(2) == b"hi"
        client.finish()
        assert server.ends() == "fin"
        server.close()
    assert metric(proxy, "vaurien_tls_handshakes_total", leg="client") == 1


def test_require_lets_nobody_else_in(secured, backend):
    proxy = secured(backend, "client")
    with End(raw(proxy.port)) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.rest()[1] == "fin"
    comes(proxy, "vaurien_connections_ended_total", 1, reason="client_tls")
    assert metric(proxy, "vaurien_tls_failures_total", leg="client") == 1
    proxy.logged("leg=client: TLS with the client has failed")


def test_our_ca_and_names(secured, backend, ca):
    """A client that has the CA verifies the leaf for any name; one that has not is given a hint in the log."""
    proxy = secured(backend, "client")
    for name in ("localhost", "db.example", "127.0.0.1"):
        client = TlsEnd(raw(proxy.port), context(False, ca=ca + "/ca.pem"), name=name)
        client.close()
    stranger = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsEnd(raw(proxy.port), stranger)
    proxy.logged("vaurienctl ca")
    comes(proxy, "vaurien_tls_failures_total", 1, leg="client", reason="unknown_ca")


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_resume(secured, backend, version):
    """On both legs. A session is worth something only to the proxy that gave it."""
    proxy = secured(backend, "both")
    using, theirs, session = context(False, version), context(True, version), None
    for turn in range(2):
        ends = []
        thread = threading.Thread(target=lambda: ends.append(TlsEnd(backend.sock.accept()[0], theirs, server=True)), daemon=True)
        thread.start()
        client = TlsEnd(raw(proxy.port), using, session=session)
        thread.join(patience())
        client.send(b"x")
        assert ends[0].read(1) == b"x"
        ends[0].send(b"y")
        assert client.read(1) == b"y"               # tickets came before
        session = client.tls.session
        assert client.tls.session_reused == bool(turn)
        told = proxy.api("GET", "/connections")[1]["connections"][0]["tls"]
        assert told["client"]["resumed"] == told["backend"]["resumed"] == bool(turn)
        client.finish()
        ends[0].rest()
        ends[0].finish()
        assert client.ends() == "fin"
        until(lambda: not proxy.api("GET", "/connections")[1]["connections"], what="the connection to end")


def test_the_clients_name_and_alpn_reach_the_backend(secured, backend):
    """Without a protocol that knows better, the backend chooses among what the client offers."""
    seen = {}
    theirs = context(True, alpn=["two", "one"])
    theirs.sni_callback = lambda sock, name, using: seen.update(name=name)
    proxy = secured(backend, "both", "--backend-tls-name", "client")
    ends = []
    thread = threading.Thread(target=lambda: ends.append(TlsEnd(backend.sock.accept()[0], theirs, server=True)), daemon=True)
    thread.start()
    client = TlsEnd(raw(proxy.port), context(False, alpn=["one", "two", "three"]), name="shop.example")
    thread.join(patience())
    assert client.tls.selected_alpn_protocol() == ends[0].tls.selected_alpn_protocol() == "two"
    assert seen["name"] == "shop.example"
    client.send(b"x")
    assert ends[0].read(1) == b"x"              # both handshakes are over
    told = proxy.api("GET", "/connections")[1]["connections"][0]["tls"]
    assert told["client"]["alpn"] == told["backend"]["alpn"] == "two"
    assert told["client"]["server_name"] == told["backend"]["server_name"] == "shop.example"


# ---- what fails ----

def test_a_backend_without_tls_is_never_used_plain(secured, backend):
    proxy = secured(backend, "backend")
    client, server = raw(proxy.port), backend.sock.accept()[0]
    server.settimeout(patience())
    assert server.recv(1) == b"\x16"
    server.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert End(client).ends() == "rst"
    comes(proxy, "vaurien_connections_ended_total", 1, reason="backend_tls")
    proxy.logged("leg=backend: TLS with the backend has failed .*wrong version number [(]the backend does not speak TLS[)]")
    server.close()


def test_verify_rejects_a_certificate_that_nobody_signed(vaurien, backend, ca):
    proxy = vaurien("--tls-dir", ca, "--backend-tls", "verify", backend=backend)
    client = End(raw(proxy.port))
    with pytest.raises(ssl.SSLError, match="(?i)unknown.ca"):
        TlsEnd(backend.sock.accept()[0], context(True, "1.2"), server=True)
    assert client.ends() == "rst"
    comes(proxy, "vaurien_tls_failures_total", 1, leg="backend", reason="verify")
    proxy.logged("the peer's certificate is rejected: self-signed certificate")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "elsewhere"])
def test_verify_checks_chain_and_name(vaurien, backend, ca, host):
    proxy = vaurien("--tls-dir", ca, "--backend-tls", "verify", "--backend-tls-ca", backend_certificate() + ".cert",
                    "--backend-tls-name", host, backend=backend)
    client = End(raw(proxy.port))
    if host == "elsewhere":
        with pytest.raises((ssl.SSLError, OSError)):
            TlsEnd(backend.sock.accept()[0], context(True, "1.2"), server=True).read(1)
        assert client.ends() == "rst"
        comes(proxy, "vaurien_tls_failures_total", 1, leg="backend", reason="verify")
        return
    server = TlsEnd(backend.sock.accept()[0], context(True), server=True)
    client.send(b"x")
    assert server.read(1) == b"x"
    assert proxy.api("GET", "/connections")[1]["connections"][0]["tls"]["backend"]["verified"] is True


@pytest.mark.parametrize("how", ["garbage", "reset", "fin", "plain"])
@pytest.mark.parametrize("legs", ["client", "backend"])
def test_a_bad_record_ends_the_connection(secured, backend, legs, how):
    proxy = secured(backend, legs)
    client, server = meet(proxy, backend, legs)
    client.send(b"x")
    assert server.read(1) == b"x"
    bad, good = (client, server) if legs == "client" else (server, client)
    if how == "garbage":
        bad.sock.sendall(b"\x17\x03\x03\x00\x20" + b"\xaa" * 32)
    elif how == "plain":
        bad.sock.sendall(b"no TLS any more, and long enough for a header")
    elif how == "reset":
        bad.reset()
        assert good.ends() == "rst"
        return
    else:
        bad.sock.sendall(b"\x17\x03\x03\x00\x20" + b"\xaa" * 10)
        bad.cut()
        assert good.ends() == "fin"
        return
    good.rest()
    with pytest.raises(ssl.SSLError):
        bad.read(1)
    comes(proxy, "vaurien_connections_ended_total", 1, reason=legs + "_tls")


def hello(using=None):
    """The bytes of a ClientHello."""
    goes = ssl.MemoryBIO()
    try:
        (using or context(False)).wrap_bio(ssl.MemoryBIO(), goes, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return goes.read()


def test_a_hello_by_single_bytes_and_in_two_records(secured, backend):
    proxy = secured(backend, "client")
    backend.serve()
    for cut in (False, True):
        client = TlsEnd(raw(proxy.port), context(False), shake=False)
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.do_handshake()
        wire = client.goes.read()
        if cut:
            body = wire[5:]
            wire = wire[:3] + (50).to_bytes(2, "big") + body[:50] + wire[:3] + (len(body) - 50).to_bytes(2, "big") + body[50:]
        for at in range(len(wire)):
            client.sock.sendall(wire[at:at + 1])
        client.shake()
        assert client.send(b"echo").read(4) == b"echo"


def test_every_prefix_of_a_hello(secured, backend):
    """Each is cut short by a FIN, and leaves nothing behind."""
    proxy = secured(backend, "client")
    backend.serve()
    whole = hello()
    before = proxy.descriptors()
    for n in range(0, len(whole), 1 if not SAN else 7):
        with raw(proxy.port) as sock:
            sock.sendall(whole[:n])
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1 << 12):
                pass
    until(lambda: proxy.descriptors() <= before + 5, what="all descriptors to be closed")
    assert TlsEnd(raw(proxy.port), context(False)).send(b"echo").read(4) == b"echo"


@pytest.mark.parametrize("bad", [
    b"\x16\x03\x01\xff\xff" + b"a" * 70000,                     # a record that is too long
    b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\x00" * 3,            # a hello of 16 MiB
    b"\x16\x03\x01\x00\x00" * 100,                              # empty records
    b"\x15\x03\x01\x00\x02\x02\x28",                            # an alert
    b"\x16" * 3000,
    b"\x80\x2e\x01\x00\x02" + b"\x00" * 50,                     # SSL 2
], ids=["long", "huge", "empty", "alert", "sixteens", "ssl2"])
def test_hostile_hellos(secured, backend, bad):
    proxy = secured(backend, "client")
    with raw(proxy.port) as sock:
        try:
            sock.sendall(bad)
            while sock.recv(1 << 12):
                pass
        except OSError:
            pass
    comes(proxy, "vaurien_connections_ended_total", 1, reason="client_tls")


def test_a_flood_before_the_answer_is_bounded(secured, backend):
    """A hello in ever more records: 64 KiB, and it is over."""
    proxy = secured(backend, "client")
    with raw(proxy.port) as sock:
        body = b"\x01\x01\xff\xf0" + b"\x00" * (1 << 17)        # says that it is of 128 KiB
        try:
            for at in range(0, len(body), 1000):
                part = body[at:at + 1000]
                sock.sendall(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part)
            while sock.recv(1 << 12):
                pass
        except OSError:
            pass
    comes(proxy, "vaurien_connections_ended_total", 1, reason="client_tls")


@pytest.mark.parametrize("how", ["silent", "half", "backend"])
def test_a_handshake_has_a_time_out(secured, backend, how):
    proxy = secured(backend, "backend" if how == "backend" else "client", "--tls-timeout", "0.2s")
    with raw(proxy.port) as sock:
        if how == "half":
            sock.sendall(hello()[:100])
        assert End(sock).rest()[1] == ("rst" if how == "backend" else "fin")
    comes(proxy, "vaurien_tls_failures_total", 1, reason="timeout")


@pytest.mark.skipif(bool(SAN), reason="sanitizers have memory of their own")
def test_an_idle_connection_takes_little_memory(start, backend, ca):
    """What OpenSSL takes for the handshakes of a crowd leaves no holes."""
    proxy, ends, n = start("--tls-dir", ca, "--backend-tls", "on", backend=backend), [], 300

    def more(n):
        clients = [raw(proxy.port) for _ in range(n)]
        accepted = [backend.sock.accept()[0] for _ in range(n)]         # and not answered yet
        for client, server in zip(clients, [TlsEnd(sock, context(True), server=True) for sock in accepted]):
            client.sendall(b"ping")
            assert server.read(4) == b"ping"
            server.send(b"pong")
            assert client.recv(4) == b"pong"
            ends.append((client, server))
    more(10)                                    # what all share
    before = proxy.memory()
    more(n)
    each = (proxy.memory() - before) / n
    print("each: %d bytes" % each)
    assert each < 33_000                        # and the blocks that are kept warm, 1.7 MB in all


def test_half_open_handshakes_take_little_memory(start, backend, ca):
    """Silent ones take what a plain connection takes; those that sent part of a hello, what OpenSSL needs to begin; whole hellos, whose
    answer is not answered, no more. When they are gone, so is their memory. make half-open does it with 10,000."""
    n = min(int(os.environ.get("HALF_OPEN", 300)), resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 200)     # of descriptors
    proxy = start("--tls-dir", ca, "--client-tls", "require", "--protocol", "http", "--tls-timeout", "1h", backend=backend)
    accepted = []
    threading.Thread(target=lambda: [accepted.append(backend.sock.accept()[0]) for _ in range(n + 1)], daemon=True).start()
    TlsEnd(raw(proxy.port), context(False)).send(b"x").finish()         # contexts and a leaf are made
    until(lambda: accepted, what="a connection")
    accepted.pop().close()
    comes(proxy, "vaurien_connections_open", 0)
    whole, socks = hello(), []
    before = proxy.memory()
    try:
        for i in range(n):
            socks.append(raw(proxy.port))
            socks[-1].sendall(b"" if i % 3 == 0 else whole[:80] if i % 3 == 1 else whole)
        until(lambda: metric(proxy, "vaurien_connections_open") == n, what="all to be accepted")
        for sock in socks[2::3]:
            assert sock.recv(3) == b"\x16\x03\x03"
        each = (proxy.memory() - before) / n
        print("%d half-open handshakes: %.1f kB each" % (n, each / 1000))
        assert SAN or each < 50_000
    finally:
        for sock in socks + accepted:
            sock.close()
    comes(proxy, "vaurien_connections_open", 0)
    if not SAN:
        until(lambda: proxy.memory() - before < 200 * 50_000 + n * 1000, what=lambda: "memory to be given back: %d" % (proxy.memory() - before))
    print("afterwards: %.1f MB" % ((proxy.memory() - before) / 1e6))


def test_renegotiation_is_refused(secured, backend):
    """s_client asks for it with R."""
    import subprocess

    from harness import need
    proxy = secured(backend, "client")
    backend.serve()
    done = subprocess.run([need("openssl"), "s_client", "-connect", "127.0.0.1:%d" % proxy.port, "-tls1_2"], input=b"R\nx\n",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patience())
    assert b"RENEGOTIATING" in done.stdout and b"no renegotiation" in done.stdout.lower()


# ---- what is told ----

def test_events(secured, backend, tmp_path):
    import json
    path = tmp_path / "events"
    proxy = secured(backend, "both", "--events", str(path))
    client, server = meet(proxy, backend, "both", "1.3")
    client.send(b"x").cut()
    server.rest()
    server.finish()
    client.rest()
    with End(raw(proxy.port)) as plain:
        plain.send(b"plain")
        plain.rest()

    def told():
        events = [json.loads(line) for line in path.read_text().splitlines()]
        return [event for event in events if event["type"] == "tls"]
    all_of_them = {("client", "done"), ("backend", "done"), ("client", "truncated"), ("client", "failed")}
    until(lambda: all_of_them <= {(event["leg"], event["outcome"]) for event in told()}, what=lambda: "events: %r" % told())
    legs = {(event["leg"], event["outcome"]): event for event in told()}
    done = legs["client", "done"]
    assert (done["version"], done["server_name"], done["resumed"], done["verified"]) == ("TLSv1.3", "localhost", False, False)
    assert legs["backend", "done"]["peer"] == "/CN=localhost"
    assert legs["client", "failed"]["reason"] and legs["client", "failed"]["why"]


def test_the_key_log(start, backend, ca, tmp_path, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "no"))
    proxy = start("--tls-dir", ca, "--client-tls", "on", "--tls-keylog", str(tmp_path / "keys"), backend=backend)
    client, server = meet(proxy, backend, "client", "1.3")
    client.send(b"x")
    server.read(1)
    text = (tmp_path / "keys").read_text()
    assert re.search(r"^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+$", text, re.M)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "no").exists()
    assert "secrets of all TLS connections" in proxy.log()
