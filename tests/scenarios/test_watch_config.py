"""--watch-config: a file that is written in its place, replaced, or reached by a link that is swapped."""
import os
import subprocess

import pytest

from harness import VAURIEN, patience, until

TEXT = "[vaurien]\nproxy = 127.0.0.1:%d\nbackend = 127.0.0.1:1\nbehavior = %s\n"


class Watched:
    def __init__(self, start, folder, write):
        from harness import free_port
        self.port, self.write = free_port(), write
        write(TEXT % (self.port, "dummy"))
        self.proxy = start("--config", str(folder / "v.ini"), "--watch-config", listen="", up=lambda: True)

    def becomes(self, behavior, more=""):
        self.write(TEXT % (self.port, behavior) + more)
        until(lambda: self.proxy.api("GET", "/behavior")[1].get("behavior") == behavior, 10, lambda: self.proxy.log()[-1500:])


def in_place(folder, text):
    (folder / "v.ini").write_text(text)


def replaced(folder, text):
    (folder / "new").write_text(text)
    (folder / "new").rename(folder / "v.ini")


def swapped(folder, text):
    """As Kubernetes updates a ConfigMap: v.ini -> ..data/v.ini, ..data -> a folder, and ..data is replaced."""
    version = folder / ("..%d" % len(os.listdir(str(folder))))
    version.mkdir()
    (version / "v.ini").write_text(text)
    (folder / "..tmp").symlink_to(version.name)
    (folder / "..tmp").rename(folder / "..data")
    if not (folder / "v.ini").is_symlink():
        (folder / "v.ini").symlink_to("..data/v.ini")


@pytest.mark.parametrize("how", [in_place, replaced, swapped])
def test_the_file_is_read_again(start, tmp_path, how):
    folder = tmp_path / "conf"
    folder.mkdir()
    watched = Watched(start, folder, lambda text: how(folder, text))
    for behavior in ("hang", "delay", "dummy", "error"):
        watched.becomes(behavior)


def test_a_mistake_changes_nothing_and_is_said(start, tmp_path):
    watched = Watched(start, tmp_path, lambda text: in_place(tmp_path, text))
    watched.write(TEXT % (watched.port, "nosuch"))
    watched.proxy.logged("nothing is changed: .*nosuch")
    assert watched.proxy.api("GET", "/behavior")[1]["behavior"] == "dummy"
    watched.becomes("delay")


def test_a_file_that_it_extends(start, tmp_path):
    (tmp_path / "base").mkdir()
    base = tmp_path / "base" / "b.ini"
    base.write_text("[rule:r]\nbehavior = delay\n")
    head = "[DEFAULT]\nextends = base/b.ini\n"
    watched = Watched(start, tmp_path, lambda text: in_place(tmp_path, head + text))

    def names():
        return [rule["behavior"] for rule in watched.proxy.api("GET", "/rules")[1]["rules"] if rule["name"] == "r"]
    until(lambda: names() == ["delay"])
    base.write_text("[rule:r]\nbehavior = hang\n")
    until(lambda: names() == ["hang"], what="the file that is extended")


def test_without_a_file_it_is_refused():
    done = subprocess.run([VAURIEN, "--watch-config"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                          timeout=patience())
    assert done.returncode == 2 and "--watch-config: expected --config with an INI file beside it" in done.stdout
