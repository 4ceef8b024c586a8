"""The client: the original's four methods, and what an answer that is no good becomes."""
import ast
import glob
import http.server
import os
import pickle
import threading

import pytest
from conftest import PACKAGE
from harness import need_module

import vaurien


@pytest.fixture
def proxy():
    with vaurien.Proxy(9, protocol="mysql") as proxy:
        yield proxy


@pytest.fixture
def client(proxy):
    return proxy.client


@pytest.fixture
def answers():
    """answers(status, text): a client of a server that answers just this."""
    servers = []

    def start(status, text):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())
            do_PUT = do_GET
            log_message = None

        Handler.log_message = lambda *_: None
        servers.append(http.server.HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return vaurien.Client("127.0.0.1", servers[-1].server_port)
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_behavior_is_changed_and_told(client):
    assert client.get_behavior() == "dummy"
    assert client.set_behavior("delay", sleep=0.25) is None
    assert client.get_behavior() == "delay"
    assert client.behavior()["options"]["sleep"] == 0.25


def test_behaviors_are_listed(client):
    assert {"abort", "blackout", "delay", "dummy", "error", "hang", "transient"} <= set(client.list_behaviors())


@pytest.mark.parametrize("before", [
    ("dummy", {}),
    ("delay", {"sleep": 0.5, "percentiles": "50:10ms,99:1s"}),
    ("error", {"failure": "deadlock", "match": "^QUERY UPDATE", "skip": 2, "times": 1, "probability": 0.5}),
    ("delay", {"client": "10.0.0.0/8", "per": "connection", "ttl": 60, "every": 3, "direction": "response"}),
    ("20:delay,10:error", {"delay": {"sleep": 3, "jitter": 1}, "error": {"failure": "lock_wait_timeout"}}),
], ids=lambda before: before[0])
def test_the_behavior_before_is_put_back_with_its_options(client, before):
    def told():                                 # of a ttl it is told what is left
        said = client.behavior()
        return dict(said, options=dict(said.get("options", {}), ttl=None))
    client.set_behavior(before[0], **before[1])
    said = told()
    with client.with_behavior("abort"):
        assert client.get_behavior() == "abort"
        with client.with_behavior("delay", sleep=1):
            assert client.behavior()["options"]["sleep"] == 1
        assert client.get_behavior() == "abort"
    assert told() == said


def test_the_behavior_before_is_put_back_after_an_exception(client):
    client.set_behavior("delay", sleep=0.5)
    with pytest.raises(KeyError):
        with client.with_behavior("error", inject=True):
            raise KeyError
    assert client.behavior()["options"]["sleep"] == 0.5


def test_a_behavior_that_is_refused_leaves_the_one_before(client):
    client.set_behavior("delay", sleep=0.5)
    with pytest.raises(ValueError):
        with client.with_behavior("nope"):
            pytest.fail("not refused")
    assert client.behavior()["options"]["sleep"] == 0.5


@pytest.mark.parametrize("name, options, sentence", [
    ("nope", {}, "the 'nope' behavior does not exist"),
    ("delay", {"sleep": "x"}, "sleep: expected a number of seconds >= 0, got 'x'"),
    ("delay", {"slep": 1}, "slep"),
])
def test_what_is_refused_is_a_ValueError_in_the_proxy_s_words(client, name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        client.set_behavior(name, **options)
    assert client.get_behavior() == "dummy"


def test_one_of_several_proxies():
    with vaurien.Proxy(9, "mysql", name="db", options=["--add", "cache=127.0.0.1:0=127.0.0.1:10,redis"]) as proxy:
        cache = vaurien.Client(proxy.api, proxy="cache")
        with cache.with_behavior("error", failure="starting_up"):
            assert cache.get_behavior() == "error" and proxy.client.get_behavior() == "dummy"
            assert [rule["behavior"] for rule in cache.rules()] == ["error"]
        assert cache.get_behavior() == "dummy"
        assert (cache.get_backend(), proxy.client.get_backend()) == ("127.0.0.1:10", "127.0.0.1:9")
        with pytest.raises(vaurien.HTTPError) as caught:
            vaurien.Client(proxy.api, proxy="nobody").get_behavior()
        assert caught.value.status == 404


def test_the_backend(client):
    assert client.get_backend() == "127.0.0.1:9"
    client.set_backend("127.0.0.1:10")
    assert client.get_backend() == "127.0.0.1:10"
    with pytest.raises(ValueError):
        client.set_backend("nonsense")
    assert client.get_backend() == "127.0.0.1:10"


@pytest.mark.parametrize("status, text", [(500, "Internal Server Error"), (404, '{"message": "no"}'), (200, "<html>"),
                                          (200, "[]"), (400, '{"status": "error", "errors": []}')])
def test_other_answers_are_HTTPErrors(answers, status, text):
    client = answers(status, text)
    for ask in (client.get_behavior, client.list_behaviors, lambda: client.set_behavior("delay")):
        with pytest.raises(vaurien.HTTPError) as caught:
            ask()
        assert caught.value.status == status and client.root_url in str(caught.value)


def test_where_requests_is_in_use_they_are_its_HTTPErrors_too(answers):
    requests = need_module("requests")
    with pytest.raises(requests.HTTPError) as caught:
        answers(500, "no").get_behavior()
    assert isinstance(caught.value, vaurien.HTTPError) and caught.value.status == 500


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(vaurien.HTTPError(500, "no", "http://x/behavior")))
    assert (error.status, error.text, str(error)) == (500, "no", "http://x/behavior: 500 Internal Server Error: no")
    error = pickle.loads(pickle.dumps(vaurien.StartError("it left", "a log\n")))
    assert (error.log, str(error)) == ("a log\n", "Could not start the proxy: it left\na log")


def test_nobody_there():
    with pytest.raises(ConnectionRefusedError):
        vaurien.Client("127.0.0.1", 1).get_behavior()


def test_the_attributes_that_scripts_know():
    client = vaurien.Client()
    assert (client.host, client.port, client.scheme) == ("localhost", 8080, "http")
    assert client.root_url == "http://localhost:8080"
    assert client.behavior_url == "http://localhost:8080/behavior"
    assert client.list_behaviors_url == "http://localhost:8080/behaviors"
    assert vaurien.Client("::1", 81).root_url == "http://[::1]:81"


def test_the_older_names():
    import vaurien.util
    import vaurienclient
    assert vaurienclient.Client is vaurien.Client
    assert (vaurien.util.start_proxy, vaurien.util.stop_proxy) == (vaurien.start_proxy, vaurien.stop_proxy)


def test_the_version_is_the_program_s(run):
    assert run("--version").stdout == vaurien.__version__ + "\n"


@pytest.mark.parametrize("path", glob.glob(os.path.join(PACKAGE, "vaurien*", "*.py")), ids=os.path.basename)
def test_the_source_is_python_3_8_with_types_and_docstrings(path):
    with open(path) as source:
        tree = ast.parse(source.read(), feature_version=(3, 8))
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert isinstance(node, ast.ClassDef) or node.returns or node.name == "__init__", node.name
