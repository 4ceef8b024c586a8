"""What is shipped: the source distribution builds the wheel, and the wheel alone is enough."""
import glob
import os
import re
import shutil
import tarfile
import zipfile

import pytest
from conftest import TESTS, call
from harness import ROOT

import vaurien
from servers.conftest import mariadb        # noqa: F401: a fixture

PYTHON = "/usr/bin/python3"
FROM_HERE = ["--no-build-isolation", "--no-index", "--no-deps", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    call(PYTHON, "-c", "from setuptools import build_meta; build_meta.build_sdist(%r)" % str(folder), cwd=ROOT)
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def source(sdist, tmp_path_factory):
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(str(sdist)) as archive:
        archive.extractall(str(folder))
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    call(PYTHON, "-m", "pip", "wheel", *FROM_HERE, "--wheel-dir", folder, ".", cwd=source, OPT="-O0")
    (made,) = folder.iterdir()
    return made


def environment(folder):
    """A new virtual environment, with Debian's packages beside."""
    call(PYTHON, "-m", "venv", "--without-pip", "--system-site-packages", folder, cwd="/")
    return folder / "bin"


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """bin/ of an environment with nothing but the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    programs = environment(folder / "env")
    call(PYTHON, "-m", "pip", "--python", programs / "python", "install", *FROM_HERE, wheel, cwd=folder)
    return programs


def test_the_source_distribution_holds_what_git_does(sdist):
    with tarfile.open(str(sdist)) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    if os.path.exists(os.path.join(ROOT, ".git")) and shutil.which("git"):
        tracked = set(call("git", "ls-files", cwd=ROOT).split("\n")[:-1])
        assert {path for path in tracked - held if not path.startswith(".")} == set()
    assert not [path for path in held if path.startswith(("bin/", "build/")) and "egg-info" not in path and path != "build/python"]


def test_the_wheel_is_for_this_machine_and_any_python_3(wheel):
    assert re.match(r"vaurien-%s-py3-none-linux_\w+\.whl$" % re.escape(vaurien.__version__), wheel.name)
    with zipfile.ZipFile(str(wheel)) as archive:
        names = archive.namelist()
    modules = {os.path.relpath(path, ROOT + "/clients/python")
               for path in glob.glob(ROOT + "/clients/python/vaurien*/*") if path.endswith((".py", ".typed"))}
    assert modules == {name for name in names if name.startswith(("vaurien/", "vaurienclient/"))}
    scripts = {os.path.basename(name) for name in names if ".data/scripts/" in name}
    assert scripts == {"vaurien", "vaurienctl", "vaurien-audit"}


def test_the_wheel_s_programs_run(installed):
    assert call(installed / "vaurien", "--version", cwd="/") == vaurien.__version__ + "\n"
    assert call(installed / "vaurienctl", "--version", cwd="/") == vaurien.__version__ + "\n"
    assert call(installed / "vaurien", "audit", "--version", cwd="/") == vaurien.__version__ + "\n"
    assert call(installed / "python", "-m", "vaurien", "--version", cwd="/") == vaurien.__version__ + "\n"
    assert "toxiproxy-server" in call(installed / "toxiproxy-server", "-version", cwd="/")
    found = call(installed / "python", "-c", "import vaurien.programs as p; print(p.find(), p.__file__)", cwd="/").split()
    assert found[0] == str(installed / "vaurien") and found[1].startswith(str(installed.parent))


def test_the_wheel_s_pytest_plugin_is_found(installed, tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it(vaurien_proxy):\n    assert vaurien_proxy(9).seed == 3\n")
    assert "1 passed" in call(installed / "python", "-m", "pytest", "-p", "no:cacheprovider", "--vaurien-seed=3", cwd=tmp_path)


def test_pip_install_from_the_source(source, tmp_path):
    programs = environment(tmp_path / "env")
    call(PYTHON, "-m", "pip", "--python", programs / "python", "install", *FROM_HERE, ".", cwd=source, OPT="-O0")
    assert call(programs / "vaurien", "--version", cwd="/") == vaurien.__version__ + "\n"


ANNOUNCED = """
from vaurien import Client, start_proxy, stop_proxy
class MyTest(unittest.TestCase):
    def setUp(self):
        self.proxy_pid = start_proxy(port=8080)
    def tearDown(self):
        stop_proxy(self.proxy_pid)
    def test_one(self):
        client = Client()
        options = {'inject': True}
        with client.with_behavior('error', **options):
            # do something...
        # we're back to normal here
"""


def test_the_announcement_s_example_as_printed(installed, mariadb, tmp_path):       # noqa: F811
    path = os.path.join(ROOT, "examples", "test_announcement.py")
    with open(path) as text:
        lines = [line for line in text.read().split("\n") if line]
    printed = ANNOUNCED.strip("\n").split("\n")
    assert [line for line in lines if line in printed] == printed
    said = call(installed / "python", os.path.join(TESTS, "python", "alone.py"), installed / "vaurien", 8888, mariadb.socket,
                installed / "python", path, cwd=tmp_path)
    assert "Ran 1 test" in said and "\nOK\n" in said
