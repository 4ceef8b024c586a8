"""The options of TLS in every way of describing a proxy: values, refusals, files, warnings, SIGHUP, the CA."""
import datetime
import os
import signal
import socket
import ssl
import stat
import subprocess
import threading

import pytest

from harness import SAN, VAURIEN, need, need_module, patience, until

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")
DEFAULTS = ("client_tls", "backend_tls")


def openssl(*words, data=None):
    done = subprocess.run([need("openssl"), *map(str, words)], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=patience())
    assert done.returncode == 0, done.stderr
    return done.stdout


def pair(directory, name, *more):
    """A certificate that signs itself, and its key."""
    cert, key = str(directory / (name + ".pem")), str(directory / (name + ".key"))
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
            "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert, *more)
    os.chmod(key, 0o600)
    return cert, key


def shown(proxy, name="default"):
    """The options of TLS that GET /proxies shows."""
    status, body = proxy.api("GET", "/proxies/" + name)
    assert status == 200
    return {key: value for key, value in body.items() if key.startswith(DEFAULTS)}


def refused(proxy, **options):
    status, body = proxy.api("PATCH", "/proxies/default", options)
    assert status == 400, body
    return body["error"].replace("bad request body: ", "")


def meet(port, ca=None, name="localhost"):
    """The certificate that the proxy shows, in DER; with a CA it is verified."""
    context = ssl.create_default_context(cafile=ca) if ca else ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", port), timeout=patience()) as raw:
        with context.wrap_socket(raw, server_hostname=name) as secure:
            return secure.getpeercert(binary_form=True)


