"""The dashboard in a real Chromium, with real Redis clients behind it: what is seen, what is clicked, and how it looks.

Each test ends with a look at the console, where nothing may be, and at the requests, all of which go to the proxy's own API.
The pictures of docs/dashboard.md come from here, too: `make pictures` copies them."""
import json
import os
import shlex
import subprocess
import sys
import threading
import time

import pytest

from conftest import CTL
from harness import ROOT, SAN, dial, free_port, listening, need, need_module, patience, until
from server_redis import server     # noqa: F401: a fixture

redis = need_module("redis")
need_module("selenium")
from selenium import webdriver                                          # noqa: E402
from selenium.common.exceptions import StaleElementReferenceException      # noqa: E402
from selenium.webdriver.chrome.service import Service                   # noqa: E402
from selenium.webdriver.common.by import By                             # noqa: E402
from selenium.webdriver.common.keys import Keys                         # noqa: E402

pytestmark = pytest.mark.skipif(bool(SAN), reason="once is enough")
PICTURES = os.path.join(ROOT, "build", "ui")
POSES = bool(os.environ.get("VAURIEN_PICTURES"))        # a busy page with full charts: nice to see, and all the same to a test
HOSTILE = '<script>alert(1)</script>"\'>\u202eg<img src=x onerror=alert(2)>\u200f' + "n" * 200


# ---- a browser ----

