"""Comments and blanks that a statement begins with do not hide it from `match`."""
import pytest

from harness import until
from test_invitation import MY_GREETING, MY_LOGIN, MY_OK, PG_IN, PG_LOGIN, packet, typed

BOTH = ["SELECT 1", " SELECT 1", "\t\r\n SELECT 1", "/* app:web */ SELECT 1", "/**/SELECT 1", "-- x\n SELECT 1", "-- x\n--\n/* y */\n-- z\nSELECT 1",
        "/* a */ /* b */ SELECT 1", "/* INSERT */SELECT 1", "/*%s*/ SELECT 1" % ("x" * 9000)]
NEITHER = ["/* SELECT 1 */ INSERT", "-- SELECT 1", "-- SELECT 1\nINSERT", "/* SELECT 1", "(SELECT 1)", "; SELECT 1", "", "  ", "/* x */", "'SELECT 1'"]
CASES = [("mysql", text, True) for text in BOTH + ["# x\n SELECT 1", "#\nSELECT 1", "--\nSELECT 1", "/*+ NO_INDEX(t) */ SELECT 1"]] + \
    [("mysql", text, False) for text in NEITHER + ["--SELECT 1\nSELECT 1", "/*!50000 SELECT */ 1", "/*M!100000 SELECT */ 1", "/*! SELECT 1 */",
                                                   "/* /* */ */ SELECT 1", "# SELECT"]] + \
    [("postgres", text, True) for text in BOTH + ["--x\nSELECT 1", "/* /* SELECT */ */ SELECT 1", "/*/**//**/*/ SELECT 1", "/*! 1 */ SELECT 1"]] + \
    [("postgres", text, False) for text in NEITHER + ["# x\n SELECT 1", "/* /* */ SELECT 1", "/* /* */ SELECT */ INSERT"]]


@pytest.mark.parametrize("protocol, text, found", CASES)
def test_a_match_passes_over_them(vaurien, backend, protocol, text, found):
    proxy = vaurien("--protocol", protocol, "--rule", "drop match='^QUERY SELECT'", backend=backend)
    client, server = proxy.meet(backend)
    if protocol == "mysql":
        talk = [("S", MY_GREETING), ("C", MY_LOGIN), ("S", packet(2, MY_OK))]
        query = packet(0, b"\x03" + text.encode())
    else:
        talk = [("C", PG_LOGIN), ("S", PG_IN)]
        query = typed(b"Q", text.encode() + b"\0")
    for side, data in talk:
        one, other = (client, server) if side == "C" else (server, client)
        one.send(data)
        assert other.read(len(data)) == data
    client.send(query)
    if found:
        until(proxy.strikes, what="the rule to strike")
        assert server.silent(0.02)
    else:
        assert server.read(len(query)) == query
        assert not proxy.strikes()


def test_a_prepared_statement_is_found_too(vaurien, backend):
    proxy = vaurien("--protocol", "postgres", "--rule", "drop match='^EXECUTE SELECT'", backend=backend)
    client, server = proxy.meet(backend)
    client.send(PG_LOGIN)
    server.read(len(PG_LOGIN))
    server.send(PG_IN)
    client.read(len(PG_IN))
    unit = typed(b"P", b"\0/* app:web */ SELECT 1\0\0\0") + typed(b"B", b"\0" * 8)
    client.send(unit + typed(b"E", b"\0" * 5) + typed(b"S"))
    assert server.read(len(unit)) == unit
    assert server.read(5) == typed(b"S")        # the Execute between them is dropped
    assert len(proxy.strikes()) == 1
