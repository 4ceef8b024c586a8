"""The client of Vaurien's control API: what the behavior is, and another one for a while."""
import contextlib
import http.client
import json
import socket
import sys
import urllib.parse
from typing import Any, Dict, Iterator, List, Optional


class HTTPError(OSError):
    """The control API answered, but not as it should: an answer of 400 or more that names no option, or no JSON.

    An OSError, as requests.HTTPError is one; in a program that has imported requests it is a requests.HTTPError too,
    so that `except requests.HTTPError`, written for the older client, keeps working.

    status: the answer's code, 0 where it was no HTTP. text: its body. url: what was asked.
    """

    def __init__(self, status: int, text: str, url: str) -> None:
        super().__init__("%s: %d %s: %s" % (url, status, http.client.responses.get(status, "?"), text.strip()[:500]))
        self.status = status
        self.text = text
        self.url = url

    def __reduce__(self) -> Any:                # from one process to another
        return HTTPError, (self.status, self.text, self.url)


def _http_error(*words: Any) -> HTTPError:
    requests = sys.modules.get("requests")
    if requests is None or not isinstance(getattr(requests, "HTTPError", None), type):
        return HTTPError(*words)
    return type("HTTPError", (HTTPError, requests.HTTPError), {"__module__": __name__})(*words)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """Speaks to a running Vaurien that was started with --http.

    host: a name, an address, or "unix:/PATH" (then port and scheme say nothing). timeout: seconds for each request.
    token: what --http-token says, if it does. proxy: the name of the proxy that is meant, where one process carries
    several; None: the first.

    All methods raise ValueError with the proxy's own sentence where it refuses what was asked (an unknown behavior, an
    option that it does not have, a value that is no good), and then nothing has changed; HTTPError where it answers
    otherwise than it should; and some other OSError, such as ConnectionRefusedError, where nobody answers.
    """

    def __init__(self, host: str = "localhost", port: int = 8080, scheme: str = "http", timeout: float = 30.0,
                 token: Optional[str] = None, proxy: Optional[str] = None) -> None:
        self.host = host
        self.port = port
        self.scheme = scheme
        self.timeout = timeout
        self.token = token
        self.proxy = proxy
        self._path = "" if proxy is None else "/" + urllib.parse.quote(proxy, safe="")
        if host.startswith("unix:"):
            self.root_url = host
        else:
            self.root_url = "%s://%s:%s" % (scheme, "[%s]" % host if ":" in host and host[0] != "[" else host, port)
        self.behavior_url = self.root_url + self._path + "/behavior"
        self.list_behaviors_url = self.root_url + self._path + "/behaviors"

    # ---- the original's methods ----

    def get_behavior(self) -> str:
        """The behavior's name; with percents all of it, as "20:delay,10:error"."""
        return self._object("GET", self._path + "/behavior")["behavior"]

    def set_behavior(self, name: str, **options: Any) -> None:
        """Change the behavior of all connections, open ones too; returns when all have it.

        name: one of list_behaviors(), or percents of the exchanges such as "20:delay,10:error"; then options are
        given by behavior: delay={"sleep": 2}. options: as docs/behaviors.md lists them, in the units that stand there
        (sleep=2 is two seconds), and the fields of rules: match, client, times, ttl and so on. What is not given has
        the value that the proxy was started with.
        """
        self._object("PUT", self._path + "/behavior", dict(options, name=name))

    def list_behaviors(self) -> List[str]:
        """The names of all behaviors that the proxy knows."""
        return self._object("GET", self._path + "/behaviors")["behaviors"]

    @contextlib.contextmanager
    def with_behavior(self, name: str, **options: Any) -> Iterator["Client"]:
        """Set a behavior for the length of a block; then the one before is back, options and all, whatever happened."""
        before = self.behavior()
        self.set_behavior(name, **options)
        try:
            yield self
        finally:
            self._put_back(before)

    # ---- what the original had no methods for ----

    def behavior(self) -> Dict[str, Any]:
        """GET /behavior: the name ("behavior"), and where it is not dummy "options", and how many exchanges were
        "seen", were "hits", or were "unreachable"."""
        return self._object("GET", self._path + "/behavior")

    def rules(self) -> List[Dict[str, Any]]:
        """All rules that are set, those of the behavior (their "name" is "behavior") among them, each with its
        "behavior", "options", "seen", "hits" and "unreachable"."""
        return self._object("GET", self._path + "/rules")["rules"]

    def add_rule(self, behavior: str, name: Optional[str] = None, **options: Any) -> str:
        """Add a rule beside the behavior and all other rules; returns its name. options: as of set_behavior. name: the dice
        depend on it; None: the behavior's, with a number where that is taken. ValueError, too, where a given one is."""
        named = {} if name is None else {"name": name}
        return self._object("POST", self._path + "/rules", dict(options, behavior=behavior, **named))["name"]

    def change_rule(self, name: str, **options: Any) -> None:
        """Change options and fields of a rule; what it holds and has counted stays. HTTPError with status 404 where there
        is none of that name."""
        self._object("PUT", self._rule(name), options)

    def remove_rule(self, name: str) -> None:
        """Remove a rule; what it held is released, in order. HTTPError with status 404 where there is none (any more)."""
        self._object("DELETE", self._rule(name))

    def set_rules(self, rules: List[Dict[str, Any]]) -> None:
        """These rules and no others, as rules() gave them; the behavior stays. One in the same words keeps its counts."""
        self._object("PUT", self._path + "/rules", {"rules": rules})

    def get_backend(self) -> str:
        """Where new connections go: "HOST:PORT" or "unix:/PATH"."""
        return self._object("GET", self._path + "/backend")["backend"]

    def set_backend(self, backend: str) -> None:
        """Send new connections somewhere else."""
        self._object("PUT", self._path + "/backend", {"backend": backend})

    def connections(self) -> List[Dict[str, Any]]:
        """The live connections, as docs/api.md has them; 10,000 at most, the newest."""
        return self._object("GET", self._path + "/connections")["connections"]

    def end_connections(self, number: Optional[int] = None, reset: bool = False) -> int:
        """End one connection, or all of them: what is due is sent first, or, to reset, it is not. Returns how many ended.
        HTTPError with status 404 where there is none of that number."""
        path = self._path + "/connections" + ("" if number is None else "/%d" % number) + ("?how=reset" if reset else "")
        return self._object("DELETE", path)["ended"]

    def info(self) -> Dict[str, Any]:
        """GET /info: "version", "seed" (text: it has 64 bits), "proxies" and what else there is to say."""
        return self._object("GET", "/info")

    # ---- HTTP ----

    def _rule(self, name: str) -> str:
        return self._path + "/rules/" + urllib.parse.quote(name, safe="")

    def _put_back(self, before: Dict[str, Any]) -> None:
        """What behavior() told earlier. A ttl in it and its counts begin anew."""
        self.set_behavior(before["behavior"], **before.get("options", {}))

    def _connection(self) -> http.client.HTTPConnection:
        if self.host.startswith("unix:"):
            return _UnixConnection(self.host[len("unix:"):], self.timeout)
        kind = http.client.HTTPSConnection if self.scheme == "https" else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=self.timeout)

    def _request(self, method: str, path: str, body: Optional[Any] = None) -> Any:
        """The answer's JSON; None where it has no body."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = "Bearer " + self.token
        connection = self._connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            status, text = answer.status, answer.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise _http_error(0, "no HTTP: %r" % error, self.root_url + path) from error
        finally:
            connection.close()
        try:
            value = json.loads(text) if text else None
        except ValueError:
            raise _http_error(status, text, self.root_url + path) from None
        if status >= 400:
            raise (status == 400 and _refusal(value)) or _http_error(status, text, self.root_url + path)
        return value

    def _object(self, method: str, path: str, body: Optional[Any] = None) -> Dict[str, Any]:
        value = self._request(method, path, body)
        if not isinstance(value, dict):
            raise _http_error(200, "expected a JSON object, got %r" % (value,), self.root_url + path)
        return value


def _refusal(value: Any) -> Optional[ValueError]:
    """What the body of a 400 says, where it names what was wrong."""
    try:
        first = value["errors"][0]
        return ValueError(first["description"]) if value["status"] == "error" and first["name"] else None
    except (KeyError, IndexError, TypeError):
        return None