class Page:
    """The page in Chromium, as a person sees it: texts, labels, buttons."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = need("chromium")
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage", "--window-size=1400,1000",
                     "--force-prefers-reduced-motion", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(need("chromedriver")), options=options)
        self.driver.set_script_timeout(patience())
        self.origin = None

    def open(self, proxy, path="/"):
        self.origin = "http://127.0.0.1:%d" % proxy.http
        self.driver.get("about:blank")
        self.driver.get(self.origin + path)
        return self

    def size(self, width, height=1000, scheme="light"):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def find(self, css, text=None):
        """The elements that are seen; with this text in them."""
        try:
            return [e for e in self.driver.find_elements(By.CSS_SELECTOR, css) if e.is_displayed() and (text is None or text in e.text)]
        except StaleElementReferenceException:
            return []

    def one(self, css, text=None, act=lambda e: e):
        """What act() returns of the first such element. The page may draw it anew meanwhile: then of its successor."""
        def acted():
            found = self.find(css, text)
            try:
                return found and [act(found[0])]
            except StaleElementReferenceException:
                return None
        return until(acted, what=lambda: "%s with %r on the page:\n%s" % (css, text, self.text()))[0]

    def press(self, css, text=None):
        self.one(css, text, lambda e: e.click())

    def keys(self, css, *keys):
        self.one(css, None, lambda e: e.send_keys(*keys))

    def attribute(self, css, name):
        return self.one(css, None, lambda e: e.get_attribute(name))

    def click(self, text, css="button"):
        def clicked():
            try:
                for e in self.find(css):
                    if e.text.strip() == text or e.get_attribute("aria-label") == text:
                        e.click()
                        return True
            except StaleElementReferenceException:
                return False
        until(clicked, what="a button %r" % text)

    def text(self, css="body"):
        return self.run("return document.querySelector(arguments[0])?.innerText || ''", css)

    def sees(self, text, css="body", seconds=15):
        until(lambda: text in self.text(css), seconds, lambda: "%r in %s:\n%s" % (text, css, self.text(css)[:3000]))

    def write(self, field, text):
        self.keys("#f-" + field, Keys.CONTROL, "a", Keys.NULL, text)

    def console(self):
        return [line["message"] for line in self.driver.get_log("browser")]

    def requested(self):
        """The addresses of all requests since the last call."""
        lines = [json.loads(line["message"])["message"] for line in self.driver.get_log("performance")]
        return {line["params"]["request"]["url"] for line in lines if line["method"] == "Network.requestWillBeSent"}


@pytest.fixture(scope="module")
def chromium():
    need("chromium")
    one = Page()
    yield one
    one.driver.quit()


@pytest.fixture
def page(chromium, start):         # the proxies outlive the page
    """The page; a test that expects a word in the console says so: page.expected."""
    chromium.expected = ()
    chromium.size(1400)
    chromium.console(), chromium.requested()
    yield chromium
    said = [line for line in chromium.console() if not any(word in line for word in chromium.expected)]
    urls = chromium.requested()
    chromium.driver.get("about:blank")
    assert not said
    assert all(url.startswith((chromium.origin, "about:blank", "data:,")) for url in urls), urls


@pytest.fixture
def proxy(start, server):
    """A proxy of Redis, `cache`."""
    return start("--protocol", "redis", "--proxy-name", "cache", "--threads", "2", backend=server)


@pytest.fixture
def clients(server):
    """clients(proxy, n): so many clients of Redis work on it until the end of the test. The result counts errors by their text."""
    stop, threads = threading.Event(), []

    def work(proxy, i, seen, pause):
        while not stop.is_set():
            with redis.Redis(port=proxy.port, socket_timeout=patience()) as client:
                try:
                    for k in range(1000):
                        [client.get, client.incr, lambda key: client.set(key, 7), lambda key: client.lrange(key + "s", 0, 5)][k % 4]("order:%d" % (i % 3))
                        if stop.wait(pause):
                            return
                except redis.RedisError as error:
                    seen[str(error)] = seen.get(str(error), 0) + 1
                    if stop.wait(pause):
                        return

    def begin(proxy, n=3, pause=0.02):
        seen = {}
        for i in range(n):
            threads.append(threading.Thread(target=work, args=(proxy, i, seen, pause), daemon=True))
            threads[-1].start()
        return seen
    yield begin
    stop.set()
    for thread in threads:
        thread.join(patience())


# ---- what is seen, what is clicked ----

def test_a_rule_is_set_strikes_and_is_calmed(page, proxy, clients):
    seen = clients(proxy)
    page.open(proxy)
    assert page.driver.current_url == page.origin + "/ui/"
    page.sees("calm", "nav .card")
    page.sees("live", "header")
    page.click("Add a rule")
    page.keys("#f-behavior", "error")
    page.write("name", "no_writes")
    page.keys("#f-failure", "read_only")
    page.write("match", "^INCR (")
    page.sees("match: expected a regular expression; at offset 7: missing closing parenthesis", "#f-match-note")
    assert page.attribute("#f-match", "aria-invalid") == "true"
    page.click("Add rule")                              # nothing is set while something is wrong
    until(lambda: page.run("return document.activeElement.id") == "f-match")
    assert proxy.api("GET", "/rules")[1] == {"rules": []}
    page.write("match", "^INCRBY order:[01]")
    page.write("probability", "2")
    page.sees("probability: expected a number from 0 to 1, got '2'", "#f-probability-note")
    page.write("probability", "1")
    page.write("ttl", "50s")
    page.sees("requests in the last 10 s (", ".tried")
    assert "Would have found" in page.text(".tried") and "Would have found 0" not in page.text(".tried")
    page.click("Add rule")
    page.sees("The rule is set.", "#said")
    page.sees("no_writes", ".rules")
    page.sees("s left", ".rules")
    page.sees("1 rule on", "nav .card")
    until(lambda: any("read" in text.lower() for text in seen), what=lambda: "an error in the client: %r" % seen)
    page.sees("no_writes → reply read_only", ".log")
    page.sees("INCRBY order:? ?", ".log")               # masked, as in the log
    page.sees("error failure=read_only", ".chart.wide")  # a mark in the chart
    until(lambda: int(page.text(".rule .counts").split(" seen")[1].split(" hits")[0].replace(",", "")) > 0)
    page.click("All calm")
    page.sees("All calm: 1 rule is off.", "#said")
    page.sees("no_writes off", ".chart.wide")
    page.sees("calm", "nav .card")
    assert proxy.api("GET", "/rules")[1]["rules"][0]["options"]["enabled"] is False
    page.press("[role=switch][aria-checked=false]")
    page.sees("no_writes is on.", "#said")
    page.one("[role=switch][aria-checked=true]")
    page.click("Edit rule no_writes")
    assert page.attribute("#f-match", "value") == "^INCRBY order:[01]"
    page.write("match", "^GET nothing")
    page.sees("Nearest: GET order:?", ".tried")
    page.click("Change the rule")
    page.sees('match="^GET nothing"', ".rules")
    page.click("Remove rule no_writes")
    page.sees("No rules: all traffic passes as it is.")
    assert proxy.api("GET", "/rules")[1] == {"rules": []}


def test_the_behavior_is_a_rule_too(page, proxy):
    proxy.set("delay", sleep="40ms", jitter="5ms")
    page.open(proxy)
    page.click("Edit rule behavior")
    assert page.attribute("#f-sleep", "value") == "40ms"
    page.write("sleep", "70ms")
    page.write("jitter", Keys.BACKSPACE)
    page.sees("set-behavior delay --sleep=70ms", ".cmd")
    page.click("Change the rule")
    page.sees("delay sleep=70ms", ".rules")
    assert proxy.api("GET", "/behavior")[1]["options"]["jitter"] == 0
    page.press("[role=switch]")
    page.sees("behavior is off.", "#said")
    assert proxy.api("GET", "/behavior")[1]["options"]["enabled"] is False
    assert proxy.api("PUT", "/behavior", {"name": "20:delay,30:hang"})[0] == 200
    page.sees("hang", ".rules")
    until(lambda: not page.find("button", "Edit"))      # shares are set together


def test_only_behaviors_that_the_proxy_can_have_are_offered(page, start, server):
    port = free_port()
    proxy = start("--protocol", "redis", "--proxy-name", "cache", "--add", "names=udp://127.0.0.1:%d=127.0.0.1:1,dns" % port,
                  "--add", "stream=127.0.0.1:0=127.0.0.1:1,tcp", "--add", "sink=udp://127.0.0.1:%d=127.0.0.1:1,tcp" % free_port(), backend=server)
    known = [one["name"] for one in proxy.api("GET", "/schema")[1]["behaviors"]]
    for name in "cache", "names":
        page.open(proxy, "/ui/#" + name)
        page.sees("live", "header")
        page.click("Add a rule")
        page.one("#f-behavior")
        offered = page.run("return [...document.querySelectorAll('#f-behavior option')].map(e => e.value)")
        refused = [one for one in known if "datagrams" in str(proxy.api("POST", "/%s/rules?check=true" % name, {"behavior": one})[1].get("errors", ""))]
        assert set(offered) | {"noop"} == set(known) - set(refused) and refused, name     # noop, of Toxiproxy, does nothing anywhere
        assert ("duplicate" in offered, "slicer" in offered) == (name == "names", name == "cache")
    # scenarios, too: of two proxies of one protocol, the one on datagrams has fewer
    page.open(proxy, "/ui/#stream")
    plans = {}
    for name in "stream", "sink":
        page.run("location.hash = arguments[0]", "#" + name)
        page.sees(name, "#traffic")
        page.press("#scenario-open")
        page.one("#scenario")
        plans[name] = set(page.run("return [...document.querySelectorAll('#scenario option')].map(e => e.value)"))
    assert plans["sink"] < plans["stream"] and "blackout" in plans["sink"]


def test_tls_that_fails_is_counted(page, start, server, tmp_path):
    proxy = start("--protocol", "redis", "--proxy-name", "cache", "--tls-dir", str(tmp_path / "ca"), "--client-tls", "require", backend=server)
    page.open(proxy, "/ui/#cache")
    page.sees("cache", "nav")
    assert "TLS failed" not in page.text("nav")
    with dial(proxy.port) as client:
        client.send(b"PING\r\n").rest()
    page.sees("TLS failed", "nav")


def test_a_proxy_is_added_before_an_address_that_has_none(page, start, backends):
    """A server that sends its client to another one, which does the same."""
    first, second, third = backends(), backends(), backends()
    for one, to in (first, second), (second, third):
        one.serve(lambda end, to=to: [end.send(b"-MOVED 1 %s\r\n" % to.address.encode()) for _ in iter(lambda: end.read_to(b"k\r\n"), b"")])
    proxy = start("--protocol", "redis", "--proxy-name", "cache", "--known-as", "one.example:7", "--rule", "delay sleep=1ms name=late", backend=first)

    def sent_to(port):
        with dial(port) as client:
            return client.send(b"GET k\r\n").read_to(b"\r\n").decode().split()[2]
    assert sent_to(proxy.port) == sent_to(proxy.port) == second.address
    page.open(proxy)
    page.sees("known_as = one.example:7", "#servers")
    page.sees("clients go there, past Vaurien", "section[aria-labelledby=servers]")
    page.click("Add a proxy before " + second.address)
    page.sees("proxy " + second.address, "section[aria-labelledby=servers] tbody")
    made = until(lambda: proxy.api("GET", "/proxies")[1].get(second.address), what="the proxy")
    until(lambda: [rule["name"] for rule in proxy.api("GET", "/%s/rules" % second.address)[1]["rules"]] == ["late"], what="its rule")
    assert (made["protocol"], sent_to(proxy.port)) == ("redis", made["listen"])
    page.press("section[aria-labelledby=servers] tbody a")      # to the page of that one
    page.sees(second.address, "#traffic")
    assert sent_to(int(made["listen"].split(":")[1])) == third.address
    page.click("Add all from now on")
    until(lambda: proxy.api("GET", "/proxies/" + second.address)[1].get("unmapped") == "add", what="the field")
    assert sent_to(int(made["listen"].split(":")[1])) != third.address
    page.sees("proxy " + third.address, "section[aria-labelledby=servers] tbody")
    page.sees("unmapped = add", "#servers")


def test_a_nearest_miss_is_seen(page, proxy, clients):
    clients(proxy)
    page.open(proxy)
    proxy.api("POST", "/rules", {"behavior": "delay", "name": "typo", "match": "^GET orders:"})
    page.sees("requests in the last 10 s, no match. Nearest: GET order:?", ".rule.near")
    assert "0 seen" in page.text(".rule.near")


def test_the_lines_below_the_form_do_what_it_does(page, proxy, clients):
    page.open(proxy)
    page.click("Add a rule")
    page.write("name", "it's")
    page.write("sleep", "30ms")
    page.write("match", '^SET "a b" \'$x\' \\d`')
    page.sees("it'\\''s", ".cmd code:nth-of-type(2)")
    lines = page.run("return [...document.querySelectorAll('.cmd code')].map(e => e.innerText)")
    assert lines[0].startswith("vaurienctl --host http://127.0.0.1:") and lines[1].startswith("curl -X POST")
    page.click("Add rule")
    page.sees("The rule is set.", "#said")
    made = proxy.api("GET", "/rules")[1]
    assert made["rules"][0]["options"]["match"] == '^SET "a b" \'$x\' \\d`'
    for line in (lines[0].replace("vaurienctl", shlex.quote(CTL), 1), lines[1]):
        proxy.api("DELETE", "/rules/it's")
        subprocess.run(["sh", "-c", line], check=True, stdout=subprocess.DEVNULL, timeout=patience())
        assert proxy.api("GET", "/rules")[1] == made, line


def test_a_connection_that_a_rule_holds_is_seen_and_ended(page, proxy):
    proxy.api("POST", "/rules", {"behavior": "hang", "name": "stuck", "match": "^GET key"})
    page.open(proxy)
    page.sees("live", "header")                         # from here on requests are recorded
    ends = []

    def client():
        try:
            redis.Redis(port=proxy.port, retry=None).get("key")
        except redis.ConnectionError as error:
            ends.append(str(error))
    threads = [threading.Thread(target=client) for _ in range(2)]
    for thread in threads:
        thread.start()
    page.sees("stuck · until removed", "table")
    page.sees("GET key", "table")
    until(lambda: len(page.find("tr.held")) == 2)
    page.click("Close connection 1")
    page.sees("Connection 1 is closed.", "#said")
    page.click("Reset connection 2")
    for thread in threads:
        thread.join(patience())
    assert len(ends) == 2
    page.sees("#2 api (reset)", ".log")
    page.click("connections")                           # a filter
    until(lambda: "#2 api" not in page.text(".log"))


def test_events_stand_still_while_paused(page, proxy, clients):
    page.open(proxy, "/ui/#cache")
    page.sees("live", "header")
    proxy.api("POST", "/rules", {"behavior": "delay", "name": "first"})
    page.sees("rules: first", ".log")
    page.press("section[aria-labelledby=events] button", "Pause")
    proxy.api("POST", "/rules", {"behavior": "delay", "name": "second"})
    page.sees("Go on (1 new)")
    assert "second" not in page.text(".log")
    page.click("Go on (1 new)")
    page.sees("second", ".log")


def test_it_reconnects_when_vaurien_was_restarted(page, start, server, clients):
    page.expected = ("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    port, http = free_port(), free_port()
    words = ["--protocol", "redis", "--proxy-name", "cache", "--http", "--http-port", str(http), "--http-host", "127.0.0.1"]

    def again():
        one = start(*words, backend=server, http=False, listen="127.0.0.1:%d" % port, up=lambda: True)
        one.port, one.http = port, http
        until(lambda: one.api("GET", "/info")[0] == 200 if listening(http) else False)
        return one
    first = again()
    clients(first, 2)
    page.open(first)
    page.sees("live", "header")
    first.process.kill()
    first.process.wait()
    first.owes = -9
    page.sees("not reachable, trying again", "header")
    assert "cache" in page.text("nav")                  # what was known stays
    second = again()
    page.sees("Vaurien was started again.", "#said")
    page.sees("live", "header")
    second.api("POST", "/rules", {"behavior": "delay", "sleep": "10ms", "name": "after"})
    page.sees("after", ".rules")
    page.sees("after → 10 ms late", ".log")


def test_a_token_is_asked_for_once(page, start, server):
    page.expected = ("401 (Unauthorized)",)
    proxy = start("--protocol", "redis", "--http-token", "s3cret", backend=server)
    page.open(proxy)
    page.one("dialog input")
    assert page.run("return document.activeElement.id") == "token"
    assert "default" not in page.text()
    page.keys("dialog input", "wrong\n")
    page.sees("That was not it", "dialog")
    page.keys("dialog input", "s3cret\n")
    page.sees("no traffic yet", "nav")
    until(lambda: not page.find("dialog"))
    page.click("Add a rule")
    page.sees('"Authorization: Bearer $VAURIEN_TOKEN"', ".cmd")
    assert "s3cret" not in page.text() and "s3cret" not in page.driver.page_source
    page.driver.refresh()
    page.sees("no traffic yet", "nav")                  # the tab has it
    assert not page.find("dialog")
    page.run("sessionStorage.clear()")


def test_a_report_of_an_audit_is_opened(page, proxy, tmp_path):
    sys.path.insert(0, os.path.join(ROOT, "tests", "audit"))
    import reports
    made = {"usual": reports.usual(), "other": {"schema": "else"}}
    for name, value in made.items():
        (tmp_path / name).write_text(json.dumps(value))
    page.open(proxy)
    page.sees("live", "header")
    box = page.driver.find_element(By.CSS_SELECTOR, "input[type=file]")
    box.send_keys(str(tmp_path / "other"))
    page.sees("other: expected a report of vaurien audit --json", "#said")
    box.send_keys(str(tmp_path / "usual"))
    page.sees("Experiments", ".report")
    for finding in made["usual"]["findings"]:
        page.sees(finding["text"], ".report")
    assert page.run(CONTRAST) == []
    page.click("Back to the proxies")
    page.sees("Rules")


# ---- scenarios ----

def begin_scenario(page, name):
    page.click("Start a scenario")
    until(lambda: page.run("return document.activeElement.id") == "scenario")       # the focus is in the choice
    page.keys("#scenario", name)
    until(lambda: page.run("return document.querySelector('#scenario').value") == name)
    page.press("#scenario-form button.primary")
    until(lambda: page.run("return document.activeElement.id") == "scenario-stop")


PHASES = """
window.met = [];
new MutationObserver(() => {
	const now = document.querySelector('.phases .now b')?.textContent;
	if (now && met.at(-1) !== now) met.push(now);
}).observe(document.body, { subtree: true, childList: true, attributes: true });"""


def scenario_rules(proxy, name):
    answer = proxy.api("GET", "/%s/rules" % name)[1]["rules"]
    return [rule for rule in answer if rule["name"].startswith("scenario-")]


def marks_seen(page):
    return page.run("""return [...document.querySelectorAll('.event .kind.mark ~ .what')].map(e => e.textContent).filter(t => t.startsWith('cache/restart')).reverse()""")


def test_a_scenario_is_started_watched_and_stopped(page, start, server, clients):
    """A second tab that dies in a scenario of `other` leaves its fault for 10 s at most. Meanwhile the first one runs two on `cache`."""
    proxy = start("--protocol", "redis", "--proxy-name", "cache", "--add", "other=127.0.0.1:0=%s,redis" % server.address, backend=server)
    first = page.open(proxy, "/ui/#cache").driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    page.driver.get(page.origin + "/ui/#other")
    begin_scenario(page, "hang")
    died = time.monotonic()
    until(lambda: scenario_rules(proxy, "other"))
    assert scenario_rules(proxy, "other")[0]["options"]["ttl"] == 10
    page.run("addEventListener('pagehide', e => e.stopImmediatePropagation(), true)")       # as if the browser was killed
    page.driver.close()
    page.driver.switch_to.window(first)
    page.sees("live", "header")

    seen, phases = clients(proxy, 2, 0.1), ["stops", "closes", "refuses", "starts"]
    page.run(PHASES)
    begin_scenario(page, "restart")
    page.sees("refuses", ".phases .now")
    assert page.run(CONTRAST) == [] and page.run(NAMELESS) == []
    assert page.find("progress") and not page.find("#scenario-open")
    page.sees("restart has ended: ", "#proxy")
    assert scenario_rules(proxy, "cache") == []
    assert any("refused" in text for text in seen) and any("LOADING" in text or "loading" in text for text in seen), seen
    assert page.run("return met") == phases
    page.click("faults"), page.click("connections")     # filters
    marks = ["cache/restart begins"] + ["cache/restart: " + phase for phase in phases] + ["cache/restart has ended"]
    until(lambda: marks_seen(page) == marks, what=lambda: repr(marks_seen(page)))
    page.sees("cache/restart begins", ".chart.wide")

    proxy.api("POST", "/cache/rules", {"behavior": "delay", "sleep": "1ms", "name": "mine"})
    page.click("Start a scenario")
    page.sees("1 rule is on already", "#scenario-form")
    page.sees("Not for redis: deadlock", "#scenario-form")
    page.sees("vaurien scenario FILE --attach " + page.origin, "#scenario-form")
    assert page.run(CONTRAST) == [] and page.run(NAMELESS) == []
    page.click("Cancel")
    begin_scenario(page, "blackout")
    until(lambda: scenario_rules(proxy, "cache"))
    page.sees("6.", ".phases .now")                     # of 10 s: a lease has been renewed by now
    until(lambda: proxy.api("GET", "/stats")[1]["proxies"][0]["rules"][-1]["left"] > 8)
    page.click("Stop")
    until(lambda: scenario_rules(proxy, "cache") == [], 2)
    page.sees("blackout: stopped; ", "#proxy")
    until(lambda: page.run("return document.activeElement.id") == "scenario-open")
    assert [rule["name"] for rule in proxy.api("GET", "/cache/rules")[1]["rules"]] == ["mine"]
    until(lambda: scenario_rules(proxy, "other") == [], max(0.5, died + 12 - time.monotonic()))


def test_all_calm_and_a_reload_end_a_scenario(page, proxy):
    page.open(proxy)
    begin_scenario(page, "hang")
    until(lambda: scenario_rules(proxy, "cache"))
    page.click("All calm")
    page.sees("hang: stopped by All calm; nothing was hit.", "#proxy")
    until(lambda: scenario_rules(proxy, "cache") == [])
    begin_scenario(page, "flapping")
    until(lambda: scenario_rules(proxy, "cache"))
    proxy.api("POST", "/calm")                          # by somebody else: the next phase does not begin
    page.sees("flapping: its rule was switched off; nothing was hit.", "#proxy")
    begin_scenario(page, "slow")
    until(lambda: scenario_rules(proxy, "cache"))
    page.driver.refresh()
    until(lambda: scenario_rules(proxy, "cache") == [], 3)
    page.sees("No scenario runs", "#proxy")
    page.click("Start a scenario")
    page.keys("#scenario", "retry-storm")
    page.sees("--faults retry-storm", "#scenario-form")
    assert not page.find("#scenario-form button.primary")


def test_hostile_names_are_text(page, start, server):
    proxy = start("--protocol", "redis", backend=server)
    assert proxy.api("POST", "/proxies", {"name": HOSTILE, "listen": "127.0.0.1:0", "upstream": server.address})[0] == 201
    assert proxy.api("POST", "/rules", {"behavior": "delay", "name": HOSTILE, "match": "</script><b>x</b>", "sleep": "1ms"})[0] == 200
    page.open(proxy)
    page.sees('<script>alert(1)</script>"\'>\\u202eg', ".rules")      # a mark that turns the text around is shown as such
    page.sees("<script>alert(1)", "nav")
    page.sees('match="</script><b>x</b>"', ".rules")
    page.press("nav .card h2", "<script>")
    page.sees("<script>alert(1)</script>", "#traffic")
    page.click("Add a rule")
    page.sees("vaurienctl", ".cmd")
    page.write("name", HOSTILE[:60])
    page.click("Add rule")
    page.sees("The rule is set.", "#said")
    assert page.run("return document.querySelectorAll('script, img, b:not(figure b, .counts b)').length") == 1
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    for text in ("<script>", "\u202e", "'"):
        redis_client = redis.Redis(port=proxy.port)
        redis_client.get(text)


# ---- for everybody ----

CONTRAST = """
const lum = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
const rgb = t => { const m = t.match(/[\\d.]+/g).map(Number); return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3); };
const bad = [];
for (const e of document.querySelectorAll('body *')) {
	const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
	const box = e.getBoundingClientRect();
	if (!own || !box.width || box.width < 2 || e.closest('.said, optgroup, option, .skip')) continue;
	const style = getComputedStyle(e), ink = rgb(e instanceof SVGElement ? style.fill : style.color);
	let at = e, ground = null;
	while (at && !(ground = rgb(getComputedStyle(at).backgroundColor))) at = at.parentElement;
	const [a, b] = [lum(ink), lum(ground || [255, 255, 255])].sort((x, y) => y - x);
	if ((a + .05) / (b + .05) < 4.5) bad.push(e.tagName + '.' + (e.className.baseVal ?? e.className) + ' ' + e.textContent.slice(0, 30) + ' ' + ((a + .05) / (b + .05)).toFixed(2));
}
return bad;"""

NAMELESS = """
return [...document.querySelectorAll('button, input, select, a, summary, [role=img], [role=region], [role=log], nav, section, dialog')].filter(e => {
	const by = (e.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id)?.textContent || '').join('');
	return !(e.getAttribute('aria-label') || by || (e.labels && [...e.labels].some(l => l.textContent.trim())) || (e.tagName !== 'INPUT' && e.tagName !== 'SELECT' && !e.matches('nav, section, dialog, [role]') && e.textContent.trim()));
}).map(e => e.outerHTML.slice(0, 120));"""


def test_with_the_keyboard_alone(page, proxy):
    page.open(proxy)
    page.sees("live", "header")
    page.run("document.activeElement.blur()")

    def press(*keys):
        for key in keys:
            webdriver.ActionChains(page.driver).send_keys(key).perform()

    def focused():
        return page.run("const e = document.activeElement; return e.getAttribute('aria-label') || e.innerText || e.id")
    met = []
    press(Keys.TAB)
    for _ in range(40):
        met.append(focused())
        assert page.run("""const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2"""), met
        if met[-1] == "Add a rule":
            break
        press(Keys.TAB)
    assert met[0] == "Skip to the proxy" and "All calm" in met and met[-1] == "Add a rule"
    press(Keys.ENTER)
    until(lambda: page.run("return document.activeElement.id") == "f-behavior")     # the form has the focus
    press(Keys.TAB, "by-key", Keys.ENTER)
    page.sees("by-key", ".rules")
    assert proxy.api("GET", "/rules")[1]["rules"][0]["name"] == "by-key"
    page.click("Edit rule by-key")
    until(lambda: page.find("#rule-form"))
    press(Keys.ESCAPE)
    until(lambda: not page.find("#rule-form"))
    page.keys("[role=switch]", Keys.SPACE)
    page.one("[role=switch][aria-checked=false]")
    assert page.run("return document.activeElement.getAttribute('role')") == "switch"       # the focus stays through redraws


# ---- how it looks ----

def picture(page, name, width, scheme, whole=True):
    page.size(width, 1000, scheme)
    until(lambda: page.run("return document.querySelector('.chart.wide svg')?.getAttribute('width') == Math.floor(document.querySelector('.chart.wide').clientWidth)"))
    height = page.run("return document.documentElement.scrollHeight") if whole else 900
    page.size(width, min(height, 8000), scheme)
    path = os.path.join(PICTURES, name + ".png")
    page.driver.save_screenshot(path)
    return path


def test_how_it_looks(page, start, server, clients):
    os.makedirs(PICTURES, exist_ok=True)
    proxy = start("--protocol", "redis", "--proxy-name", "cache", "--add", "db=127.0.0.1:0=localhost:3306,mysql",
                  "--add", "mail=127.0.0.1:0=localhost:25,smtp", "--seed", "8124905712", backend=server)
    clients(proxy, 6, 0.01 if POSES else 0.05)
    page.open(proxy)
    page.sees("live", "header")
    time.sleep(4 if POSES else 0)
    proxy.api("POST", "/rules", {"behavior": "delay", "sleep": "40ms", "jitter": "10ms", "match": "^GET", "name": "slow", "ttl": "60s"})
    proxy.api("POST", "/rules", {"behavior": "error", "failure": "out_of_memory", "match": "^INCRBY order:1", "every": 5, "name": "full"})
    proxy.api("POST", "/rules", {"behavior": "delay", "sleep": "2s", "match": "^LRANGE orders", "name": "lists"})
    proxy.api("POST", "/rules", {"behavior": "error", "failure": "read_only", "match": "^HSET order", "name": "hashes"})
    proxy.api("PUT", "/rules/lists", {"enabled": False})
    page.sees("no match. Nearest", ".rules")
    page.sees("full → reply", ".log")
    time.sleep(5 if POSES else 0)
    for scheme in ("light", "dark"):
        for width in (390, 1024, 1920):
            picture(page, "page-%d-%s" % (width, scheme), width, scheme)
            assert page.run("return document.documentElement.scrollWidth <= innerWidth"), "%d px: it is wider than the window" % width
            assert page.run(CONTRAST) == [], (scheme, width)
    page.click("Add a rule")
    page.write("match", "^SET order:[12]")
    page.write("sleep", "soon")
    page.sees("got 'soon'", "#f-sleep-note")
    page.sees("Would have found", ".tried")
    for scheme in ("light", "dark"):
        picture(page, "form-" + scheme, 1280, scheme)
        assert page.run(CONTRAST) == [], scheme
    assert page.run(NAMELESS) == []
    page.click("Cancel")
    for scheme in ("light", "dark"):
        page.run("scrollTo(0, 0)")
        path = picture(page, "dashboard-" + scheme, 1200, scheme, whole=False)
        assert os.path.getsize(path) < 160000                  # those of docs/ are below 150 kB: see test_docs.py
