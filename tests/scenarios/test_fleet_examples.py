"""The examples of docs/fleet.md that a test can start: their words and their configuration, on ports of ours."""
import os
import re

from harness import ROOT, free_port


def read(*path):
    with open(os.path.join(ROOT, *path)) as text:
        return text.read()


def test_the_words_of_the_compose_file(start):
    text = read("examples", "fleet", "compose.yaml")
    words = re.findall(r"^      - (--.*)$", text, re.M)
    assert len(words) == 5
    port = free_port()
    ours = {"--proxy=0.0.0.0:3306": "--proxy=127.0.0.1:%d" % port, "--backend=db:3306": "--backend=127.0.0.1:1",
            "--http-host=0.0.0.0": "--http-host=127.0.0.1"}
    proxy = start(*[ours.get(word, word) for word in words], listen="", up=lambda: True)
    assert proxy.api("GET", "/info")[1]["proxies"][0]["protocol"] == "mysql"


def test_the_configuration_of_the_pod(start, tmp_path):
    text = read("examples", "fleet", "kubernetes.yaml")
    ini = re.search(r"vaurien.ini: \|\n((?:    .*\n)+)", text).group(1).replace("\n    ", "\n").strip()
    for theirs, ours in (("127.0.0.1:3307", "127.0.0.1:%d" % free_port()), ("db.shop.svc:3306", "127.0.0.1:1"),
                         ("etcd.shop.svc:2379", "127.0.0.1:1")):
        assert theirs in ini
        ini = ini.replace(theirs, ours)
    (tmp_path / "vaurien.ini").write_text(ini)
    args = eval(re.search(r"args: (\[.*\])", text).group(1))        # a list of texts in YAML is one in Python
    assert args[1] == "/etc/vaurien/vaurien.ini"
    args[1] = str(tmp_path / "vaurien.ini")
    proxy = start(*args, listen="", up=lambda: True, env={"POD_NAME": "shop-0", "POD_ZONE": "a"})
    proxy.logged("fleet: member shop-0 of etcd://127.0.0.1:1/shop")
    assert proxy.api("GET", "/info")[1]["proxies"][0]["name"] == "db"


def test_the_image_is_built_with_what_the_build_needs():
    needed = set(re.search(r'^to_build="(.*?)"', read("dev"), re.M | re.S).group(1).split())
    steps = read("packaging", "container", "Containerfile")
    assert needed <= set(steps.replace("\\\n", " ").split())
