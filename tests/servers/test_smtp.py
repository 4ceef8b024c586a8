"""Postfix and its real clients through vaurien: invisible as dummy, each fault as a client sees it, and no mail that the
client was told is not there."""
import os
import re
import smtplib
import ssl
import subprocess
import threading

import pytest

from conftest import need
from harness import SAN, Clock, End, dial, patience, until
from server_smtp import ACCOUNT, Postfix, postfix       # noqa: F401: a fixture

ME = "me@example.test"
ALICE, BOB, CAROL = ("%s@example.test" % name for name in ("alice", "bob", "carol"))


@pytest.fixture
def mail(postfix):
    """The Postfix of the session, with empty mailboxes."""
    postfix.clear()
    return postfix


@pytest.fixture
def proxy(start, mail):
    return start("--protocol", "smtp", backend=mail)


@pytest.fixture
def proxies(vaurien, mail):
    """The same twice: the second one reads byte by byte."""
    return vaurien("--protocol", "smtp", backend=mail)


@pytest.fixture
def connect():
    """connect(server or proxy, **options): a smtplib.SMTP; closed at the end."""
    opened = []

    def to(end, **options):
        words = dict(timeout=patience(), local_hostname="client.test")
        opened.append(smtplib.SMTP("127.0.0.1", end.port, **dict(words, **options)))
        return opened[-1]
    yield to
    for client in opened:
        client.close()


class Raw(End):
    """A connection by hand."""

    def __init__(self, end, hello=True):
        super().__init__(dial(end.port).sock)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()
        if hello:
            self.hello = self.ask(b"EHLO client.test\r\n")

    def close(self):
        self.file.close()
        super().close()

    def reply(self):
        """Its lines, as one text; queue ids are all the same."""
        lines = []
        while not lines or lines[-1][3:4] == "-":
            line = self.file.readline().decode(errors="replace")
            assert line, "end of stream behind %r" % lines
            lines.append(re.sub(r"queued as \S+", "queued", line))
        return "".join(lines)

    def ask(self, data, replies=1):
        """Send this at once; its replies, a list of them where there are many."""
        self.send(data)
        got = [self.reply() for _ in range(replies)]
        return got if replies != 1 else got[0]

    def codes(self, data, replies):
        return [int(reply[:3]) for reply in self.ask(data, 2)] if replies == 2 else \
               [int(self.ask(data)[:3])] if replies == 1 else [int(reply[:3]) for reply in self.ask(data, replies)]


@pytest.fixture
def raw():
    opened = []

    def to(end, **options):
        opened.append(Raw(end, **options))
        return opened[-1]
    yield to
    for one in opened:
        one.close()


def text(subject, body="Hello.\r\n"):
    return "From: %s\r\nSubject: %s\r\n\r\n%s" % (ME, subject, body)


def envelope(*to, sender=ME):
    return (b"MAIL FROM:<%s>\r\n" % sender.encode()) + b"".join(b"RCPT TO:<%s>\r\n" % one.encode() for one in to)


# ---- (a) dummy: nothing to see ----

def told(deed, *args, **words):
    try:
        return deed(*args, **words)
    except smtplib.SMTPException as error:
        return type(error).__name__, error.args


def workload(client, bodies):
    """All sorts of deeds with default settings; what came of them."""
    said = [told(client.docmd, "NOOP"), told(client.ehlo), sorted(set(client.esmtp_features) - {"starttls"})[:3]]
    said[1] = [line for line in said[1][1].split(b"\n") if line != b"STARTTLS"]
    said += [told(client.verify, BOB), told(client.expn, "list"), told(client.help), told(client.docmd, "NOSUCH thing"),
             told(client.docmd, ""), told(client.docmd, "ETRN example.test"), told(client.docmd, "DATA")]
    for number, body in enumerate(bodies):
        said.append(told(client.sendmail, ME, [ALICE, "nobody@example.test", BOB], text("body %d" % number, body)))
    said.append(told(client.sendmail, ME, [BOB], b"Subject: bytes\n\n\x00\xff bare \r and \n.\n..\n", ["BODY=8BITMIME"]))
    said.append(told(client.sendmail, "", [CAROL], text("a bounce"), [], ["NOTIFY=NEVER"]))
    for sender in ("mail.550.5.7.1", "data.451.4.3.0", "dot.554.5.7.1"):
        said.append(told(client.sendmail, sender + "@example.test", [ALICE], text("refused")))
        said.append(told(client.rset))
    said.append(told(client.sendmail, ME, ["rcpt.450.4.2.1@example.test", "x@elsewhere.test"], text("nobody's")))
    said.append(told(client.login, "app", "wrong"))
    said.append(told(client.login, *ACCOUNT))
    said.append(told(client.login, *ACCOUNT))
    said.append(told(client.sendmail, ME, [CAROL], text("logged in")))
    said.append(told(client.quit))
    return re.sub(r"queued as \w+", "queued", repr(said))


