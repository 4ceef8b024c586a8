"""The real Postfix, in directories of its own. It delivers into mailboxes there, offers STARTTLS and logins as it does
everywhere, and refuses what it is told to by an address: mail. rcpt. data. dot. and helo. are its moments.

    mail.451.4.3.0@example.test     as a sender: MAIL is answered "451 4.3.0 ..."
    dot.554.5.7.1@example.test      as a sender: so is the end of the mail
"""
import base64
import email
import glob
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

from conftest import need
from harness import free_port, left_out, listening, patience, until

SBIN = "/usr/lib/postfix/sbin"
BOXES = ["alice", "bob", "carol"]
ACCOUNT = ("app", "secret")
SERVICES = """
127.0.0.1:%(port)d inet n - n - - smtpd
127.0.0.1:%(tls_port)d inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""
REFUSALS = r"/^%s\.([0-9]{3})\.([0-9])\.([0-9])\.([0-9]+)[.@]/ $1 $2.$3.$4 refused here"


class Logins(threading.Thread):
    """Who may log in: what Postfix asks Dovecot for elsewhere. The user "tired" is never told: the service fails."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(path)
        os.chmod(path, 0o666)
        self.sock.listen(16)

    def run(self):
        while True:
            try:
                one, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(one,), daemon=True).start()

    def serve(self, one):
        asked = {}                              # by a login's number: what of it is known
        with one, one.makefile("rw", encoding="ascii", newline="\n") as file:
            file.write("VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\tx\nDONE\n")
            file.flush()
            for line in file:
                words = line.rstrip("\n").split("\t")
                if words[0] not in ("AUTH", "CONT"):
                    continue
                number = words[1]
                if words[0] == "AUTH":
                    asked[number] = [words[2]]
                response = [word[5:] for word in words if word.startswith("resp=")] if words[0] == "AUTH" else [words[2]]
                asked[number] += [base64.b64decode(text).decode() for text in response]
                if asked[number][-1].split("\0")[-2:][0] == "tired":
                    return
                file.write(self.answer(number, asked[number]))
                file.flush()

    @staticmethod
    def answer(number, asked):
        mechanism, *told = asked
        if mechanism == "PLAIN":
            told = told[0].split("\0")[1:] if told else []
        if len(told) < 2:
            challenge = "" if mechanism == "PLAIN" else ("Username:", "Password:")[len(told)]
            return "CONT\t%s\t%s\n" % (number, base64.b64encode(challenge.encode()).decode())
        return ("OK\t%s\tuser=%s\n" if tuple(told) == ACCOUNT else "FAIL\t%s\tuser=%s\n") % (number, told[0])

    def close(self):
        self.sock.close()


