"""A fleet over TLS, with certificates on both sides, and with a login at etcd."""
import json
import os
import subprocess

import pytest

from conftest import CTL
from fleet import Etcd
from harness import need, patience, until


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A CA, and certificates of it for etcd and for members: etcd's client-cert-auth wants both."""
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*words):
        subprocess.run([need("openssl"), *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=str(folder))
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=the CA", "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext",
                "-out", name + ".pem")
    return folder


class Spoken:
    """An etcd that is asked by curl, with certificates."""

    def __init__(self, path, keys):
        self.keys = keys
        self.etcd = Etcd(path, scheme="https", extra=["--cert-file", str(keys / "server.pem"), "--key-file", str(keys / "server.key"),
                                                      "--trusted-ca-file", str(keys / "ca.pem"), "--client-cert-auth"])
        self.words = ["--fleet-ca", str(keys / "ca.pem"), "--fleet-cert", str(keys / "client.pem"), "--fleet-key", str(keys / "client.key")]


def test_certificates_on_both_sides(tmp_path, keys, start):
    spoken = Spoken(tmp_path, keys)
    url = spoken.etcd.url + "/t"
    try:
        member = start("--fleet", url, "--fleet-name", "one", *spoken.words, backend="127.0.0.1:1")
        member.logged("fleet: the store answers")
        said = json.loads(until(lambda: ctl(url, "--json", "members", *spoken.words) if member.log().count("answers") else None))
        assert said[0]["name"] == "one"
        assert "in force on 1 of 1" in ctl(url, "rule", "add", "delay", "sleep=1ms", "--for", "1m", *spoken.words)
        stranger = start("--fleet", url, "--fleet-name", "two", "--fleet-ca", str(keys / "ca.pem"), backend="127.0.0.1:1")
        stranger.logged("fleet: https://127.0.0.1:[0-9]+: asking for a lease: ")
        distrust = start("--fleet", url.replace("etcd:", "etcds:"), "--fleet-name", "three", backend="127.0.0.1:1")
        distrust.logged("asking for a lease: SSL")
    finally:
        spoken.etcd.stop()


def ctl(url, *words, env=None):
    done = subprocess.run([CTL, "--fleet", url, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                          timeout=patience(20), env=dict(os.environ, **(env or {})))
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_login(tmp_path, start):
    etcd = Etcd(tmp_path)
    url = etcd.url + "/t"
    try:
        for path, body in (("auth/user/add", {"name": "root", "password": "a:b c"}), ("auth/role/add", {"name": "root"}),
                           ("auth/user/grant", {"user": "root", "role": "root"}), ("auth/enable", {})):
            etcd.ask(path, body)
        member = start("--fleet", url, "--fleet-name", "one", "--fleet-user", "root:a:b c", backend="127.0.0.1:1")
        member.logged("fleet: the store answers")
        until(lambda: json.loads(ctl(url, "--json", "members", env={"VAURIEN_FLEET_USER": "root:a:b c"})), what="the member")
        assert "in force on 1 of 1" in ctl(url, "--fleet-user", "root:a:b c", "rule", "add", "delay", "sleep=1ms", "--for", "1m")
        wrong = start("--fleet", url, "--fleet-name", "two", "--fleet-user", "root:wrong", backend="127.0.0.1:1")
        wrong.logged("fleet: http://.*: logging in: .*authentication failed")
        none = start("--fleet", url, "--fleet-name", "three", backend="127.0.0.1:1")
        none.logged("fleet: http://.*: ")
        assert "a:b c" not in member.log() and ":wrong" not in wrong.log()
    finally:
        etcd.stop()