BODIES = ["", "Hello.\r\n", ".\r\n..\r\n...\r\n.x\r\n", "no end of line", "\n.\n\n", "x" * 5000 + "\r\n", "line\r\n" * 3000]


def read(boxes):
    """Without order: Postfix delivers side by side."""
    return {name: sorted((str(mail["Subject"]), mail.get_payload()) for mail in mails) for name, mails in boxes.items()}


def test_a_mixed_workload_through_dummy_is_as_direct(mail, proxies, connect):
    direct = workload(connect(mail), BODIES), read(mail.boxes())
    mail.clear()
    assert (workload(connect(proxies), BODIES), read(mail.boxes())) == direct
    assert "raw" not in proxies.log() and len(direct[1]["bob"]) == len(BODIES) + 1
    assert ACCOUNT[1] not in proxies.log()


# All that a client may say in one segment, with how many replies that brings.
GROUPS = [
    (envelope(ALICE, BOB, "nobody@example.test") + b"DATA\r\n", 5), (b"Subject: one\r\n\r\n..\r\n.\r\n", 1),
    (envelope(ALICE) + b"RSET\r\nNOOP\r\n" + envelope(BOB) + b"DATA\r\n", 7), (b"Subject: two\r\n\r\n.\r\n" + envelope(CAROL) + b"DATA\r\n", 4),
    (b".\r\nNOOP\r\n", 2),
    (envelope(ALICE) + b"DATA\r\nSubject: three\r\n\r\nnot asked\r\n.\r\nNOOP\r\n", 5),      # a mail that does not wait
    (envelope("nobody@example.test") + b"DATA\r\nx\r\ny\r\nRSET\r\n", 6),             # ... and is not agreed to
    (envelope(BOB) + b"BDAT 13\r\nSubject: four" + b"BDAT 4\r\n\r\n\r\n" + b"BDAT 7 LAST\r\n.\r\nQUIT" + b"NOOP\r\n", 6),
    (envelope(BOB) + b"BDAT 0 LAST\r\n" + b"BDAT 3 LAST\r\nabc" + envelope(BOB, "nobody@example.test") + b"BDAT 17\r\nSubject: five\r\n\r\nBDAT 0 last\r\n", 9),
    (b"mail from:<me@example.test>\nrcpt to:<carol@example.test>\ndata\n", 3), (b"Subject: six\n\nno CR at all\n.\n", 1),
    (envelope(CAROL) + b"DATA\r\n", 3), (b"Subject: seven\n\nhalf of the CRs\n.\r\n", 1), (b"NOOP\r\n", 1),
    (b"AUTH LOGIN\r\n", 1), (b"YXBw\r\n", 1), (b"*\r\n", 1), (b"AUTH PLAIN\r\n", 1), (b"AGFwcABzZWNyZXQ=\r\nNOOP\r\n", 2),
    (b"MAIL " + b"x" * 70000 + b"\r\nNOOP\r\n", 2), (b"VRFY bob\r\nHELP\r\n \r\n", 3), (b"HELO again\r\n", 1), (b"QUIT\r\n", 1),
]


def test_groups_of_commands_are_answered_as_direct(mail, proxies, raw):
    def talk(end):
        one = raw(end)
        answers = [one.greeting] + [one.ask(data, replies) for data, replies in GROUPS]
        assert one.ends() == "fin"
        return answers, read(mail.boxes())
    direct = talk(mail)
    mail.clear()
    assert talk(proxies) == direct
    assert "raw" not in proxies.log()
    assert [subject for subject, _ in direct[1]["bob"]] == ["None", "five", "four", "one", "two"]


def test_large_mails_are_not_collected(mail, proxy, raw, connect):
    line = b"0123456789" * 7 + b"\r\n"
    lines = (12 << 20) // len(line)
    one = raw(proxy)
    one.ask(envelope(BOB), 2)
    before = proxy.memory()
    assert one.ask(b"DATA\r\n")[:3] == "354"
    assert one.ask(b"Subject: by DATA\r\n\r\n" + line * lines + b".\r\n").startswith("250 2.0.0")
    one.ask(envelope(BOB), 2)
    body = b"Subject: by BDAT\r\n\r\n" + line * lines
    assert one.ask(b"BDAT %d LAST\r\n" % len(body) + body).startswith("250 2.0.0")
    assert proxy.memory() - before < (64 << 20 if SAN else 8 << 20)
    connect(proxy).sendmail(ME, [BOB], b"Subject: by smtplib\r\n\r\n" + line * lines)
    for one in mail.boxes()["bob"]:
        assert one.get_payload().replace("\r\n", "\n") == (line * lines).decode().replace("\r\n", "\n"), one["Subject"]


def test_curl_sends_mail(mail, proxies, tmp_path, bufsize):
    path = tmp_path / "mail"
    body = "..\r\n.\r\n" * 20000 if not bufsize else ".\r\n"
    path.write_bytes(text("from curl", body).encode())
    for user in ([], ["--user", ":".join(ACCOUNT)]):
        subprocess.run([need("curl"), "--silent", "--show-error", "--url", "smtp://127.0.0.1:%d/client.test" % proxies.port, "--mail-from", ME,
                        "--mail-rcpt", BOB, "--mail-rcpt", ALICE, "--upload-file", str(path), *user], check=True, timeout=patience(30))
    assert read(mail.boxes())["bob"] == [("from curl", body.replace("\r\n", "\n"))] * 2
    assert "raw" not in proxies.log()


