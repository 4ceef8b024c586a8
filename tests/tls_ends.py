"""Ends that speak TLS, for scenarios: over a MemoryBIO, so that a test sees and breaks what is on the wire."""
import functools
import os
import socket
import ssl
import subprocess
import tempfile
import threading

from harness import End, need, patience

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@functools.lru_cache(maxsize=None)
def backend_certificate():
    """The path of a self-signed certificate with its key, for localhost; made once."""
    directory = tempfile.mkdtemp(prefix="vaurien-tls-")
    path = os.path.join(directory, "backend.pem")
    subprocess.run([need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", path, "-out", path + ".cert"], check=True, stderr=subprocess.DEVNULL)
    with open(path, "a") as out, open(path + ".cert") as cert:
        out.write(cert.read())
    return path


def context(server, version=None, alpn=(), ca=None):
    """A context of either role. It sees truncation, which Python 3.10 hides by default."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if version:
        made.minimum_version = made.maximum_version = VERSIONS[version]
    if server:
        made.load_cert_chain(backend_certificate())
    elif ca:
        made.load_verify_locations(ca)
    else:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


class TlsEnd(End):
    """As End, through TLS. The handshake is done when it is made, unless `shake` is False. One thread may send while another
    reads: neither OpenSSL nor the order of records allows both at once."""

    def __init__(self, sock, using, server=False, name="localhost", session=None, shake=True):
        super().__init__(sock)
        self.own, self.sends = threading.Lock(), threading.Lock()       # of all below; of the socket's sending half
        self.came, self.goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = using.wrap_bio(self.came, self.goes, server_side=server, server_hostname=None if server else name, session=session)
        if shake:
            self.shake()

    def shake(self):
        self.through(self.tls.do_handshake)
        return self

    def flush(self):
        """What waits goes, by this thread or by the one that is at it."""
        while self.goes.pending and self.sends.acquire(blocking=False):
            try:
                with self.own:
                    wire = self.goes.read()
                self.sock.sendall(wire)
            finally:
                self.sends.release()

    def through(self, call, *args):
        """call(), with as much of the wire as it needs."""
        while True:
            try:
                with self.own:
                    result = call(*args)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                wire = self.sock.recv(1 << 16)
                with self.own:
                    if wire:
                        self.came.write(wire)
                    else:
                        self.came.write_eof()
            except ssl.SSLError:
                try:
                    self.flush()            # the alert
                except OSError:
                    pass
                raise

    def send(self, data):
        for at in range(0, len(data), 1 << 16):
            with self.own:
                self.tls.write(data[at:at + (1 << 16)])
            self.flush()
        return self

    def piece(self, most=1 << 16):
        """What comes next; b"" behind close_notify. A cut is an SSLError."""
        try:
            return self.through(self.tls.read, most)
        except ssl.SSLZeroReturnError:
            return b""

    def read(self, n):
        data = bytearray()
        while len(data) < n:
            piece = self.piece(n - len(data))
            assert piece, "end of stream after %d of %d bytes" % (len(data), n)
            data += piece
        return bytes(data)

    def rest(self):
        """As End.rest(), and "cut": a FIN without close_notify."""
        data = bytearray()
        try:
            while True:
                piece = self.piece()
                if not piece:
                    return bytes(data), "fin"
                data += piece
        except ssl.SSLError as error:
            if error.reason != "UNEXPECTED_EOF_WHILE_READING" and not isinstance(error, ssl.SSLEOFError):
                raise
            return bytes(data), "cut"
        except (ConnectionResetError, BrokenPipeError):
            return bytes(data), "rst"

    def bye(self):
        """close_notify, and no FIN; what comes is still read."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:            # the other's close_notify has not come
            pass
        self.flush()
        return self

    def finish(self):
        self.bye()
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def cut(self):
        """FIN without close_notify."""
        self.sock.shutdown(socket.SHUT_WR)
        return self


def raw(port):
    sock = socket.create_connection(("127.0.0.1", port), patience())
    sock.settimeout(patience())
    return sock
