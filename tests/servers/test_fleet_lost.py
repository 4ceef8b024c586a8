"""A fleet that loses its store, or a member of it: what is in force ends by itself, and traffic never notices."""
import os
import signal
import subprocess

import pytest

from fleet import LEASE, Etcd, Fleet, in_force, rules, wish
from harness import SAN, Clock, http_ask, need, until


@pytest.fixture
def cluster(tmp_path):
    made = []

    def make(n=1):
        made.append(Etcd(tmp_path, n))
        return made[-1]
    yield make
    for etcd in made:
        etcd.stop()


@pytest.mark.skipif(bool(SAN), reason="once is enough: it waits for leases")
def test_a_member_that_is_silent_is_gone_with_its_lease(cluster, start):
    fleet = Fleet(cluster(), start, "t")
    member = fleet.join("one")
    fleet.seen("one")
    member.process.send_signal(signal.SIGSTOP)
    until(lambda: not fleet.texts("members"), LEASE + 5, "the lease to end")
    member.process.send_signal(signal.SIGCONT)
    fleet.seen("one")                   # and is back with another one


def test_out_of_reach_for_the_lease_time_fails_open(cluster, start):
    etcd = cluster()
    fleet = Fleet(etcd, start, "t")
    member = fleet.join("one")
    fleet.put("a", wish(**{"for": 600}))
    in_force(member, "a")
    etcd.members[0].send_signal(signal.SIGSTOP)
    with Clock() as took:
        in_force(member, seconds=LEASE + 5)
    assert took.seconds > LEASE - 6             # the last answer may be a renewal's age old
    member.logged("the store is out of reach for 15 s: its rules are taken back")
    assert http_ask(member, "GET", "/fleet")[0] == 503
    etcd.members[0].send_signal(signal.SIGCONT)
    in_force(member, "a")
    member.logged("the store answers")


@pytest.mark.skipif(bool(SAN), reason="once is enough: it waits for leases")
def test_the_leader_dies_and_then_the_quorum(cluster, start):
    etcd = cluster(3)
    fleet = Fleet(etcd, start, "t")
    members = [fleet.join("m%d" % i) for i in range(3)]     # each begins with another server
    fleet.seen("m0", "m1", "m2")
    fleet.put("a", wish(**{"for": 600}))
    for member in members:
        in_force(member, "a")
    etcd.kill(etcd.leader())
    until(lambda: etcd.leader() is not None, what="a new leader")
    fleet.put("b", wish(**{"for": 4}))
    for member in members:
        member.logged("rule=fleet-b is set by the fleet")       # each by itself: it is gone soon
    etcd.kill(etcd.leader())                    # no quorum: b ends by its deadline, a after the lease time
    for member in members:
        in_force(member, seconds=LEASE + 10)


class Namespace:
    """A network namespace with one address of its own, and a link to ours that can be cut."""

    def __init__(self, number):
        self.name, self.inside, self.outside = "vaurien-%d-%d" % (os.getpid(), number), "10.213.%d.2" % number, "10.213.%d.1" % number
        self.link = "vn%d" % (os.getpid() % 100000)

    def ip(self, *words):
        subprocess.run([need("ip"), *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def __enter__(self):
        try:
            self.ip("netns", "add", self.name)
            self.ip("link", "add", self.link, "type", "veth", "peer", "name", "vn0", "netns", self.name)
        except subprocess.CalledProcessError as error:
            pytest.skip("*** no network namespace to be had here: %s ***" % error.stderr.decode().strip())
        self.ip("addr", "add", self.outside + "/30", "dev", self.link)
        self.ip("link", "set", self.link, "up")
        for words in ("addr add %s/30 dev vn0" % self.inside, "link set vn0 up", "link set lo up"):
            self.ip("-n", self.name, *words.split())
        return self

    def __exit__(self, *_):
        self.ip("netns", "del", self.name)

    def cut(self, off):
        self.ip("-n", self.name, "link", "set", "vn0", "down" if off else "up")


@pytest.mark.skipif(bool(SAN), reason="once is enough: it waits for leases")
def test_a_partition_between_a_member_and_etcd(tmp_path, start):
    with Namespace(1) as net:
        etcd = Etcd(tmp_path, host=net.outside)
        try:
            fleet = Fleet(etcd, start, "t")
            apart = fleet.join("apart", prefix=["ip", "netns", "exec", net.name], up=lambda: True, http=False, listen="0.0.0.0:7001")
            near = fleet.join("near")
            fleet.seen("apart", "near")
            fleet.put("a", wish(**{"for": 600}))
            in_force(near, "a")
            apart.logged("rule=fleet-a is set by the fleet")
            net.cut(True)
            apart.logged("out of reach for 15 s: its rules are taken back", 15 + 10)
            until(lambda: "apart" not in fleet.texts("members"), 15 + 10, "its lease to end")
            assert rules(near) == ["fleet-a"]
            net.cut(False)
            until(lambda: apart.log().count("rule=fleet-a is set by the fleet") == 2, what="the rule to be back")
        finally:
            etcd.stop()
