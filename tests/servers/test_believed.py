"""What a real driver, as it comes, makes of each failure. What was seen is docs/failures.md.

    BELIEVED=write /usr/bin/python3 -m pytest tests/servers/test_believed.py     writes that page

Each failure is met by the deeds that it fits: a new connection, a statement on one that is open, and rest.
"""
import os
import re
import smtplib

import pytest

from conftest import ACCOUNT, pymysql
from harness import ROOT, SAN, need_module, patience, until
from server_kafka import broker                         # noqa: F401
from server_http import nginx                           # noqa: F401: a fixture
from server_memcache import cache                       # noqa: F401
from server_mongo import toy                            # noqa: F401
from server_postgres import postgres, psycopg2          # noqa: F401
from server_redis import server                         # noqa: F401
from server_smtp import ACCOUNT as LOGIN, postfix        # noqa: F401

clients = need_module("confluent_kafka") and __import__("test_kafka")
redis = need_module("redis")
requests = need_module("requests")
pymemcache = need_module("pymemcache")
pymongo = need_module("pymongo")
from confluent_kafka import KafkaException, TopicPartition      # noqa: E402
from pymemcache.client.base import Client               # noqa: E402
from pymemcache.exceptions import MemcacheError         # noqa: E402

PAGE = os.path.join(ROOT, "docs", "failures.md")
pytestmark = pytest.mark.skipif(bool(SAN), reason="once is enough")
USABLE, RECONNECTS, LOST = "usable", "lost; the driver connects again", "lost"


class Told(Exception):
    """No exception for this driver: what it returned instead."""


class Session:
    """One client of a protocol. `deeds` are tried in order until one meets the failure; "connect" is making one."""
    words = []                                  # for the proxy
    match = "."                                 # a rule with a match strikes no one who rests
    rests = True                                # does it rest, without a monitor?

    @classmethod
    def tried(cls, failure):
        """The deeds to try, in their order."""
        return cls.deeds

    def usable(self):
        """What can be done with it when the failure is over."""
        try:
            before, _ = self.identity(), self.read()
            return USABLE if self.identity() == before else RECONNECTS
        except self.errors:
            return LOST


