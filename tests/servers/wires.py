"""Clients by hand, one for each protocol: they log in, ask, and show what a server does to them in one line of text.

    outcome(sock)       ("1045/28000 Access denied ...", "closed" | "reset" | "stays")
"""
import hashlib
import re
import socket
import struct

from harness import patience

QUIET = 0.5                                     # seconds without a byte after which no more is expected


def dialled(port, source="127.0.0.1"):
    sock = socket.create_connection(("127.0.0.1", port), patience(), source_address=(source, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def heard(sock, first=None):
    """(bytes, how): all that comes, until it ends or until no more does; `first` seconds are waited for the first byte."""
    data = b""
    try:
        while True:
            sock.settimeout(QUIET if data else first or patience())
            piece = sock.recv(65536)
            if not piece:
                return data, "closed"
            data += piece
    except socket.timeout:
        return data, "stays"
    except OSError:
        return data, "reset"


class MySQL:
    @staticmethod
    def packet(sock):
        head = b""
        while len(head) < 4:
            piece = sock.recv(4 - len(head))
            assert piece, "end of stream"
            head += piece
        length, data = head[0] | head[1] << 8 | head[2] << 16, b""
        while len(data) < length:
            data += sock.recv(length - len(data))
        return data

    @staticmethod
    def send(sock, number, payload):
        sock.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)

    @classmethod
    def greeted(cls, port, **words):
        sock = dialled(port, **words)
        return sock, cls.packet(sock)

    @classmethod
    def log_in(cls, sock, greeting, user="app", password="secret"):
        at = greeting.index(0, 1) + 5
        salt = greeting[at:at + 8] + greeting[at + 27:at + 39]
        one = hashlib.sha1(password.encode()).digest()
        two = hashlib.sha1(salt + hashlib.sha1(one).digest()).digest()
        proof = bytes(a ^ b for a, b in zip(one, two)) if password else b""
        cls.send(sock, 1, struct.pack("<IIB23x", 1 | 512 | 0x8000 | 0x80000, 1 << 24, 45) + user.encode() + b"\0" +
                 bytes([len(proof)]) + proof + b"mysql_native_password\0")

    @classmethod
    def session(cls, port, user="app", password="secret"):
        sock, greeting = cls.greeted(port)
        cls.log_in(sock, greeting, user, password)
        answer = cls.packet(sock)
        assert answer[0] == 0, answer
        return sock

    @classmethod
    def ask(cls, sock, statement):
        cls.send(sock, 0, b"\3" + statement.encode())

    @staticmethod
    def text(data):
        at, rows = 0, []
        while at + 4 < len(data):
            length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
            payload = data[at + 4:at + 4 + length]
            if payload[0] == 0xff:
                state = payload[4:9].decode() if payload[3:4] == b"#" else ""
                rows.append("%d%s %s" % (payload[1] | payload[2] << 8, state and "/" + state,
                                         payload[9 if state else 3:].decode()))
            at += 4 + length
        return "; ".join(rows)


class Postgres:
    @staticmethod
    def log_in(sock, user="app", database="app"):
        body = struct.pack(">I", 3 << 16) + b"user\0%s\0database\0%s\0\0" % (user.encode(), database.encode())
        sock.sendall(struct.pack(">I", len(body) + 4) + body)

    @classmethod
    def session(cls, port, user="app"):
        sock = dialled(port)
        cls.log_in(sock, user)
        data, how = heard(sock)
        assert how == "stays" and data.endswith(b"I"), (data, how)
        return sock

    @staticmethod
    def ask(sock, statement):
        sock.sendall(b"Q" + struct.pack(">I", len(statement) + 5) + statement.encode() + b"\0")

    @classmethod
    def done(cls, sock, statement):
        cls.ask(sock, statement)
        return heard(sock)[0]

    @staticmethod
    def text(data):
        at, rows = 0, []
        while at + 5 < len(data):
            length = struct.unpack(">I", data[at + 1:at + 5])[0]
            if data[at:at + 1] in b"EN":
                fields = dict((part[:1], part[1:].decode()) for part in data[at + 5:at + length].split(b"\0") if part)
                rows.append("%s %s %s" % (fields[b"S"], fields[b"C"], fields[b"M"]))
            at += 1 + length
        return "; ".join(rows)


class Lines:
    """Of protocols whose words are lines."""

    @staticmethod
    def session(port):
        return dialled(port)

    @staticmethod
    def ask(sock, line):
        sock.sendall(line.encode() + b"\r\n")

    @classmethod
    def done(cls, sock, line):
        cls.ask(sock, line)
        return heard(sock)[0]

    @staticmethod
    def text(data):
        return "; ".join(data.decode(errors="replace").split("\r\n")[:-1])


class SMTP(Lines):
    @classmethod
    def session(cls, port):
        sock = dialled(port)
        assert heard(sock)[0].startswith(b"220")
        assert cls.done(sock, "EHLO client.test").startswith(b"250")
        return sock


def plain(text):
    """Without what differs from one run to the next."""
    return re.sub(r"current value: \d+", "current value: N", text)


def outcome(wire, sock, first=None):
    data, how = heard(sock, first)
    sock.close()
    return plain(wire.text(data)), how
