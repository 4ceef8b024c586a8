"""Requests that wait for an answer to be understood, and those that are decided before they come; told in SMTP: a client
that sends a mail without having been asked for it, and the mail itself."""
from harness import Clock, until

MAIL = b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n.\r\n"


def meet(vaurien, backend, *words):
    """A proxy, and both ends of a connection that has been greeted and has a recipient."""
    proxy = vaurien("--protocol", "smtp", *words, backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"220 mail.test ESMTP\r\n")
    assert client.read_to(b"\n") == b"220 mail.test ESMTP\r\n"
    exchange(client, server, b"RCPT TO:<b@x>\r\n", b"250 Ok\r\n")
    return proxy, client, server


def settled(proxy, wanted):
    """What is seen and hit, once what follows the latest answer is done: another thread tells it."""
    until(lambda: counts(proxy) == wanted, what=lambda: "%r to be %r" % (counts(proxy), wanted))


def exchange(client, server, request, response):
    client.send(request)
    assert server.read(len(request)) == request
    server.send(response)
    assert client.read(len(response)) == response


def gone(proxy):
    until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["connections"] == 0, what="the connection to be gone")


def test_what_follows_waits_for_the_answer(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    client.send(b"DATA\r\n" + MAIL + b"NOOP\r\n")
    assert server.read(6) == b"DATA\r\n" and server.silent(0.1)
    server.send(b"354 go\r\n")
    assert server.read(len(MAIL) + 6) == MAIL + b"NOOP\r\n"
    server.send(b"250 Ok\r\n250 Ok\r\n")
    assert client.read(24) == b"354 go\r\n250 Ok\r\n250 Ok\r\n"


def test_more_waits_than_a_head_may_have(vaurien, backend, bufsize):
    proxy, client, server = meet(vaurien, backend)
    much = MAIL[:-3] * (2 if bufsize else 3000) + b".\r\n"
    client.send(b"DATA\r\n" + much)
    assert server.read(6) == b"DATA\r\n"
    server.send(b"354 go\r\n")
    assert server.read(len(much)) == much
    exchange(client, server, b"", b"")
    server.send(b"250 Ok\r\n")
    assert client.read(16) == b"354 go\r\n250 Ok\r\n"
    exchange(client, server, b"NOOP\r\n", b"250 Ok\r\n")


def test_a_backend_that_leaves_without_an_answer(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    client.send(b"DATA\r\n" + MAIL)
    assert server.read(6) == b"DATA\r\n"
    server.finish()
    assert client.ends() == "fin"
    client.close()
    assert server.rest()[1] == "fin"
    gone(proxy)


def test_a_client_that_leaves_while_it_waits(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    client.send(b"DATA\r\n" + MAIL + b"QUIT\r\n").finish()
    assert server.read(6) == b"DATA\r\n"
    server.send(b"354 go\r\n")
    assert server.rest() == (MAIL + b"QUIT\r\n", "fin")
    server.send(b"250 Ok\r\n221 Bye\r\n").finish()
    assert client.rest() == (b"354 go\r\n250 Ok\r\n221 Bye\r\n", "fin")
    gone(proxy)


def test_a_client_that_is_reset_while_it_waits(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    client.send(b"DATA\r\n" + MAIL)
    assert server.read(6) == b"DATA\r\n"
    client.reset()
    assert server.ends() == "rst"
    gone(proxy)


def test_what_waits_is_commands_where_there_was_no_agreement(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    client.send(b"DATA\r\nx y\r\n.\r\n")
    assert server.read(6) == b"DATA\r\n"
    server.send(b"554 no\r\n")
    assert server.read(8) == b"x y\r\n.\r\n"
    server.send(b"500 a\r\n500 b\r\n")
    assert client.read(22) == b"554 no\r\n500 a\r\n500 b\r\n"
    proxy.set("error", failure="shutting_down")         # which says that nothing is owed any more
    assert client.rest() == (b"421 4.3.2 mail.test Service not available, closing transmission channel\r\n", "fin")


def test_a_hang_keeps_what_waits(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    proxy.set("hang", match="^DATA")
    client.send(b"DATA\r\n" + MAIL)
    assert server.silent(0.1)
    proxy.set("dummy")
    assert server.read(6) == b"DATA\r\n"
    server.send(b"354 go\r\n")
    assert server.read(len(MAIL)) == MAIL


def test_a_blackout_ends_what_waits(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    client.send(b"DATA\r\n" + MAIL)
    assert server.read(6) == b"DATA\r\n"
    proxy.set("blackout")
    assert (client.ends(), server.ends()) == ("rst", "rst")
    gone(proxy)


def test_a_refused_sequel_is_swallowed_whatever_comes(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    proxy.set("error", failure="spam", match="^MESSAGE")
    client.send(b"DATA\r\n")
    assert server.read(6) == b"RSET\r\n" and client.silent(0.05)
    server.send(b"250 Ok\r\n")
    assert client.read(37) == b"354 End data with <CR><LF>.<CR><LF>\r\n"
    client.send(MAIL[:20])
    proxy.set("dummy")
    client.send(MAIL[20:] + b"NOOP\r\n")
    assert client.read(33) == b"554 5.7.1 Spam message rejected\r\n"
    assert server.read(6) == b"NOOP\r\n"
    server.send(b"250 Ok\r\n")
    assert client.read(8) == b"250 Ok\r\n"
    assert proxy.api("GET", "/info")[1]["proxies"][0]["raw"] == 0


def test_a_refused_sequel_that_never_comes(vaurien, backend):
    """The client leaves in the middle of it."""
    proxy, client, server = meet(vaurien, backend)
    proxy.set("error", failure="spam", match="^MESSAGE")
    client.send(b"DATA\r\n")
    assert server.read(6) == b"RSET\r\n"
    server.send(b"250 Ok\r\n")
    client.read_to(b"\n")
    client.send(MAIL[:20]).finish()
    assert server.ends() == "fin"
    server.finish()
    assert client.ends() == "fin"
    gone(proxy)


def test_a_backend_that_leaves_while_a_sequel_is_swallowed(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    proxy.set("error", failure="spam", match="^MESSAGE")
    client.send(b"DATA\r\n")
    assert server.read(6) == b"RSET\r\n"
    server.send(b"250 Ok\r\n")
    client.read_to(b"\n")
    server.send(b"421 shutting down\r\n").finish()
    assert client.rest()[1] == "fin"
    client.close()
    gone(proxy)


def test_a_pace_of_the_sequel_is_its_own(vaurien, backend):
    """A delay of the mail is no delay of DATA, nor of the command behind the mail."""
    proxy, client, server = meet(vaurien, backend)
    proxy.set("delay", sleep=0.3, match="^MESSAGE")
    exchange(client, server, b"DATA\r\n", b"354 go\r\n")
    with Clock() as took:
        exchange(client, server, MAIL, b"250 Ok\r\n")
    assert took.seconds >= 0.3
    exchange(client, server, b"NOOP\r\n", b"250 Ok\r\n")
    assert [strike["verb"] for strike in proxy.strikes()] == ["MESSAGE"]


def test_an_abort_of_the_sequel_lets_it_arrive(vaurien, backend):
    proxy, client, server = meet(vaurien, backend)
    proxy.set("abort", match="^MESSAGE")
    exchange(client, server, b"DATA\r\n", b"354 go\r\n")
    client.send(MAIL + b"NOOP\r\n")
    assert server.rest() == (MAIL, "fin")
    assert client.ends() == "fin"


def counts(proxy):
    rule, = proxy.api("GET", "/rules")[1]["rules"]
    return rule["seen"], rule["hits"]


def mail(client, server):
    exchange(client, server, b"DATA\r\n", b"354 go\r\n")
    exchange(client, server, MAIL, b"250 Ok\r\n")


def test_a_mail_that_was_not_agreed_to_is_not_counted(vaurien, backend):
    proxy, client, server = meet(vaurien, backend, "--rule", "delay sleep=0.001 match=^MESSAGE skip=1 times=1")
    exchange(client, server, b"DATA\r\n", b"451 not now\r\n")
    settled(proxy, (0, 0))
    mail(client, server)
    settled(proxy, (1, 0))
    exchange(client, server, b"DATA\r\n", b"451 not now\r\n")
    mail(client, server)
    mail(client, server)
    settled(proxy, (3, 1))
    assert [strike["exchange"] for strike in proxy.strikes()] == ["7", "9"]
    proxy.logged("forgotten proxy=default connection=1 exchange=7 rule=delay")


def test_a_strike_is_not_used_up_by_a_mail_without_recipients(vaurien, backend):
    proxy, client, server = meet(vaurien, backend, "--rule", "error failure=spam match=^MESSAGE times=1")
    exchange(client, server, b"RSET\r\n", b"250 Ok\r\n")
    exchange(client, server, b"RCPT TO:<nobody@x>\r\n", b"550 no\r\n")
    client.send(b"DATA\r\n")
    assert server.read(6) == b"RSET\r\n"
    server.send(b"250 Ok\r\n")
    assert client.read_to(b"\n") == b"554 5.5.1 Error: no valid recipients\r\n"
    settled(proxy, (0, 0))
    exchange(client, server, b"RCPT TO:<b@x>\r\n", b"250 Ok\r\n")
    client.send(b"DATA\r\n")
    assert server.read(6) == b"RSET\r\n"
    server.send(b"250 Ok\r\n")
    assert client.read_to(b"\n").startswith(b"354 ")
    client.send(MAIL)
    assert client.read_to(b"\n") == b"554 5.7.1 Spam message rejected\r\n"
    settled(proxy, (1, 1))
