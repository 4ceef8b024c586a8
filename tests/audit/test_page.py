"""The HTML report in a real Chromium, offline: nothing is loaded, nothing overlaps, light and dark."""
import json
import os
import shutil

import pytest
import reports

from conftest import ROOT

selenium = pytest.importorskip("selenium")
from selenium import webdriver                                      # noqa: E402
from selenium.webdriver.chrome.service import Service               # noqa: E402

SHOTS = os.path.join(ROOT, "build", "screenshots")

# Boxes of texts within the same picture or row that lie over each other by more than a pixel or two.
OVERLAPS = """
const box = e => e.getBoundingClientRect(), found = [];
const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
                       Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
const groups = [...document.querySelectorAll('svg.tl')].map(s => [...s.querySelectorAll('text')])
	.concat([...document.querySelectorAll('tr')].map(r => [...r.children]))
	.concat([[...document.querySelectorAll('header > *')], [...document.querySelectorAll('.page > *')]]);
for (const group of groups)
	for (let i = 0; i < group.length; i++)
		for (let k = i + 1; k < group.length; k++)
			if (over(box(group[i]), box(group[k])))
				found.push([group[i].textContent.slice(0, 40), group[k].textContent.slice(0, 40)]);
return found;
"""

# Texts that run out of their cell or picture.
OUTSIDE = """
const found = [];
for (const svg of document.querySelectorAll('svg.tl')) {
	const around = svg.getBoundingClientRect();
	for (const text of svg.querySelectorAll('text')) {
		const b = text.getBoundingClientRect();
		if (b.left < around.left - 2 || b.right > around.right + 2 || b.bottom > around.bottom + 2 || b.top < around.top - 2)
			found.push(text.textContent);
	}
}
for (const e of document.querySelectorAll('.page > *'))
	if (e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
		found.push(e.textContent.slice(0, 40));
return found;
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver_program = shutil.which("chromedriver")
    if not driver_program:
        pytest.skip("chromedriver is missing; in Debian: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
                 "--user-data-dir=%s" % tmp_path_factory.mktemp("chromium")):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service(driver_program), options=options)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.emulateNetworkConditions",
                           {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0})
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, write, tmp_path):
    """page(report, dark=False, width=1280): the page is open. Returns the requests it made."""
    def show(report, dark=False, width=1280, height=1000):
        path = tmp_path / "audit.html"
        path.write_bytes(write("html", report))
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        browser.get("about:blank")
        browser.get_log("performance"), browser.get_log("browser")
        browser.get("file://%s" % path)
        requests = []
        for entry in browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                requests.append(message["params"]["request"]["url"])
        assert browser.get_log("browser") == []                     # the console has no error and no warning
        return [url for url in requests if not url.startswith("data:")], "file://%s" % path
    return show


def screenshot(browser, name):
    os.makedirs(SHOTS, exist_ok=True)
    browser.save_screenshot(os.path.join(SHOTS, name + ".png"))


def luminance(colour):
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1:-1].split(",")[:3]]
    parts = [part / 12.92 if part <= .03928 else ((part + .055) / 1.055) ** 2.4 for part in parts]
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2]


def contrast(browser, selector):
    """The contrast of an element's text with what is behind it."""
    front, back = browser.execute_script("""
        let e = document.querySelector(arguments[0]), b = e;
        const front = getComputedStyle(e).color;
        while (b && /rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(b).backgroundColor)) b = b.parentElement;
        return [front, getComputedStyle(b || document.body).backgroundColor];""", selector)
    a, b = sorted((luminance(front), luminance(back)))
    return (b + .05) / (a + .05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page(page, browser, dark):
    requests, itself = page(reports.usual(), dark)
    assert requests == [itself]
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (luminance(background) < .1) == dark
    for selector in ("h1", ".matrix a.pass", ".matrix a.degraded", ".matrix a.fail", ".remedy", ".q", "header li", ".phases li"):
        assert contrast(browser, selector) >= 4.5, selector
    assert browser.execute_script(OVERLAPS) == []
    assert browser.execute_script(OUTSIDE) == []
    screenshot(browser, "audit-dark" if dark else "audit-light")
    browser.execute_script("document.querySelector('#e2').scrollIntoView()")
    screenshot(browser, "audit-restart-dark" if dark else "audit-restart-light")


def test_what_is_there(page, browser):
    """Verdict, what to mend, the matrix with its links, and a time line per fault that was run."""
    page(reports.usual())
    texts = browser.execute_script("""
        const all = (s, f) => [...document.querySelectorAll(s)].map(f || (e => e.textContent.trim()));
        return {title: document.title, verdict: all('h1')[0], mend: all('.mend li b'), cells: all('.matrix td.v a'),
                rows: all('.matrix tbody th'), links: all('.matrix td.v a', a => a.getAttribute('href')),
                lines: all('.x', x => [x.id, !!x.querySelector('svg.tl'), x.querySelectorAll('svg.tl .name').length]),
                marks: all('#e4 svg .s.timeout', p => p.getAttribute('d').length), labels: all('#e2 svg.tl text'),
                report: JSON.parse(document.querySelector('#report').textContent).schema};""")
    assert texts["title"] == "Audit: fail" and texts["verdict"] == "✕ Fail"
    assert texts["mend"][0] == "hangs, not_recovered"
    assert texts["rows"] == list(reports.OUTAGES)
    assert texts["cells"][:4] == ["✓ pass", "△ degraded", "△ degraded", "✓ pass"] and len(texts["cells"]) == 20
    assert texts["links"][4] == "#e2"
    assert texts["lines"] == [["e%d" % n, True, 6] for n in range(1, 6)]        # three probes, three curves
    assert len(texts["marks"]) == 3                                             # of each lane one path
    for label in ("fault on", "fault off, 5.5 s", "refuses", "starts", "back after 1.7 s", "+2 s", "at most 5"):
        assert label in texts["labels"], label
    assert texts["report"] == "vaurien-audit/1"


def test_narrow(page, browser):
    """On a telephone tables and time lines scroll by themselves, and the page does not."""
    page(reports.usual(), width=400, height=800)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    assert browser.execute_script("return document.querySelectorAll('.matrix td.v a')[1].getBoundingClientRect().right") <= 400
    assert browser.execute_script(OVERLAPS) == []
    assert browser.execute_script(OUTSIDE) == []
    screenshot(browser, "audit-narrow")


def test_hostile_page(page, browser):
    """Texts stay texts: nothing runs, nothing is loaded, nothing moves out of its place."""
    for text in reports.HOSTILE[:4] + reports.HOSTILE[9:14]:
        requests, itself = page(reports.hostile(text))
        assert requests == [itself]
        assert browser.execute_script("return document.querySelectorAll('script').length") == 1
        assert browser.execute_script(OUTSIDE) == []
        assert browser.execute_script(OVERLAPS) == []
        if text.isprintable():
            shown = browser.execute_script("return document.querySelector('.mend p').firstChild.textContent")
            assert shown.strip() == text.strip()


def test_long(page, browser):
    """Half an hour of 16 probes is one page that opens."""
    requests, itself = page(reports.huge())
    assert requests == [itself]
    assert browser.execute_script("return document.querySelectorAll('svg.tl').length") == 40
    assert browser.execute_script(OUTSIDE) == []
    first = browser.execute_script("return document.querySelectorAll('svg.tl')[0].querySelectorAll('text').length")
    assert first > 16