class Postfix:
    """Mail for one of BOXES @example.test is delivered; other users there are unknown."""

    def __init__(self, **settings):
        self.directory = tempfile.mkdtemp(prefix="vaurien-postfix-")
        os.chmod(self.directory, 0o755)
        self.port, self.tls_port = free_port(), free_port()
        self.address = "127.0.0.1:%d" % self.port
        for name in ("conf", "queue", "data", "mail"):
            setattr(self, name, os.path.join(self.directory, name))
            os.mkdir(getattr(self, name))
        shutil.chown(self.data, "postfix")
        shutil.chown(self.mail, "nobody", "nogroup")
        self.log = os.path.join(self.directory, "log")
        self.process = None
        self.logins = Logins(os.path.join(self.directory, "logins"))
        self.logins.start()
        self.write(settings)

    def path(self, name, text=None):
        path = os.path.join(self.conf, name)
        if text is not None:
            with open(path, "w") as file:
                file.write(text)
        return path

    def refusals(self, moment):
        return "regexp:" + self.path(moment, REFUSALS % moment + "\n")

    def write(self, settings):
        key, cert = self.path("key.pem"), self.path("cert.pem")
        subprocess.run([need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", key, "-out", cert], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        owner = os.stat(self.mail)
        words = dict({
            "compatibility_level": "3.6", "queue_directory": self.queue, "data_directory": self.data, "maillog_file": self.log,
            "maillog_file_prefixes": self.directory, "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4",
            "myhostname": "mail.example.test", "mydestination": "", "mynetworks": "127.0.0.0/8", "alias_maps": "", "biff": "no",
            "default_transport": "error", "relay_transport": "error", "message_size_limit": str(64 << 20),
            "smtpd_peername_lookup": "no", "smtpd_delay_reject": "no", "in_flow_delay": "0",
            "virtual_mailbox_domains": "example.test", "virtual_mailbox_base": self.mail, "virtual_mailbox_limit": "0",
            "virtual_mailbox_maps": "inline:{%s}" % ", ".join("{%s@example.test = %s/}" % (name, name) for name in BOXES),
            "virtual_uid_maps": "static:%d" % owner.st_uid, "virtual_gid_maps": "static:%d" % owner.st_gid, "virtual_minimum_uid": "1",
            "smtpd_tls_security_level": "may", "smtpd_tls_key_file": key, "smtpd_tls_cert_file": cert,
            "smtpd_tls_session_cache_database": "", "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": "unix:" + os.path.join(self.directory, "logins"),
            "smtpd_helo_restrictions": "check_helo_access " + self.refusals("helo"),
            "smtpd_sender_restrictions": "check_sender_access " + self.refusals("mail"),
            "smtpd_recipient_restrictions": "check_recipient_access %s, reject_unauth_destination" % self.refusals("rcpt"),
            "smtpd_data_restrictions": "check_sender_access " + self.refusals("data"),
            "smtpd_end_of_data_restrictions": "check_sender_access " + self.refusals("dot"),
        }, **settings)
        self.path("main.cf", "".join("%s = %s\n" % item for item in words.items()))
        self.path("master.cf", SERVICES % vars(self))

    def start(self):
        checked = subprocess.run([need("postfix"), "-c", self.conf, "check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 universal_newlines=True)
        assert checked.returncode == 0, checked.stdout
        # it stops its services by the group of processes that it leads
        self.process = subprocess.Popen([os.path.join(SBIN, "master"), "-c", self.conf, "-d"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        until(lambda: self.process.poll() is not None or listening(self.port), what="Postfix to listen")
        assert self.process.poll() is None, self.said()
        return self

    def said(self):
        try:
            with open(self.log, errors="replace") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    def commands(self):
        """Of each connection that has ended, in order, how many commands Postfix counted."""
        return [int(n) for n in re.findall(r"disconnect from .* commands=(?:\d+/)?(\d+)", self.said())]

    def queued(self):
        """In the order in which mail goes through them."""
        return [name for queue in ("maildrop", "incoming", "active", "deferred")
                for _, _, names in os.walk(os.path.join(self.queue, queue)) for name in names]

    def boxes(self):
        """What was delivered: {"bob": [mail as email.message.Message, ...]}, in no order: Postfix delivers side by side.
        Waits for what is on its way."""
        until(lambda: not self.queued(), what="Postfix to deliver")
        boxes = {}
        for name in BOXES:
            paths = glob.glob(os.path.join(self.mail, name, "*", "*"))
            mails = [open(path, "rb").read() for path in paths]
            boxes[name] = [email.message_from_bytes(mail) for mail in mails]
        return boxes

    def subjects(self):
        return {name: sorted(mail["Subject"] for mail in mails) for name, mails in self.boxes().items()}

    def clear(self):
        until(lambda: not self.queued(), what="Postfix to deliver")
        for name in BOXES:
            shutil.rmtree(os.path.join(self.mail, name), ignore_errors=True)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()            # its services go with it
            self.process.wait(patience())
        self.process = None

    def destroy(self):
        self.stop()
        self.logins.close()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postfix():
    need("postfix")
    if os.getuid():
        left_out("Postfix runs as root only: nothing is tested against it")
    server = Postfix()
    try:
        yield server.start()
    finally:
        server.destroy()
