"""A real dnsmasq, unbound and knot, and the resolvers that ask them: dnspython, c-ares, glibc's."""
import ctypes
import os
import selectors
import socket
import subprocess

import pytest

import harness
from harness import need, need_module, until

dns = need_module("dns")
need_module("dns.resolver")
need_module("dns.query")
need_module("dns.update")

NAMES = {"host%d.test" % i: "10.1.%d.%d" % (i // 250, i % 250 + 1) for i in range(300)}


class Dnsmasq:
    def __init__(self, directory):
        self.port = harness.free_port()
        self.address = "127.0.0.1:%d" % self.port
        hosts = os.path.join(str(directory), "hosts")
        with open(hosts, "w") as out:
            out.writelines("%s %s\n" % (address, name) for name, address in NAMES.items())
        self.process = subprocess.Popen(
            [need("dnsmasq"), "-k", "-p", str(self.port), "-a", "127.0.0.1", "-z", "-R", "-h", "-C", "/dev/null", "-H", hosts,
             "-A", "/db.test/10.0.0.1", "-A", "/db.test/2001:db8::5", "--local=/test/", "--txt-record=text.test,hello",
             "--pid-file=", *(["-u", "root"] if os.getuid() == 0 else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: harness.listening(self.port), what="dnsmasq")

    def stop(self):
        self.process.terminate()
        self.process.wait(harness.patience())


@pytest.fixture(scope="module")
def dnsmasq(tmp_path_factory):
    server = Dnsmasq(tmp_path_factory.mktemp("dnsmasq"))
    yield server
    server.stop()


class Unbound:
    """The same names, of which `many.test` needs TCP, since its answer has more than 1232 bytes."""

    def __init__(self, directory):
        self.port = harness.free_port()
        self.address = "127.0.0.1:%d" % self.port
        path = os.path.join(str(directory), "unbound.conf")
        data = ["db.test. A 10.0.0.1", "db.test. AAAA 2001:db8::5", "text.test. TXT hello"] + ["many.test. A 10.2.0.%d" % i for i in range(1, 121)]
        data += ["%s. A %s" % one for one in NAMES.items()]
        with open(path, "w") as out:
            out.write("server:\n interface: 127.0.0.1@%d\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n pidfile: \"\"\n"
                      " directory: \"%s\"\n use-syslog: no\n logfile: \"log\"\n module-config: iterator\n rrset-roundrobin: no\n local-zone: test. static\n"
                      % (self.port, directory) + "".join(" local-data: \"%s\"\n" % one for one in data))
        self.process = subprocess.Popen([need("unbound"), "-d", "-p", "-c", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        until(lambda: harness.listening(self.port), what="unbound")

    stop = Dnsmasq.stop


@pytest.fixture(scope="module")
def unbound(tmp_path_factory):
    server = Unbound(tmp_path_factory.mktemp("unbound"))
    yield server
    server.stop()


class Knot:
    """An authority for `test`, of 4000 names more: clients may transfer it (two messages of TCP) and update it."""

    def __init__(self, directory):
        self.port = harness.free_port()
        self.address = "127.0.0.1:%d" % self.port
        path, zone = os.path.join(str(directory), "knot.conf"), os.path.join(str(directory), "test.zone")
        data = ["db A 10.0.0.1", "db AAAA 2001:db8::5", "text TXT hello", "alias CNAME db", "deep NS ns.deep", "ns.deep A 10.0.0.9"]
        data += ["many A 10.2.0.%d" % i for i in range(1, 121)] + ["name%d A 10.3.%d.%d" % (i, i // 250, i % 250) for i in range(4000)]
        with open(zone, "w") as out:
            out.write("$ORIGIN test.\n$TTL 60\n@ SOA ns mail 1 900 300 604800 60\n@ NS ns\nns A 127.0.0.1\n" + "\n".join(data) + "\n")
        with open(path, "w") as out:
            out.write("server:\n    listen: 127.0.0.1@%d\n    rundir: %s\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"
                      "database:\n    storage: %s\nacl:\n  - id: all\n    address: 127.0.0.1\n    action: [transfer, update]\n"
                      "zone:\n  - domain: test\n    file: %s\n    acl: all\n" % (self.port, directory, directory, zone))
        self.process = subprocess.Popen([need("knotd"), "-c", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        until(self.serves, what="knot")

    def serves(self):
        """It listens before it has read the zone."""
        question = dns.message.make_query("db.test", "A")
        return harness.listening(self.port) and dns.query.tcp(question, "127.0.0.1", port=self.port, timeout=harness.patience()).answer

    stop = Dnsmasq.stop


@pytest.fixture(scope="module")
def knot(tmp_path_factory):
    server = Knot(tmp_path_factory.mktemp("knot"))
    yield server
    server.stop()


# ---- resolvers: what they make of a look-up, as one line ----

def by_dnspython(port, name="db.test", kind="A", seconds=None):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.cache = ["127.0.0.1"], port, None
    resolver.timeout = resolver.lifetime = seconds or harness.patience(0.4)
    resolver.use_edns(0)
    try:
        return " ".join(sorted(str(record) for record in resolver.resolve(name, kind, search=False)))
    except dns.exception.DNSException as error:
        return type(error).__name__


def by_cares(port, name="db.test", kind="A", seconds=None):
    pycares = need_module("pycares")
    channel = pycares.Channel(servers=["127.0.0.1"], udp_port=port, tcp_port=port, timeout=seconds or harness.patience(0.4), tries=1, lookups="b", flags=256)    # EDNS
    told = []

    def come(result, error):
        told.append(pycares.errno.errorcode[error] if error else
                    " ".join(sorted(record.host for record in (result if isinstance(result, list) else [result]))))
    channel.query(name, {"A": pycares.QUERY_TYPE_A, "AAAA": pycares.QUERY_TYPE_AAAA}[kind], come)
    while not told:
        reads, writes = channel.getsock()
        if not reads and not writes:
            break
        with selectors.DefaultSelector() as waiting:
            for fd in {*reads, *writes}:
                waiting.register(fd, (selectors.EVENT_READ if fd in reads else 0) | (selectors.EVENT_WRITE if fd in writes else 0))
            ready = waiting.select(channel.timeout())
        for key, events in ready:
            channel.process_fd(key.fd if events & selectors.EVENT_READ else pycares.ARES_SOCKET_BAD,
                               key.fd if events & selectors.EVENT_WRITE else pycares.ARES_SOCKET_BAD)
        if not ready:
            channel.process_fd(pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)
    return told[0]


def by_glibc(port, name="db.test", kind="A", seconds=None):
    """res_nquery() with a state of its own, since resolv.conf has no ports."""
    lib = ctypes.CDLL("libresolv.so.2", use_errno=True)
    libc = ctypes.CDLL(None, use_errno=True)
    init = getattr(libc, "__res_ninit", None) or lib.__res_ninit
    query = getattr(libc, "__res_nquery", None) or getattr(libc, "res_nquery", None) or lib.__res_nquery
    state = ctypes.create_string_buffer(1024)
    assert init(state) == 0
    options = ctypes.c_ulong.from_buffer(state, 8)
    options.value = options.value & ~0x80 | 0x100000                    # no search domains; EDNS
    ctypes.c_int.from_buffer(state, 0).value = int(seconds or harness.patience(1))                  # retrans
    ctypes.c_int.from_buffer(state, 4).value = 1                        # retry
    ctypes.c_int.from_buffer(state, 16).value = 1                       # nscount
    where = socket.AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big") + socket.inet_aton("127.0.0.1") + bytes(8)
    ctypes.memmove(ctypes.addressof(state) + 20, where, 16)
    answer = ctypes.create_string_buffer(4096)
    n = query(state, name.encode(), 1, {"A": 1, "AAAA": 28}[kind], answer, len(answer))
    if n < 0:
        place = libc.__h_errno_location
        place.restype = ctypes.POINTER(ctypes.c_int)
        return {1: "HOST_NOT_FOUND", 2: "TRY_AGAIN", 3: "NO_RECOVERY", 4: "NO_DATA"}[place().contents.value]
    message = dns.message.from_wire(answer.raw[:n])
    return " ".join(sorted(str(record) for rrset in message.answer for record in rrset))
