"""web.py - the frame of the small web applications that tests of `vaurien audit` are made on.

    @page("/stock")
    def stock():
        return "5 tea"

    serve()                     # the last argument is the port; options come before it: see option()

A page that raises answers 500 with the name of the exception. With APP_LOG in the environment each
request is a line there, and so is each note(): the application's own view of what happened, on the
wall clock.
"""
import http.server
import json
import os
import socketserver
import sys
import threading
import time

pages = {}
log = open(os.environ["APP_LOG"], "a") if "APP_LOG" in os.environ else None
log_lock = threading.Lock()


def option(name, default=None):
    """The value of --name=VALUE; True for --name; else the default."""
    for word in sys.argv[1:]:
        if word == "--" + name:
            return True
        if word.startswith("--" + name + "="):
            value = word.partition("=")[2]
            return type(default)(value) if default is not None else value
    return default


def note(what, **more):
    if log:
        with log_lock:
            log.write(json.dumps(dict(more, what=what, time=time.time())) + "\n")
            log.flush()


def page(path):
    def take(function):
        pages[path] = function
        return function
    return take


class Request(http.server.BaseHTTPRequestHandler):
    def answer(self):
        begun = time.time()
        try:
            status, text = 200, pages[self.path.partition("?")[0]]()
        except KeyError:
            status, text = 404, "no such page"
        except Exception as error:
            status, text = 500, type(error).__name__
        note("request", path=self.path, begun=begun, status=status)
        body = (text + "\n").encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass                                # the probe has gone

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


class OneWorker(http.server.HTTPServer):
    request_queue_size = 128


def serve(server=Threads):
    server(("127.0.0.1", int(sys.argv[-1])), Request).serve_forever()
