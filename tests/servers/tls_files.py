"""Certificates for the servers of a module: a CA, and leaves that it signs, made by openssl."""
import os
import subprocess

import pytest

from conftest import Control, need


class Authority:
    """A CA in a directory: .ca is its certificate."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.ca = os.path.join(self.directory, "test-ca.pem")
        self.key = os.path.join(self.directory, "test-ca.key")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                     "/CN=the servers' CA", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
                     "-keyout", self.key, "-out", self.ca)

    def both(self):
        """A file with two CAs: of the servers, and vaurien's own, which a proxy has made by now."""
        path = os.path.join(self.directory, "both.pem")
        with open(path, "w") as bundle:
            for ca in (self.ca, self.own_ca):
                with open(ca) as text:
                    bundle.write(text.read())
        return path

    @staticmethod
    def openssl(*words):
        done = subprocess.run([need("openssl"), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        assert done.returncode == 0, done.stdout

    def leaf(self, name="server", names="DNS:localhost,IP:127.0.0.1"):
        """(certificate, key), two files."""
        cert, key, request = (os.path.join(self.directory, name + end) for end in (".pem", ".key", ".csr"))
        extensions = os.path.join(self.directory, name + ".ext")
        with open(extensions, "w") as text:
            text.write("subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n" % names)
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=" + name, "-keyout", key,
                     "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial", "-days", "2", "-extfile",
                     extensions, "-out", cert)
        os.chmod(key, 0o600)
        return cert, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """The servers' CA, and in .own the directory of vaurien's own CA; .own_ca is its certificate."""
    one = Authority(tmp_path_factory.mktemp("authority"))
    one.own = os.path.join(one.directory, "own")
    one.own_ca = os.path.join(one.own, "ca.pem")
    return one


@pytest.fixture
def legs(start, authority):
    """legs(server, protocol, client=, backend=, *more): a proxy with TLS on its legs, with .ctl"""
    def one(server, protocol, *more, client="on", backend="off"):
        words = ["--protocol", protocol, "--tls-dir", authority.own]
        if client != "off":
            words += ["--client-tls", client]
        if backend != "off":
            words += ["--backend-tls", backend]
        if backend == "verify":
            words += ["--backend-tls-ca", authority.ca]
        proxy = start(*words, *more, backend=server)
        proxy.ctl = Control(proxy)
        return proxy
    return one
