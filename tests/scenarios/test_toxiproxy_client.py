"""npm's toxiproxy-node-client, as it comes: its conversation with us, word by word.

tests/clients/toxiproxy_node.js is what it is used for. With node, and the client (npm install toxiproxy-node-client in a
folder, TOXIPROXY_NODE_CLIENT=folder), that runs here; with RECORD=1 too, all that is said is written to
tests/clients/toxiproxy_node.json. What was recorded is said again in every run, node or not.
"""
import http.server
import json
import os
import re
import shutil
import subprocess
import threading

from conftest import ROOT, http_ask, patience

STORY = os.path.join(ROOT, "tests", "clients", "toxiproxy_node.js")
RECORD = os.path.join(ROOT, "tests", "clients", "toxiproxy_node.json")


class Recorder(http.server.ThreadingHTTPServer):
    """Stands between the client and us, and writes down what both say."""

    def __init__(self, port):
        self.said = []
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")}
                status, _, text = http_ask(port, self.command, self.path, body or None, headers)
                recorder.said.append({"method": self.command, "path": self.path, "headers": headers, "body": body.decode(),
                                      "status": status, "answer": text})
                self.send_response_only(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())
            do_GET = do_POST = do_DELETE = do_PATCH = handle_any

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def the_client_itself(start, backend):
    folder, node = os.environ["TOXIPROXY_NODE_CLIENT"], shutil.which("node")
    assert node, "node is not installed"
    backend.serve()
    proxy = start(listen="127.0.0.1:0", up=lambda: True)
    recorder = Recorder(proxy.http)
    done = subprocess.run([node, STORY, folder, "http://127.0.0.1:%d" % recorder.server_port, backend.address],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=patience(60))
    recorder.shutdown()
    recorder.server_close()
    assert (done.returncode, done.stdout) == (0, "all done\n")
    if os.environ.get("RECORD"):
        with open(RECORD, "w") as record:
            said = [dict(one, body=one["body"].replace(backend.address, "UPSTREAM"), answer=one["answer"].replace(backend.address, "UPSTREAM"))
                    for one in recorder.said]
            record.write("[\n" + ",\n".join(json.dumps(one) for one in said) + "\n]\n")


if os.environ.get("TOXIPROXY_NODE_CLIENT"):
    test_the_client_itself = the_client_itself


def counts_out(text):
    """Without what toxics have met: the record's connections are not made again."""
    return re.sub(r'"(seen|hits)":\d+', r'"\1":0', text)


def test_what_was_recorded_of_it(start, backend):
    proxy = start(listen="127.0.0.1:0", up=lambda: True)
    with open(RECORD) as record:
        said = json.load(record)
    ports = {}                                              # of the record, and those that we have got

    def ours(text):
        text = text.replace("UPSTREAM", backend.address)
        return re.sub(r"127\.0\.0\.1:(\d+)", lambda m: "127.0.0.1:%s" % ports.get(m.group(1), m.group(1)), text)

    for one in said:
        status, _, text = http_ask(proxy, one["method"], one["path"], ours(one["body"]) or None, one["headers"])
        for there, here in zip(re.findall(r'"listen":"127\.0\.0\.1:(\d+)"', one["answer"]), re.findall(r'"listen":"127\.0\.0\.1:(\d+)"', text)):
            ports.setdefault(there, here)
        assert (status, counts_out(text)) == (one["status"], counts_out(ours(one["answer"]))), one
    assert len(said) > 60