class SQL(Session):
    deeds = ["read", "write", "commit", "connect"]

    def ask(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def read(self):
        self.ask("SELECT 1")

    def write(self):
        self.ask("INSERT INTO believed VALUES (1)")

    def commit(self):
        self.connection.commit()


class MySQL(SQL):
    driver, errors = "PyMySQL", (pymysql.err.Error,)

    def __init__(self, port):
        self.connection = pymysql.connect(host="127.0.0.1", port=port, **ACCOUNT)

    def identity(self):
        return self.connection.thread_id()

    def close(self):
        self.connection._force_close()

    @staticmethod
    def code(error):
        return str(error.args[0])


class Postgres(SQL):
    driver, errors = "psycopg2", (psycopg2.Error,)

    def __init__(self, port):
        self.connection = psycopg2.connect(host="127.0.0.1", port=port, user="app", password="secret", dbname="app")
        self.read()                             # and so it rests in a transaction

    def usable(self):
        try:
            self.connection.rollback()
        except self.errors:
            pass
        return super().usable()

    def identity(self):
        return self.connection.closed or self.connection.get_backend_pid()

    def close(self):
        self.connection.close()

    @staticmethod
    def code(error):
        return error.pgcode or str(error).split("\n")[0].split("FATAL:")[-1].strip().replace("at \"127.0.0.1\", ", "")


class Reconnecting(Session):
    """Its driver makes a lost connection anew by itself."""

    def usable(self):
        before = self.known
        try:
            self.read()
            return USABLE if self.identity() == before else RECONNECTS
        except self.errors:
            return LOST


class Redis(Reconnecting):
    driver, errors = "redis-py", (redis.RedisError, Told)
    deeds = ["read", "write", "exec", "block", "look up", "login", "connect"]

    def __init__(self, port):
        self.client = redis.Redis(port=port, single_connection_client=True)
        self.client.ping()

    def read(self):
        self.client.get("believed")

    def write(self):
        self.client.set("believed", 1)

    def exec(self):
        with self.client.pipeline() as pipeline:
            pipeline.watch("believed")
            pipeline.multi()
            pipeline.set("believed", 1)
            pipeline.execute()

    def block(self):
        self.client.blpop("believed-list", 0.01)

    def login(self):
        self.client.execute_command("AUTH", "secret")

    def look_up(self):
        self.client.set("believed-key", 1)
        if self.client.get("believed-key") is None:
            raise Told("None")

    def identity(self):
        return self.client.client_id()

    def close(self):
        self.client.close()
        self.client.connection_pool.disconnect()

    @staticmethod
    def code(error):
        if "not ready" in str(error):           # what came at accept is there before redis-py asks, or just after
            return "max number of clients reached"
        return "Connection reset by peer" if "Connection reset by peer" in str(error) else str(error)


class Memcache(Session):
    driver, errors = "pymemcache", (MemcacheError, OSError, Told)
    deeds = ["read", "cas", "look up", "store", "connect", "login"]

    def __init__(self, port):
        self.client = Client(("127.0.0.1", port), timeout=patience())
        self.read()

    def read(self):
        self.client.get("believed")

    def cas(self):
        if self.client.cas("believed-never", "1", "1") is False:
            raise Told("False")

    def look_up(self):
        self.client.set("believed-key", "1", noreply=False)
        if self.client.get("believed-key") is None:
            raise Told("None")

    def store(self):
        self.client.set("believed", "1", noreply=False)

    def login(self):
        self.client.close()                     # it is what a connection begins with
        self.client.set("believed", "app secret", noreply=False)

    def identity(self):
        return self.client.sock and self.client.sock.getsockname()

    def usable(self):
        before = self.known
        self.read()
        return USABLE if self.identity() == before else RECONNECTS

    def close(self):
        self.client.close()

    @staticmethod
    def code(error):
        return str(error) or "-"


class Mongo(Reconnecting):
    """Its server is a toy: see server_mongo.py. Its monitors have connections of their own."""
    driver, errors = "PyMongo", (pymongo.errors.PyMongoError,)
    deeds = {"read": {"reads", "commands"}, "write": {"writes", "writes with a write concern"},
             "write in a transaction": {"commands in transactions"}, "commit": {"commits"}, "get more": {"getMore"}, "login": {"logins"},
             "connect": {"the greeting"}}
    match, rests = "^(?!HELLO|ISMASTER|ABORT)", False
    labels = ["TransientTransactionError", "RetryableWriteError", "UnknownTransactionCommitResult", "NoWritesPerformed",
              "SystemOverloadedError", "RetryableError"]

    def __init__(self, port, **words):
        self.client = pymongo.MongoClient("127.0.0.1", port, replicaSet="rs", heartbeatFrequencyMS=500,
                                          serverSelectionTimeoutMS=int(1000 * patience(2)), **words)
        self.port = port
        self.read()

    @classmethod
    def tried(cls, failure):
        """Each takes its time, for the monitors to come and go."""
        return [deed for deed, fit in cls.deeds.items() if fit & set(failure["fits"])]

    def read(self):
        self.client.app.believed.find_one()

    def write(self, **words):
        self.client.app.believed.insert_one({"n": 1}, **words)

    def write_in_a_transaction(self):
        with self.client.start_session() as session, session.start_transaction():
            self.write(session=session)

    def commit(self):
        with self.client.start_session() as session:
            session.start_transaction()
            self.write(session=session)
            session.commit_transaction()

    def get_more(self):
        self.client.app.believed.insert_many([{"n": n} for n in range(5)])
        list(self.client.app.believed.find(batch_size=2))

    def login(self):
        Mongo(self.port, username="app", password="wrong").close()

    def identity(self):
        return self.client.admin.command("whatsmyuri")["you"]

    def close(self):
        self.client.close()

    @classmethod
    def code(cls, error):
        code = (getattr(error, "details", None) or {}).get("code")
        labels = ", ".join(label for label in cls.labels if error.has_error_label(label))
        text = str(code) if code else re.findall(r"connection closed|Connection reset by peer|$", str(error))[0]
        return "%s: %s" % (text, labels) if labels else text


class HTTP(Session):
    driver, errors, deeds = "requests", (requests.RequestException,), ["read", "write"]

    def __init__(self, port):
        self.url = "http://127.0.0.1:%d" % port
        self.session = requests.Session()
        self.seen = None
        self.read()

    def ask(self, method, path, **words):
        with self.session.request(method, self.url + path, stream=True, **words) as answer:
            sock = getattr(answer.raw._connection, "sock", None)
            self.seen = sock and sock.getsockname()
            answer.content
            answer.raise_for_status()

    def read(self):
        self.ask("GET", "/small.txt")

    def write(self):
        self.ask("PUT", "/believed.txt", data=b"x")

    def identity(self):
        return self.seen

    def close(self):
        self.session.close()

    @staticmethod
    def code(error):
        if error.response is not None:
            return "%d %s" % (error.response.status_code, error.response.reason)
        return re.findall(r"[A-Z][^()'\",]{8,}", str(error))[-1].strip()


class SMTP(Session):
    driver, errors = "smtplib", (smtplib.SMTPException,)
    deeds = ["send", "login", "encrypt", "connect"]
    words = ["--protocol-smtp-tls", "pass"]     # for the sake of "encrypt"; smtplib asks for TLS only where it is told to

    def __init__(self, port):
        self.client = smtplib.SMTP("127.0.0.1", port, timeout=patience())
        self.client.ehlo()

    def send(self):
        self.client.sendmail("me@example.test", ["bob@example.test"], "Subject: believed\r\n\r\n")

    read = send

    def login(self):
        self.client.login(*LOGIN)

    def encrypt(self):
        self.client.starttls()

    def identity(self):
        return self.client.sock and self.client.sock.getsockname()

    def usable(self):
        try:
            self.client.rset()
        except self.errors:
            return LOST
        return super().usable()

    def close(self):
        self.client.close()

    @staticmethod
    def code(error):
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            return "%d %s" % tuple(part if isinstance(part, int) else part.decode() for part in error.recipients["bob@example.test"])
        return "%d %s" % (error.smtp_code, error.smtp_error.decode()) if hasattr(error, "smtp_code") else str(error)


# ---- one failure after the other ----

class Meeting:
    """A proxy before a server, and the sessions of one driver through it."""

    def __init__(self, proxy, kind):
        self.proxy, self.kind = proxy, kind

    def open_sockets(self):
        """Of clients of the proxy, as the kernel has it: those whose other end is still there."""
        with open("/proc/net/tcp") as lines:
            rows = [line.split() for line in lines]
        return [row for row in rows if row[2].endswith(":%04X" % self.proxy.port) and row[3] == "01"]

    def all_gone(self, what):
        until(lambda: not self.open_sockets() and not self.proxy.api("GET", "/info")[1]["proxies"][0]["connections"], what=what)

    def deed(self, failure, name):
        """The row of a failure that strikes this deed; None: it does not."""
        session = None
        if name != "connect":
            session = self.kind(self.proxy.port)
            session.known = session.identity()
        words = {} if name == "idle" else {"match": self.kind.match}
        self.proxy.set("error", failure=failure, **words)
        try:
            if name == "connect":
                session = self.kind(self.proxy.port)
            elif name == "idle":
                self.all_gone("%s to strike who rests" % failure)
                assert self.proxy.api("GET", "/behavior")[1]["hits"] == 1
                self.proxy.set("dummy")
                session.read()
            else:
                getattr(session, name.replace(" ", "_"))()
        except self.kind.errors as error:
            self.proxy.set("dummy")
            kind = "none" if isinstance(error, Told) else "%s.%s" % (type(error).__module__.split(".")[0], type(error).__name__)
            text = str(self.kind.code(error)).replace(":%d" % self.proxy.port, ":PORT")
            return (failure, name, kind, text, session.usable() if session else "-")
        finally:
            self.proxy.set("dummy")
            if session:
                session.close()
            self.all_gone("the driver to leave")
        return (failure, name, "none", "", RECONNECTS) if name == "idle" else None

    def rows(self, failure):
        rows = []
        if "request" in failure["moments"]:
            deeds = self.kind.tried(failure)
            struck = (self.deed(failure["name"], deed) for deed in deeds)
            rows.append(next((row for row in struck if row), None))
            assert rows[0], "%s strikes none of %s" % (failure["name"], deeds)
        if "idle" in failure["moments"] and self.kind.rests:
            rows.append(self.deed(failure["name"], "idle"))
        return rows


def cell(text):
    return re.sub(r"([|*_`<>\\])", r"\\\1", str(text))


def section(kind, protocol, rows):
    lines = ["## %s: %s\n" % (protocol, kind.driver),
             "| failure | strikes | exception | code or text | the connection then |", "|---|---|---|---|---|"]
    lines += ["| `%s` | %s |" % (row[0], " | ".join(map(cell, row[1:]))) for row in rows]
    return "\n".join(lines) + "\n"


def judged(name, text):
    """This section stands on the page; or is written there."""
    with open(PAGE) as page:
        sections = re.split(r"^(?=## )", page.read(), flags=re.M)
    mine = [i for i, part in enumerate(sections) if part.startswith("## %s" % name)]
    if os.environ.get("BELIEVED") == "write":
        text += "\n"
        if mine:
            sections[mine[0]] = text
        else:
            sections.append(text)
        with open(PAGE, "w") as page:
            page.write("\n".join(part.rstrip("\n") + "\n" for part in sections))
        return
    assert mine, name
    assert text.splitlines() == sections[mine[0]].rstrip("\n").splitlines()


def believe(start, kind, protocol, server):
    meeting = Meeting(start("--protocol", protocol, *kind.words, backend=server), kind)
    failures = [failure for failure in meeting.proxy.api("GET", "/failures")[1]["failures"] if failure["protocol"] == protocol]
    judged("%s: " % protocol, section(kind, protocol, [row for failure in failures for row in meeting.rows(failure)]))


def test_the_names(run):
    judged("One name", "## One name for one outage\n\n" + run("--list=failures.md").stdout)


def test_mysql(start, mariadb):
    direct = pymysql.connect(unix_socket=mariadb.socket, user="root", database="app", autocommit=True)
    with direct.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS believed (n INT)")
    direct.close()
    believe(start, MySQL, "mysql", mariadb)


def test_postgres(start, postgres):
    direct = psycopg2.connect(host="127.0.0.1", port=postgres.port, user="app", password="secret", dbname="app")
    with direct, direct.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS believed (n INT)")
    direct.close()
    believe(start, Postgres, "postgres", postgres)


def test_redis(start, server):
    believe(start, Redis, "redis", server)


def test_memcache(start, cache):
    believe(start, Memcache, "memcache", cache)


def test_mongo(start, toy):
    toy.streams = False
    believe(start, Mongo, "mongo", toy)


def test_http(start, nginx):
    believe(start, HTTP, "http", nginx)


def test_smtp(start, postfix):
    believe(start, SMTP, "smtp", postfix)


# ---- kafka: the client itself repeats most of what fails ----

class Kafka:
    driver = "librdkafka, without retries and with 1.5 s for a message"


def kafka_produce(ports, name):
    one = clients.producer(ports, retries=0, acks="all", linger_ms=0, message_timeout_ms=1500)
    return clients.sent(one, "believed-" + name, [b"v"])[0]


def kafka_metadata(ports, name):
    error = clients.producer(ports).list_topics("believed-metadata", timeout=5).topics["believed-metadata"].error
    return error and error.name()


def kafka_fetch(ports, name):
    one = clients.consumer(ports, "believed", auto_offset_reset="error")
    try:
        one.assign([TopicPartition("believed-fetch", 0, 0)])
        return until(lambda: (message := one.poll(0.1)) is not None and message.error(), what="an error").name()
    finally:
        one.close()


def kafka_commit(ports, name):
    one = clients.consumer(ports, "believed")
    try:
        one.commit(offsets=[TopicPartition("believed-fetch", 0, 1)], asynchronous=False)
    finally:
        one.close()


def kafka_transaction(ports, name):
    one = clients.producer(ports, transactional_id="believed-" + name)
    one.init_transactions(2)
    one.begin_transaction()
    one.produce("believed-transaction", b"v")
    one.commit_transaction(2)


# What is tried of each failure, and a match of its own where the clients would not get so far. The mock has no logins and does
# not create topics when it is asked to.
KAFKA_DEEDS = {"no_leader": ("metadata", "^METADATA"), "data_lost": ("fetch", "."), "starting_up": ("commit", "."), "unavailable": ("commit", "."),
               "not_coordinator": ("commit", "."), "rebalance": ("commit", "."), "member_lost": ("commit", "."), "fenced": ("transaction", "^ENDTXN"),
               "conflict": ("transaction", "^ADD")}
KAFKA_UNMET = {"access_denied", "too_many_requests", "overloaded", "too_many_connections", "idle_timeout"}


def kafka_row(proxy, failure):
    deed, match = KAFKA_DEEDS.get(failure, ("produce", "^PRODUCE"))
    proxy.set("error", failure=failure, match=match)
    try:
        error = globals()["kafka_" + deed]([proxy.port], failure)
    except KafkaException as told:
        error = told.args[0].name() + (", fatal" if told.args[0].fatal() else "")
    assert proxy.api("GET", "/behavior")[1]["hits"], failure
    proxy.set("dummy")
    return (failure, deed, "none" if error is None else error)


def test_kafka(start, broker):
    proxy = start("--protocol", "kafka", backend=broker)
    assert clients.sent(clients.producer([proxy.port]), "believed-fetch", [b"v"], partition=0) == [None]
    names = [failure["name"] for failure in proxy.api("GET", "/failures")[1]["failures"] if failure["protocol"] == "kafka"]
    rows = [kafka_row(proxy, name) for name in names if name not in KAFKA_UNMET]
    lines = ["## kafka: %s\n" % Kafka.driver, "| failure | strikes | the error |", "|---|---|---|"]
    judged("kafka: ", "\n".join(lines + ["| `%s` | %s |" % (row[0], " | ".join(map(cell, row[1:]))) for row in rows]) + "\n")