def test_exchanges_are_counted_as_postfix_counts(mail, proxies, raw):
    """And a mail is one more: its content, and the reply to that."""
    before, mails = len(mail.commands()), 0
    one = raw(proxies)
    for data, replies in GROUPS:
        mails += sum(reply.startswith("354") for reply in (one.ask(data, replies) if replies > 1 else [one.ask(data)]))
    assert one.ends() == "fin"
    until(lambda: len(mail.commands()) > before)
    empty = 1                                           # an empty line is answered, and Postfix does not count it
    counted = re.search(r"^vaurien_exchanges_total\{.*\} (\d+)$", proxies.api("GET", "/metrics")[1], re.M)
    assert int(counted.group(1)) == mail.commands()[before] + mails + empty
    assert mails == 6


# ---- (b) TLS ----

def test_starttls_is_not_offered(mail, proxies, connect, raw):
    client = connect(proxies)
    client.ehlo()
    assert "auth" in client.esmtp_features and "starttls" not in client.esmtp_features
    with pytest.raises(smtplib.SMTPNotSupportedError):
        client.starttls()
    assert client.docmd("STARTTLS") == (502, b"5.5.1 Error: command not implemented")
    assert client.sendmail(ME, [BOB], text("in the clear")) == {}
    direct = raw(mail)
    assert raw(proxies).hello == direct.hello.replace("250-STARTTLS\r\n", "") != direct.hello
    proxies.logged("STARTTLS is taken out of what the server offers")
    assert mail.subjects()["bob"] == ["in the clear"]


def test_what_is_encrypted_is_raw_and_rules_say_so(mail, vaurien, connect):
    proxy = vaurien("--protocol", "smtp", "--protocol-smtp-tls", "pass", backend=mail)
    client = connect(proxy)
    assert client.starttls()[0] == 220
    assert client.sendmail(ME, [BOB], text("encrypted")) == {}
    assert proxy.api("PUT", "/behavior", {"name": "error", "failure": "disk_full", "match": "^MAIL"}) == (
        200, {"status": "ok", "unreachable": 1})
    assert client.sendmail(ME, [BOB], text("encrypted still")) == {}
    assert proxy.api("GET", "/behavior")[1]["unreachable"] > 0
    assert proxy.api("GET", "/info")[1]["proxies"][0]["raw"] == 1
    assert mail.subjects()["bob"] == ["encrypted", "encrypted still"]
    fresh = connect(proxy)                              # up to STARTTLS it is plain
    with pytest.raises(smtplib.SMTPSenderRefused):
        fresh.sendmail(ME, [BOB], text("plain"))


def test_a_refused_starttls_leaves_the_connection_plain(mail, vaurien, connect):
    proxy = vaurien("--protocol", "smtp", "--protocol-smtp-tls", "pass", backend=mail)
    client = connect(proxy)
    proxy.set("error", failure="tls_unavailable")
    with pytest.raises(smtplib.SMTPResponseException) as caught:
        client.starttls()
    assert caught.value.smtp_code == 454
    assert client.sendmail(ME, [BOB], text("plain")) == {}


def test_tls_from_the_first_byte_is_raw(mail, vaurien):
    proxy = vaurien("--protocol", "smtp", backend="127.0.0.1:%d" % mail.tls_port)
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP_SSL("127.0.0.1", proxy.port, timeout=patience(), context=trusting) as client:
        client.sendmail(ME, [BOB], text("encrypted"))
    assert mail.subjects()["bob"] == ["encrypted"]
    proxy.logged("raw .*TLS begins")


# ---- (c) a failure by name, as smtplib raises it; and as it raises what Postfix says by itself ----

HELO, MAIL, RCPT, DATA, DOT, LOGIN = "helo", "mail", "rcpt", "data", "dot", "login"
MATCHES = {HELO: "^(EHLO|HELO)", MAIL: "^MAIL", RCPT: "^RCPT", DATA: "^DATA", DOT: "^MESSAGE", LOGIN: "^AUTH"}
FAILURES = {
    "user_unknown": [RCPT], "relay_denied": [RCPT], "greylisted": [RCPT], "mailbox_busy": [RCPT], "mailbox_full": [RCPT],
    "too_many_recipients": [RCPT], "sender_rejected": [MAIL], "too_many_requests": [MAIL], "policy": [MAIL, RCPT, DATA, DOT],
    "internal_error": [MAIL, RCPT, DATA, DOT], "disk_full": [MAIL, RCPT, DATA, DOT], "overloaded": [MAIL, RCPT, DATA, DOT],
    "unavailable": [HELO, MAIL, RCPT, DATA, DOT], "pooler_timeout": [MAIL, RCPT, DATA, DOT], "io_error": [DOT], "too_big": [MAIL, DOT],
    "spam": [DOT], "access_denied": [LOGIN], "login_unavailable": [LOGIN],
    "shutting_down": [HELO, MAIL, RCPT, DATA, DOT], "too_many_errors": [MAIL, RCPT, DATA, DOT],
}
GREETINGS = {"too_many_connections", "ports_busy", "no_service"}
OTHERS = {"tls_unavailable", "idle_timeout", "crash", "gone"}