def test_every_way_of_describing_a_proxy(start, tmp_path):
    """Flag, key of [vaurien] and [proxy:NAME], word of --add, POST, PATCH."""
    config = tmp_path / "ini"
    config.write_text("[vaurien]\nclient_tls_min = 1.3\n[proxy:second]\nlisten = 127.0.0.1:0\nbackend = 127.0.0.1:9\nclient_tls = require\n"
                      "client_tls_min = 1.2\nclient_tls_names = a.example,10.0.0.1\n")
    proxy = start("--config", config, "--client-tls", "on", "--client-tls-tickets", "0", "--backend-tls-resume=no", "--add",
                  "third=127.0.0.1:0=127.0.0.1:9,postgres client_tls=off backend_tls=verify backend_tls_name=client", backend="127.0.0.1:9")
    assert shown(proxy) == {"client_tls": "on", "client_tls_min": "1.3", "client_tls_tickets": 0, "backend_tls_resume": False}
    assert shown(proxy, "second") == {"client_tls": "require", "client_tls_names": "a.example,10.0.0.1", "client_tls_tickets": 0,
                                      "backend_tls_resume": False}
    assert shown(proxy, "third") == {"client_tls_min": "1.3", "client_tls_tickets": 0, "backend_tls": "verify", "backend_tls_name": "client",
                                     "backend_tls_resume": False}
    status, made = proxy.api("POST", "/proxies", {"name": "fourth", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9", "client_tls": "off",
                                                  "Backend_TLS": "on", "client_tls_min": ""})
    assert status == 400 and made["error"].startswith("bad request body: client_tls_min: expected one of 1.0"), made
    status, made = proxy.api("POST", "/proxies", {"name": "fourth", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9", "client_tls": "off",
                                                  "Backend_TLS": "on", "client_tls_min": "1.2", "client_tls_names": "x"})
    assert status == 201 and made["backend_tls"] == "on" and made["client_tls_names"] == "x" and "client_tls_min" not in made, made
    status, made = proxy.api("PATCH", "/proxies/fourth", {"client_tls_names": "", "backend_tls": "off", "client_tls_tickets": 3})
    assert status == 200 and shown(proxy, "fourth") == {"client_tls_tickets": 3, "backend_tls_resume": False}
    status, made = proxy.api("POST", "/populate", [{"name": "fourth", "listen": made["listen"], "upstream": "127.0.0.1:9",
                                                    "client_tls": "on"}])
    assert status == 201 and shown(proxy, "fourth")["client_tls"] == "on"
    exported = subprocess.run([CTL, "--http-port", str(proxy.http), "export"], stdout=subprocess.PIPE, check=True).stdout
    assert b'"client_tls_names": "a.example,10.0.0.1"' in exported
    done = subprocess.run([CTL, "--http-port", str(proxy.http), "create", "fifth", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9",
                           "--client-tls", "on", "--client-tls-min", "1.2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and shown(proxy, "fifth")["client_tls"] == "on", done.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("files")
    cert, key = pair(directory, "one")
    pair(directory, "two")
    os.mkfifo(directory / "pipe")
    (directory / "open.key").write_bytes(open(key, "rb").read())
    os.chmod(directory / "open.key", 0o640 if os.getuid() else 0o604)
    (directory / "both.pem").write_bytes(open(cert, "rb").read() + open(key, "rb").read())
    os.chmod(directory / "both.pem", 0o600)
    (directory / "sealed.key").write_bytes(openssl("pkey", "-in", key, "-aes128", "-passout", "pass:x"))
    os.chmod(directory / "sealed.key", 0o600)
    (directory / "empty").write_text("")
    os.chmod(directory / "empty", 0o600)
    (directory / "large").write_bytes(b"x" * ((1 << 20) + 1))
    return directory


REFUSALS = [
    ({"client_tls": "yes"}, "client_tls: expected one of off, on, require, got 'yes'"),
    ({"client_tsl": "on"}, "client_tsl: expected an option of a proxy; did you mean 'client_tls'?"),
    ({"client_tls_key_type": "dsa"}, "client_tls_key_type: expected one of ec, rsa, got 'dsa'"),
    ({"client_tls_start": "upgrade"}, "client_tls_start: expected auto or implicit, since tcp has no upgrade to TLS, got upgrade"),
    ({"client_tls_min": "1.3", "client_tls_max": "1.2"}, "client_tls_min: expected at most client_tls_max, which is 1.2, got 1.3"),
    ({"client_tls_tickets": 17}, "client_tls_tickets: expected a whole number from 0 to 16, got 17"),
    ({"client_tls_ciphers": "NONE-SUCH"}, "client_tls_ciphers: expected cipher suites as OpenSSL writes them, got 'NONE-SUCH'"),
    ({"client_tls_ciphers": "TLS_NONE_SUCH"}, "client_tls_ciphers: expected cipher suites as OpenSSL writes them, got 'TLS_NONE_SUCH'"),
    ({"client_tls_alpn": "h2,"}, "client_tls_alpn: expected names of protocols with commas between them, got 'h2,'"),
    ({"client_tls_names": "a,DNS:b"}, "client_tls_names: expected at most 32 DNS names and addresses with commas between them, "
                                      "got 'DNS:b' as number 2"),
    ({"client_tls_verify": "require"}, "client_tls_ca: expected a file where client_tls_verify is require"),
    ({"client_tls_key": "one.key"}, "client_tls_key: expected client_tls_cert beside it"),
    ({"client_tls_cert": "none"}, "client_tls_cert: cannot read none: No such file or directory"),
    ({"client_tls_cert": "pipe"}, "client_tls_cert: expected a regular file, got a pipe (pipe)"),
    ({"client_tls_cert": "."}, "client_tls_cert: expected a regular file, got a directory (.)"),
    ({"client_tls_cert": "large"}, "client_tls_cert: expected at most 1048576 bytes, got more (large)"),
    ({"client_tls_cert": "empty"}, "client_tls_cert: expected a certificate in PEM, got none (empty)"),
    ({"client_tls_cert": "one.pem"}, "client_tls_key: expected a private key in PEM, got none (one.pem)"),
    ({"client_tls_cert": "one.pem", "client_tls_key": "empty"}, "client_tls_key: expected a private key in PEM, got none (empty)"),
    ({"client_tls_cert": "one.pem", "client_tls_key": "two.key"}, "client_tls_key: expected the key of client_tls_cert, "
                                                                  "got another's (two.key)"),
    ({"client_tls_cert": "one.pem", "client_tls_key": "sealed.key"}, "client_tls_key: expected a key without a passphrase, "
                                                                     "got an encrypted one (sealed.key)"),
    ({"client_tls_verify": "request", "client_tls_ca": "empty"}, "client_tls_ca: expected certificates in PEM, got none (empty)"),
    ({"backend_tls": "on", "backend_tls_ca": "pipe"}, "backend_tls_ca: expected a regular file, got a pipe (pipe)"),
    ({"backend_tls": "on", "backend_tls_name": "a b"}, "backend_tls_name: expected a DNS name or an address, got 'a b'"),
    ({"backend_tls": "on", "backend_tls_cert": "one.pem", "backend_tls_key": "two.key"},
     "backend_tls_key: expected the key of backend_tls_cert, got another's (two.key)"),
    ({"backend_tls": "verify", "upstream": "unix:/tmp/x"}, "backend_tls_name: expected a name where the backend is a unix socket and "
                                                           "backend_tls is verify"),
]


def test_refusals(start, files, monkeypatch):
    """Each names the option and what was expected, and changes nothing; as a word of --add it is the same sentence."""
    monkeypatch.chdir(files)
    proxy = start("--client-tls", "on", backend="127.0.0.1:9")
    before = proxy.api("GET", "/proxies/default")
    for options, sentence in REFUSALS:
        assert refused(proxy, **options) == sentence
    mode = "0640" if os.getuid() else "0604"
    assert refused(proxy, client_tls_cert="one.pem", client_tls_key="open.key") == (
        "client_tls_key: expected a file that others cannot open, got mode %s (open.key)" % mode)
    assert proxy.api("GET", "/proxies/default") == before
    status, _ = proxy.api("PATCH", "/proxies/default", {"client_tls_cert": "both.pem"})
    assert status == 200


@pytest.mark.skipif(bool(SAN), reason="the same code as the test before, another way in")
def test_refusals_of_the_start(run, files, monkeypatch):
    monkeypatch.chdir(files)
    for words, rc, sentence in [
            (["--client-tls", "on", "--client-tls-cert", "pipe"], 1, "--client-tls-cert: expected a regular file, got a pipe (pipe)\n"),
            (["--client-tls", "yes"], 2, "argument --client-tls: expected one of off, on, require, got 'yes'\n"),
            (["--add", "db=:0=:1,mysql client_tls=on protocol_mysql_tls=pass"], 1,
             "[proxy:db]: tls: expected strip where client_tls or backend_tls is set, got pass\n"),
            (["--add", "db=:0=:1,mysql,client_tls=on"], 2, "argument --add: expected a blank before 'client_tls=on', got a comma\n"),
            (["--add", "db=:0=:1 client_tsl=on"], 2, "expected option=value of a proxy, got 'client_tsl'; did you mean 'client_tls'?\n"),
            (["--tls-keylog", "pipe"], 1, "tls_keylog: cannot write to pipe: "),
            (["--tls-dir", "empty", "--client-tls", "on"], 1, "--tls-dir: ")]:
        done = run("--proxy", "127.0.0.1:0", *words)
        assert done.returncode == rc and sentence in done.stderr, done.stderr


def test_warnings_once(start):
    proxy = start("--client-tls", "on", "--client-tls-min", "1.0", backend="127.0.0.1:9")
    ends, below = "the client's TLS ends here; the backend leg is not encrypted", "client_tls_min allows TLS below 1.2"
    assert proxy.whole_log().count(ends) == 1 and proxy.whole_log().count(below) == 1
    proxy.api("PATCH", "/proxies/default", {"client_tls_tickets": 2})
    proxy.api("PATCH", "/proxies/default", {"backend_tls": "on"})
    log = proxy.whole_log()
    assert log.count(ends) == 1 and log.count(below) == 1 and log.count("the backend's certificate is not verified") == 1


def expired(directory):
    """A certificate of the day before yesterday, and its key."""
    x509, hashes = need_module("cryptography.x509"), need_module("cryptography.hazmat.primitives.hashes")
    serialization = need_module("cryptography.hazmat.primitives.serialization")
    key = need_module("cryptography.hazmat.primitives.asymmetric.ec").generate_private_key(
        need_module("cryptography.hazmat.primitives.asymmetric.ec").SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")]), datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(3)).not_valid_after(now - datetime.timedelta(2)).sign(key, hashes.SHA256()))
    file = directory / "old.pem"
    file.touch(0o600)
    file.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
    return file


def test_what_does_nothing_is_said(start, tmp_path):
    """Options of a leg that is off, a CA that verifies nobody, a certificate that no client takes."""
    proxy = start("--client-tls-alpn", "h2", "--backend-tls-name", "db", backend="127.0.0.1:9")
    said = "proxy=default: %s does nothing, because %s is off"
    assert proxy.whole_log().count(said % ("client_tls_alpn", "client_tls")) == 1
    assert proxy.whole_log().count(said % ("backend_tls_name", "backend_tls")) == 1
    old = expired(tmp_path)
    assert proxy.api("PATCH", "/proxies/default", {"client_tls": "on", "client_tls_ca": str(old), "client_tls_cert": str(old)})[0] == 200
    proxy.logged(said % ("client_tls_ca", "client_tls_verify"))
    proxy.logged("proxy=default: the certificate of client_tls_cert has expired")
    assert proxy.api("PATCH", "/proxies/default", {"client_tls_tickets": 2})[0] == 200
    log = proxy.whole_log()
    assert log.count("has expired") == 1 and log.count("does nothing") == 3


def test_files_are_read_again(start, backend, files, tmp_path):
    """On SIGHUP, also of a proxy that the API has made; a bad file changes nothing."""
    cert, key = tmp_path / "cert", tmp_path / "key"
    one, two = ([(files / (name + end)).read_bytes() for end in (".pem", ".key")] for name in ("one", "two"))
    key.touch(0o600)

    def put(pem):
        cert.write_bytes(pem[0])
        key.write_bytes(pem[1])

    def subject(port):
        return openssl("x509", "-inform", "der", "-noout", "-subject", data=meet(port)).decode().strip()

    put(one)
    proxy = start("--client-tls", "on", backend=backend)
    made = {"name": "api", "listen": "127.0.0.1:0", "upstream": backend.address, "client_tls": "on", "client_tls_cert": str(cert),
            "client_tls_key": str(key)}
    status, answer = proxy.api("POST", "/proxies", made)
    assert status == 201, answer
    port = int(answer["listen"].split(":")[1])
    assert subject(port) == "subject=CN = one"
    cert.write_bytes(two[0])
    proxy.process.send_signal(signal.SIGHUP)
    proxy.logged("SIGHUP: nothing is changed: proxy=api: client_tls_key: expected the key of client_tls_cert, got another's")
    assert subject(port) == "subject=CN = one"
    put(two)
    proxy.process.send_signal(signal.SIGHUP)
    proxy.logged("SIGHUP: 1 of ")
    until(lambda: subject(port) == "subject=CN = two", what="the new certificate")


def test_the_ca(start, backend, tmp_path):
    """Its files, GET /ca.pem and /ca.crl, vaurienctl ca; a leaf that openssl verify and python3-cryptography understand."""
    x509 = need_module("cryptography.x509")
    directory = tmp_path / "ca"
    proxy = start("--client-tls", "on", "--tls-dir", directory, "--client-tls-names", "10.9.8.7", backend=backend)
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert {name: stat.S_IMODE(os.stat(directory / name).st_mode) for name in os.listdir(directory)} == {"ca.key": 0o600, "ca.pem": 0o644}
    pem = (directory / "ca.pem").read_text()
    assert proxy.api("GET", "/ca.pem") == (200, pem)
    assert subprocess.run([CTL, "--http-port", str(proxy.http), "ca"], stdout=subprocess.PIPE, check=True).stdout.decode() == pem
    leaf = meet(proxy.port, str(directory / "ca.pem"), "shop.example")
    (tmp_path / "leaf").write_bytes(openssl("x509", "-inform", "der", data=leaf))
    openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", directory / "ca.pem", tmp_path / "leaf")
    read, ca = x509.load_der_x509_certificate(leaf), x509.load_pem_x509_certificate(pem.encode())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName)[:2] == ["shop.example", "localhost"]
    assert "10.9.8.7" in map(str, names.get_values_for_type(x509.IPAddress))
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 1)
    text = subprocess.run([need("curl"), "-s", "http://127.0.0.1:%d/ca.crl" % proxy.http], stdout=subprocess.PIPE, check=True).stdout
    assert b"No Revoked Certificates" in openssl("crl", "-inform", "der", "-noout", "-text", "-CAfile", directory / "ca.pem", data=text)


def test_a_ca_of_others(run, tmp_path):
    (tmp_path / "ca.key").write_bytes(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    os.chmod(tmp_path / "ca.key", 0o644)
    done = run("--client-tls", "on", "--tls-dir", tmp_path)
    assert done.returncode == 1 and "--tls-dir: expected a file that others cannot open, got mode 0644" in done.stderr
    os.chmod(tmp_path / "ca.key", 0o600)
    cert, _ = pair(tmp_path, "other")
    os.rename(cert, tmp_path / "ca.pem")
    done = run("--client-tls", "on", "--tls-dir", tmp_path)
    assert "--tls-dir: expected the certificate of ca.key, got another's" in done.stderr


@pytest.mark.skipif(bool(SAN), reason="eight programs at once")
def test_a_race_for_the_ca(tmp_path):
    """Several programs that start at once have one CA."""
    directory = tmp_path / "ca"

    def once():
        subprocess.run([VAURIEN, "--client-tls", "on", "--tls-dir", str(directory), "--proxy", "999.1.1.1:0"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=patience())
    runs = [threading.Thread(target=once) for _ in range(8)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    assert sorted(os.listdir(directory)) == ["ca.key", "ca.pem"]
    openssl("verify", "-CAfile", directory / "ca.pem", directory / "ca.pem")
    public = openssl("x509", "-in", directory / "ca.pem", "-noout", "-pubkey")
    assert public == openssl("pkey", "-in", directory / "ca.key", "-pubout")


def test_a_ca_in_memory(start, backend, tmp_path):
    """Nowhere to write: it lives as long as the program, with a warning."""
    (tmp_path / "file").write_text("")
    proxy = start("--client-tls", "on", backend=backend, env={"XDG_DATA_HOME": str(tmp_path / "file")})
    proxy.logged("WARNING.*the CA of this program is in memory only")
    status, pem = proxy.api("GET", "/ca.pem")
    (tmp_path / "ca.pem").write_text(pem)
    meet(proxy.port, str(tmp_path / "ca.pem"))


def test_no_secret_is_told(start, backend, tmp_path):
    """Key logs only by --tls-keylog, with a warning; SSLKEYLOGFILE does nothing."""
    log, none = tmp_path / "log", tmp_path / "none"
    proxy = start("--client-tls", "on", "--tls-keylog", log, backend=backend, env={"SSLKEYLOGFILE": str(none)})
    assert "the secrets of all TLS connections are written to" in proxy.whole_log()
    meet(proxy.port)
    until(lambda: "SERVER_TRAFFIC_SECRET_0" in log.read_text(), what="a key log")
    assert stat.S_IMODE(os.stat(log).st_mode) == 0o600 and not none.exists()
    assert "PRIVATE KEY" not in proxy.whole_log() + str(proxy.api("GET", "/proxies"))
