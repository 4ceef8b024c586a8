"""docs/python.md: what it shows is done, with a real MariaDB in the place of 127.0.0.1:3306."""
import os
import re

from harness import ROOT, free_port
from servers.conftest import mariadb        # noqa: F401: a fixture


def blocks():
    with open(os.path.join(ROOT, "docs", "python.md")) as text:
        return re.findall(r"^```python\n(.*?)^```$", text.read(), re.S | re.M)


def test_the_tests_it_shows(tests_in, mariadb):     # noqa: F811
    text = "\n".join(block for block in blocks() if "def test_" in block)
    assert text.count("127.0.0.1:3306") == 3
    assert "3 passed" in tests_in(text.replace("127.0.0.1:3306", mariadb.address))


def test_the_session_it_shows(mariadb):             # noqa: F811
    (text,) = [block for block in blocks() if "start_proxy(" in block]
    for here, there in (("8080", str(free_port())), ("3306", "%d, proxy_port=%d" % (mariadb.port, free_port()))):
        assert here in text
        text = re.sub(r"(?<!:)\b%s\b" % here, there, text)
    exec(text, {})