@pytest.fixture(scope="session")
def codes(tmp_path_factory):
    """{"user_unknown": "550 5.1.1"}, as the program lists them."""
    program = os.environ.get("VAURIEN_BIN") or os.path.join(os.path.dirname(__file__), "..", "..", "bin", "vaurien")
    page = subprocess.run([program, "--list=protocols.md"], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    section = re.search(r"\n## smtp\n(.*?)(\n## |\Z)", page, re.S).group(1)
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|[^|]*\|[^|]*\|[^|]*\|$", section, re.M))


def test_every_failure_is_tried(codes):
    assert set(codes) == set(FAILURES) | GREETINGS | OTHERS


def outcome(client, moment, trigger=None):
    """What smtplib makes of a refusal: the exception, the code, and what can be done afterwards."""
    sender, to = ME, [BOB]
    if trigger and moment == RCPT:
        to = ["%s@example.test" % trigger]
    elif trigger and moment != HELO:
        sender = "%s@example.test" % trigger
    with pytest.raises(smtplib.SMTPException) as caught:
        if moment == LOGIN:
            client.login("tired" if trigger == "454" else "app", "wrong" if trigger else ACCOUNT[1])
        else:
            client.sendmail(sender, to, text("refused"))
    error = caught.value
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = list(error.recipients.values())[0]
    elif isinstance(error, smtplib.SMTPServerDisconnected):
        return type(error), None, None
    else:
        code, words = error.smtp_code, error.smtp_error
    return type(error), code, words.split(b" ")[0]


def afterwards(client):
    """After a refused mail some clients say RSET; smtplib does not always."""
    try:
        client.rset()
        return client.sendmail(ME, [BOB], text("afterwards"))
    except smtplib.SMTPServerDisconnected:
        return "disconnected"


@pytest.mark.parametrize("name, moment", [(name, moment) for name in FAILURES for moment in FAILURES[name]])
def test_a_failure_is_as_if_postfix_said_it(mail, proxies, connect, codes, name, moment):
    code, enhanced = codes[name].split()
    trigger = "%s.%s.%s" % (moment, code, enhanced)
    direct = connect(mail, local_hostname=trigger + ".test" if moment == HELO else "client.test")
    real = outcome(direct, moment, trigger if moment != LOGIN else code)
    proxied = connect(proxies)
    if moment != HELO:
        proxied.ehlo()
    proxies.set("error", failure=name, match=MATCHES[moment])
    assert outcome(proxied, moment) == real
    assert real[1:] == (int(code), enhanced.encode()) or (moment, code) == (HELO, "421")      # smtplib says HELO then, to nobody
    proxies.set("dummy")
    if moment == HELO:
        direct.local_hostname = "client.test"
    if name not in ("shutting_down", "too_many_errors"):
        assert afterwards(proxied) == afterwards(direct) == {}
        assert mail.subjects()["bob"] == ["afterwards"] * 2
    else:
        assert afterwards(proxied) == afterwards(direct) == "disconnected"
        assert mail.subjects()["bob"] == []


@pytest.mark.parametrize("name", sorted(GREETINGS | {"shutting_down"}))
def test_a_failure_instead_of_the_greeting(proxies, connect, raw, codes, name):
    proxies.set("error", failure=name)
    with pytest.raises(smtplib.SMTPConnectError) as caught:
        connect(proxies)
    assert caught.value.smtp_code == int(codes[name].split()[0])
    one = raw(proxies, hello=False)
    assert one.greeting.startswith(codes[name] + " ") and one.ends() == "fin"
    proxies.set("dummy")
    assert connect(proxies).noop() == (250, b"2.0.0 Ok")


def test_postfix_greets_too_many_alike(connect, codes):
    crowded = Postfix(smtpd_client_connection_count_limit="1", smtpd_client_event_limit_exceptions="")
    try:
        crowded.start()
        first = connect(crowded)
        with pytest.raises(smtplib.SMTPConnectError) as caught:
            connect(crowded)
        assert "%d %s" % (caught.value.smtp_code, caught.value.smtp_error.split()[0].decode()) == codes["too_many_connections"]
        assert first.noop()[0] == 250
    finally:
        crowded.destroy()


@pytest.mark.parametrize("name", ["idle_timeout", "shutting_down", "gone", "crash"])
def test_idle_connections_are_told(mail, proxies, raw, name):
    one = raw(proxies)
    proxies.set("error", failure=name)
    said, how = one.rest()
    assert how == ("rst" if name == "crash" else "fin")
    assert said == {"idle_timeout": b"421 4.4.2 mail.example.test Error: timeout exceeded\r\n",
                    "shutting_down": b"421 4.3.2 mail.example.test Service not available, closing transmission channel\r\n"}.get(name, b"")


def test_an_idle_connection_in_a_pool_is_found_dead(proxies, connect):
    client = connect(proxies)
    client.ehlo()
    proxies.set("error", failure="idle_timeout")
    until(lambda: proxies.api("GET", "/behavior")[1]["hits"] == 1)
    assert client.noop()[0] == 421                     # what was said meanwhile
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.noop()


# ---- (d) in step: what Postfix delivers is what the client was told ----

def test_one_of_three_recipients_is_refused(mail, proxies, connect):
    client = connect(proxies)
    proxies.set("error", failure="greylisted", match="^RCPT .*bob")
    assert client.sendmail(ME, [ALICE, BOB, CAROL], text("to two")) == {BOB: (451, b"4.7.1 <bob@example.test>: Recipient address rejected: Greylisted, try again later")}
    proxies.set("error", failure="user_unknown", match="^RCPT ")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        client.sendmail(ME, [ALICE, BOB, CAROL], text("to none"))
    proxies.set("dummy")
    assert client.sendmail(ME, [BOB], text("to him")) == {}
    assert mail.subjects() == {"alice": ["to two"], "bob": ["to him"], "carol": ["to two"]}


def test_a_refused_sender_leaves_no_transaction(mail, proxies, raw):
    one = raw(proxies)
    proxies.set("error", failure="sender_rejected")
    group = envelope(ALICE, BOB) + b"DATA\r\n"
    assert one.codes(group, 4) == [553, 503, 503, 503]
    proxies.set("dummy")
    assert one.codes(envelope(CAROL) + b"DATA\r\n", 3) == [250, 250, 354]
    assert one.codes(b"Subject: after\r\n\r\n.\r\n", 1) == [250]
    assert mail.subjects() == {"alice": [], "bob": [], "carol": ["after"]}


REFUSED_MAILS = [
    # how it comes, the match, what is answered
    ([envelope(BOB), b"DATA\r\n"], "^DATA", [250, 250, 452]),
    ([envelope(BOB) + b"DATA\r\n", b"Subject: x\r\n\r\n..\r\n.\r\n"], "^MESSAGE", [250, 250, 354, 452]),
    ([envelope(BOB) + b"DATA\r\nSubject: x\r\n\r\n.\r\n"], "^MESSAGE", [250, 250, 354, 452]),           # all at once
    ([envelope(BOB) + b"DATA\r\nx y\r\nz\r\n"], "^DATA", [250, 250, 452, 500, 500]),
    ([envelope("nobody@example.test") + b"DATA\r\n"], "^MESSAGE", [250, 550, 554]),
    ([envelope(BOB), b"BDAT 12 LAST\r\nSubject: x\r\n"], "^BDAT", [250, 250, 452]),
    ([envelope(BOB), b"BDAT 12\r\nSubject: x\r\n", b"BDAT 2 LAST\r\n\r\n"], "^BDAT 2", [250, 250, 250, 452]),
    ([envelope(BOB) + b"BDAT 12\r\nSubject: x\r\nBDAT 2 LAST\r\n\r\n"], "^BDAT 12", [250, 250, 452, 503]),
]


@pytest.mark.parametrize("parts, match, expected", REFUSED_MAILS)
def test_a_refused_mail_is_not_delivered(mail, proxies, raw, parts, match, expected):
    one, codes = raw(proxies), []
    proxies.set("error", failure="disk_full", match=match)
    for i, part in enumerate(parts):
        last = i + 1 == len(parts)
        codes += one.codes(part, len(expected) - len(codes) if last else len(re.findall(b"MAIL|RCPT|DATA\r|BDAT", part)))
    assert codes == expected
    until(lambda: proxies.api("GET", "/behavior")[1]["hits"] == (554 not in expected))      # a mail for nobody does not come
    proxies.set("dummy")
    assert one.codes(b"RSET\r\n" + envelope(BOB) + b"DATA\r\n", 4) == [250, 250, 250, 354]
    assert one.codes(b"Subject: again\r\n\r\nHello.\r\n.\r\nNOOP\r\n", 2) == [250, 250]
    assert mail.subjects()["bob"] == ["again"]


def test_mails_in_one_group_fare_each_by_itself(mail, proxies, raw):
    """The second of three, whose content comes with the next one's envelope."""
    one = raw(proxies)
    proxies.set("error", failure="spam", match="^MESSAGE", skip=1, times=1)
    codes = one.codes(envelope(ALICE) + b"DATA\r\n", 3)
    codes += one.codes(b"Subject: first\r\n\r\n.\r\n" + envelope(BOB) + b"DATA\r\n", 4)
    codes += one.codes(b"Subject: second\r\n\r\n.\r\n" + envelope(CAROL) + b"DATA\r\n", 4)
    codes += one.codes(b"Subject: third\r\n\r\n.\r\n", 1)
    assert codes == [250, 250, 354, 250, 250, 250, 354, 554, 250, 250, 354, 250]
    assert mail.subjects() == {"alice": ["first"], "bob": [], "carol": ["third"]}


def test_a_large_refused_mail_is_swallowed(mail, proxy, connect):
    client = connect(proxy)
    proxy.set("error", failure="too_big", match="^MESSAGE")
    before = proxy.memory()
    with pytest.raises(smtplib.SMTPDataError) as caught:
        client.sendmail(ME, [BOB], text("large", "0123456789\r\n" * (1 << 20)))
    assert caught.value.smtp_code == 552
    assert proxy.memory() - before < (64 << 20 if SAN else 8 << 20)
    proxy.set("dummy")
    assert client.sendmail(ME, [BOB], text("small")) == {}
    assert mail.subjects()["bob"] == ["small"]


def test_a_mail_for_someone_is_aimed_at(mail, proxies, connect):
    client = connect(proxies)
    proxies.set("error", failure="spam", match="^MESSAGE FROM:<me@.* TO:<bob@")
    assert client.sendmail(ME, [ALICE, CAROL], text("passes")) == {}
    with pytest.raises(smtplib.SMTPDataError):
        client.sendmail(ME, [ALICE, BOB], text("is refused"))
    assert mail.subjects() == {"alice": ["passes"], "bob": [], "carol": ["passes"]}


def test_a_transient_error_is_over_when_it_is_tried_again(mail, proxies, connect):
    client, tries = connect(proxies), 0
    proxies.set("error", failure="io_error", match="^MESSAGE", times=2)
    while True:
        tries += 1
        try:
            client.sendmail(ME, [BOB], text("once"))
            break
        except smtplib.SMTPDataError as error:
            assert error.smtp_code == 451
    assert tries == 3 and mail.subjects()["bob"] == ["once"]


def test_another_postfix_relays_through_it(mail, proxy, connect):
    """A client that sends in groups, asks for TLS where there is some, says QUIT with the last dot, and tries again."""
    relay = Postfix(relayhost="[127.0.0.1]:%d" % proxy.port, default_transport="smtp", virtual_mailbox_domains="",
                    smtpd_recipient_restrictions="permit", smtp_tls_security_level="may", smtp_connection_cache_on_demand="no",
                    minimal_backoff_time="2s", maximal_backoff_time="2s",      # tried again sooner, a mail may still be locked: then in minutes
                    queue_run_delay="1s")
    phases = [("dummy", {}, None), ("error", {"failure": "greylisted", "match": "^RCPT .*bob", "times": 1}, "451 4.7.1 .*Greylisted"),
              ("error", {"failure": "io_error", "match": "^MESSAGE", "times": 2}, "queue file write error"),
              ("error", {"failure": "shutting_down", "match": "^MAIL", "times": 1}, "421 4.3.2 mail.example.test"),
              ("error", {"failure": "too_many_connections", "times": 1}, "421 4.7.0"),
              ("abort", {"match": "^DATA", "times": 1}, "lost connection with 127.0.0.1.* while (receiving|performing|sending)"),
              ("lost_reply", {"match": "^MESSAGE", "times": 1}, "lost connection with .* while sending end of data")]
    try:
        relay.start()
        for number, (name, options, said) in enumerate(phases):
            proxy.set(name, **options)
            assert connect(relay).sendmail(ME, [ALICE, BOB], text("phase %d" % number)) == {}
            if said:
                until(lambda: re.search("status=deferred.*" + said, relay.said()), what=lambda: said + " in\n" + relay.said()[-3000:])
            until(lambda: not relay.queued(), what=lambda: "the mail to have been relayed:\n" + relay.said()[-6000:])
            until(lambda: not proxy.api("GET", "/info")[1]["proxies"][0]["connections"], what="the relay to leave")
        last = len(phases) - 1
        subjects = mail.subjects()
        assert subjects["alice"] == subjects["bob"] == sorted("phase %d" % i for i in [*range(last), last, last])      # its reply was lost
        assert "raw" not in proxy.log()
    finally:
        relay.destroy()


# ---- (e) behaviors, as the client sees them ----

def test_a_lost_reply_behind_the_dot_delivers_twice(mail, proxies, connect):
    client = connect(proxies)
    proxies.set("lost_reply", match="^MESSAGE", times=1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail(ME, [BOB], text("twice"))
    assert connect(proxies).sendmail(ME, [BOB], text("twice")) == {}
    assert mail.subjects()["bob"] == ["twice", "twice"]


@pytest.mark.parametrize("match", ["^DATA", "^MESSAGE", "^(DATA|MESSAGE)"])
def test_agreement_to_a_mail_is_not_its_answer(mail, proxies, connect, match):
    client = connect(proxies)
    proxies.set("lost_reply", match=match)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail(ME, [BOB], text("done"))
    until(lambda: mail.subjects()["bob"] == ["done"], what="the mail whose answer was lost")


def test_a_challenge_is_not_the_answer_to_a_login(mail, proxies, connect):
    proxies.set("truncate", bytes=2, match="^AUTH")
    client = connect(proxies)
    client.ehlo()
    client.user, client.password = ACCOUNT
    with pytest.raises(smtplib.SMTPException):
        client.auth("LOGIN", client.auth_login, initial_response_ok=False)
    proxies.set("dummy")
    client = connect(proxies)
    client.ehlo()
    client.user, client.password = ACCOUNT
    assert client.auth("LOGIN", client.auth_login, initial_response_ok=False)[0] == 235


def test_a_reply_of_many_lines_is_cut_short(mail, proxy, raw):
    whole = raw(mail).hello.replace("250-STARTTLS\r\n", "")
    for where, length in (("prefix", 2), ("boundary", 4), ("middle", 4 + (len(whole) - 4) // 2)):
        proxy.set("truncate", where=where, match="^EHLO")
        one = raw(proxy, hello=False)
        one.send(b"EHLO client.test\r\n")
        assert one.rest() == (whole[:length].encode(), "fin")


def test_the_connection_ends_behind_the_agreement(mail, proxies, raw):
    """After 354: what was sent of the mail is not a mail."""
    one = raw(proxies)
    proxies.set("abort", match="^MESSAGE")
    assert one.codes(envelope(BOB) + b"DATA\r\n", 3) == [250, 250, 354]
    one.send(b"Subject: arrives\r\n\r\n.\r\n")
    assert one.ends() == "fin"
    other = raw(proxies)
    proxies.set("abort", match="^DATA")
    other.ask(envelope(BOB), 2)
    other.send(b"DATA\r\n")
    assert other.ends() == "fin"
    until(lambda: mail.subjects()["bob"] == ["arrives"])


def test_delay_and_hang_strike_the_mail_alone(mail, proxies, raw):
    one = raw(proxies)
    proxies.set("delay", sleep=0.3, match="^MESSAGE")
    assert one.codes(envelope(BOB) + b"DATA\r\n", 3) == [250, 250, 354]
    with Clock() as took:
        assert one.codes(b"Subject: late\r\n\r\n.\r\n", 1) == [250]
    assert took.seconds >= 0.3 and [strike["verb"] for strike in proxies.strikes()] == ["MESSAGE"]
    proxies.set("hang", match="^MESSAGE")
    assert one.codes(envelope(BOB) + b"DATA\r\n", 3) == [250, 250, 354]
    one.send(b"Subject: hung\r\n\r\n.\r\n").silent(0.2)
    proxies.set("dummy")
    assert one.reply().startswith("250") and mail.subjects()["bob"] == ["hung", "late"]


def test_a_delayed_refusal_is_late_behind_the_dot(mail, start, raw):
    proxy = start("--protocol", "smtp", "--rule", "delay sleep=300ms match=^MESSAGE", "--rule", "error failure=spam match=^MESSAGE",
                  backend=mail)
    one = raw(proxy)
    assert one.codes(envelope(BOB) + b"DATA\r\n", 3) == [250, 250, 354]
    with Clock() as took:
        assert one.codes(b"Subject: late\r\n\r\n.\r\n", 1) == [554]
    assert took.seconds >= 0.3 and mail.subjects()["bob"] == []


def test_a_mail_that_is_dropped_is_never_answered(mail, proxies, raw):
    one = raw(proxies)
    proxies.set("drop", match="^MESSAGE")
    assert one.codes(envelope(BOB) + b"DATA\r\n", 3) == [250, 250, 354]
    one.send(b"Subject: gone\r\n\r\n.\r\n").silent(0.2)
    one.close()
    assert mail.subjects()["bob"] == []


def test_a_rule_that_comes_between_agreement_and_mail(mail, proxies, raw):
    """It is too late to refuse the mail, and the rule does not: the answer is what it may still strike."""
    one = raw(proxies)
    assert one.codes(envelope(BOB) + b"DATA\r\n", 3) == [250, 250, 354]
    proxies.set("error", failure="spam", match="^MESSAGE")
    assert one.codes(b"Subject: passes\r\n\r\n.\r\n", 1) == [250]
    assert one.codes(envelope(BOB) + b"DATA\r\n", 3) == [250, 250, 354]
    proxies.set("dummy")                        # and this one is refused, whatever comes
    assert one.codes(b"Subject: refused\r\n\r\n.\r\nNOOP\r\n", 2) == [554, 250]
    assert mail.subjects()["bob"] == ["passes"]


# ---- (f) all at once ----

CHAOS = [
    {"name": "error", "probability": 0.2}, {"name": "error", "match": "^(MESSAGE|BDAT)", "failure": "io_error", "probability": 0.5},
    {"name": "error", "match": "^(DATA|RCPT)", "failure": "overloaded", "probability": 0.3}, {"name": "delay", "sleep": 0.01, "probability": 0.5},
    {"name": "lost_reply", "probability": 0.05}, {"name": "abort", "match": "^(MESSAGE|RCPT)", "probability": 0.1},
    {"name": "error", "failure": "shutting_down", "probability": 0.02}, {"name": "dummy"},
]


def sends_mails(proxy, told, name, pipelined, until_stopped):
    """Mail after mail, each with a subject of its own: told[subject] is the code that the client got, or None."""
    end, number = None, 0
    while not until_stopped.is_set():
        number += 1
        subject = "%s %d" % (name, number)
        told[subject] = None
        try:
            end = end or Raw(proxy)
            told[subject] = sends_one(end, subject, pipelined, number)
        except (OSError, AssertionError, ValueError):
            end = end and end.close()           # whatever has become of it
    if end:
        end.close()


def sends_one(end, subject, pipelined, number):
    """The code that decides."""
    mail = b"Subject: %s\r\n\r\n%s" % (subject.encode(), b"line\r\n" * (number % 300))
    group = [b"RSET\r\n", b"MAIL FROM:<%s>\r\n" % ME.encode(), b"RCPT TO:<%s>\r\n" % BOB.encode()]
    if number % 3 == 0:
        group += [b"BDAT %d\r\n" % len(mail) + mail, b"BDAT 0 LAST\r\n"]
        codes = end.codes(b"".join(group), 5) if pipelined else [end.codes(part, 1)[0] for part in group]
        return max(codes[3:]) if codes[1:3] == [250, 250] else codes[-1]
    group += [b"DATA\r\n"]
    codes = end.codes(b"".join(group), 4) if pipelined else [end.codes(part, 1)[0] for part in group]
    return end.codes(mail + b".\r\n", 1)[0] if codes[3] == 354 else codes[3]


def test_who_was_told_so_has_delivered(mail, start):
    """While rules come and go: what was accepted is there once, what was refused is not there."""
    proxy, told, stop = start("--protocol", "smtp", "--threads", 2, backend=mail), {}, threading.Event()
    clients = [threading.Thread(target=sends_mails, args=(proxy, told, "client%d" % i, i % 2, stop)) for i in range(6)]
    for client in clients:
        client.start()
    for behavior in CHAOS * 4:
        proxy.api("PUT", "/behavior", behavior)
        before = len(told)
        until(lambda: len(told) > before + 15)
    proxy.set("dummy")
    stop.set()
    for client in clients:
        client.join()
    delivered = mail.subjects()["bob"]
    assert all(told[subject] in (250, None) for subject in delivered)
    assert {subject for subject, code in told.items() if code == 250} <= set(delivered)
    assert len(delivered) == len(set(delivered)) and {250, 451, None} <= set(told.values())


# ---- (g) peers that mean it ill ----

def test_lines_without_end_cost_nothing(proxy, raw, mail):
    one = raw(proxy)
    before = proxy.memory()
    one.send(b"NOOP " + b"x" * (8 << 20) + b"\r\nNOOP\r\n")
    assert [one.reply()[:3], one.reply()[:3]] == ["250", "250"]
    assert proxy.memory() - before < (64 << 20 if SAN else 8 << 20)


def test_a_client_that_does_not_wait_is_not_read_on(start, backend):
    """What follows DATA is held until that is answered, but not without bound."""
    proxy = start("--protocol", "smtp", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"220 mail ESMTP\r\n")
    client.read_to(b"\n")
    before, much = proxy.memory(), b"x" * 78 + b"\r\n"
    sender = threading.Thread(target=client.send, args=(b"DATA\r\n" + much * 400000 + b".\r\nQUIT\r\n",))
    sender.start()
    assert server.read(6) == b"DATA\r\n" and server.silent(0.3)
    assert sender.is_alive() and proxy.memory() - before < (64 << 20 if SAN else 8 << 20)
    server.send(b"354 go\r\n")
    assert server.read(len(much) * 400000 + 9)[-9:] == b".\r\nQUIT\r\n"
    sender.join()


@pytest.mark.parametrize("reply", [b"250-more\r\n", b"250-" + b"x" * 4000], ids=["lines", "line"])
@pytest.mark.parametrize("ask", [b"HELP\r\n", b"EHLO c\r\n"], ids=["HELP", "EHLO"])
def test_replies_without_end_cost_nothing(start, backend, ask, reply):
    proxy = start("--protocol", "smtp", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"220 mail ESMTP\r\n")
    client.read_to(b"\n")
    client.send(ask)
    server.read(len(ask))
    before = proxy.memory()
    much = reply * ((8 << 20) // len(reply))
    step = (1 << 18) // len(reply) * len(reply)
    for at in range(0, len(much), step):
        server.send(much[at:at + step])
        assert client.read(len(much[at:at + step])) == much[at:at + step]
    assert proxy.memory() - before < (64 << 20 if SAN else 8 << 20)


def test_garbage_passes_raw(vaurien, backend):
    proxy = vaurien("--protocol", "smtp", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"SSH-2.0-OpenSSH_9.2\r\n\x00\xff")
    assert client.read(23) == b"SSH-2.0-OpenSSH_9.2\r\n\x00\xff"
    client.send(b"\x00\x01\x02")
    assert server.read(3) == b"\x00\x01\x02"
