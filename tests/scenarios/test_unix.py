"""Unix sockets: only a socket is unlinked, and only the one that this program bound; nobody is connected to for an answer."""
import os
import socket
import stat

import pytest

from harness import dial, until


def plain(path):
    path.write_text("precious")


def link_to_plain(path):
    (path.parent / "far").write_text("precious")
    path.symlink_to(path.parent / "far")


def fifo(path):
    os.mkfifo(str(path))


def folder(path):
    path.mkdir()


FILES = [plain, link_to_plain, fifo, folder]


def same(path):
    is_ = os.lstat(str(path))
    return is_.st_dev, is_.st_ino, stat.S_IFMT(is_.st_mode)


@pytest.mark.parametrize("make", FILES)
def test_another_file_stays(vaurien, backend, run, tmp_path, make):
    """However the path comes to us: by a flag, as the API's own address, by a request that makes or moves a proxy."""
    path = tmp_path / "taken"
    make(path)
    before = same(path)
    for words in (("--proxy", "unix:%s" % path), ("--proxy", "127.0.0.1:0", "--add", "x=unix:%s=127.0.0.1:1" % path),
                  ("--proxy", "127.0.0.1:0", "--http", "--http-host", "unix:%s" % path)):
        done = run(*words, "--backend", backend.address)
        assert done.returncode == 1 and "ddress already in use" in done.stderr, done.stderr
        assert same(path) == before
    proxy = vaurien(backend=backend)
    status, _ = proxy.api("POST", "/proxies", {"name": "x", "listen": "unix:%s" % path, "upstream": "127.0.0.1:1"})
    assert status == 500 and same(path) == before
    status, _ = proxy.api("PATCH", "/proxies/default", {"listen": "unix:%s" % path})
    assert status == 500 and same(path) == before
    status, _ = proxy.api("POST", "/populate", [{"name": "y", "listen": "unix:%s" % path, "upstream": "127.0.0.1:1"}])
    assert status == 500 and same(path) == before
    proxy.meet(backend)                         # the proxy that was to move is still where it was


@pytest.mark.parametrize("listens", [True, False])
def test_a_socket_that_somebody_has_stays(vaurien, backend, tmp_path, listens):
    """Listening, or bound and not yet listening; and nobody connects to it."""
    path = tmp_path / "theirs"
    theirs = socket.socket(socket.AF_UNIX)
    theirs.bind(str(path))
    if listens:
        theirs.listen()
        theirs.setblocking(False)
    before = same(path)
    proxy = vaurien(backend=backend)
    for _ in range(3):
        status, _ = proxy.api("POST", "/proxies", {"name": "x", "listen": "unix:%s" % path, "upstream": "127.0.0.1:1"})
        assert status == 500 and same(path) == before
    if listens:
        with pytest.raises(BlockingIOError):
            theirs.accept()
    theirs.close()


def test_one_that_nobody_has_is_taken_over(vaurien, backend, tmp_path):
    path = tmp_path / "left"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.listen()
    left.close()
    proxy = vaurien(backend=backend)
    status, _ = proxy.api("POST", "/proxies", {"name": "x", "listen": "unix:%s" % path, "upstream": backend.address})
    assert status == 201
    dial(str(path)).close()


def test_our_own_goes_with_its_proxy_and_no_other(vaurien, backend, tmp_path):
    ours, replaced = tmp_path / "ours", tmp_path / "replaced"
    proxy = vaurien(backend=backend)
    for name, path in (("a", ours), ("b", replaced)):
        status, _ = proxy.api("POST", "/proxies", {"name": name, "listen": "unix:%s" % path, "upstream": backend.address})
        assert status == 201
    replaced.unlink()
    theirs = socket.socket(socket.AF_UNIX)
    theirs.bind(str(replaced))
    before = same(replaced)
    assert proxy.api("DELETE", "/proxies/a")[0] == proxy.api("DELETE", "/proxies/b")[0] == 204
    until(lambda: not ours.exists())
    assert same(replaced) == before
    theirs.close()


def test_a_path_taken_while_clients_are_refused(vaurien, backend, tmp_path):
    """Where the rule goes and the path cannot be had, that is said, retried, and never called "accepted again"."""
    path = tmp_path / "front"
    proxy = vaurien(backend=backend, listen="unix:%s" % path, up=path.exists)
    proxy.set("refuse")
    proxy.logged("clients are refused")
    path.unlink()
    path.write_text("precious")
    before = same(path)
    proxy.set("dummy")
    proxy.logged("cannot listen again on 'unix:.*trying again")
    assert same(path) == before
    assert "accepted again" not in proxy.log()
    path.unlink()
    proxy.logged("clients are accepted again")
    backend.serve()
    with dial(str(path)) as client:
        client.send(b"x")
        assert client.read(1)


def test_the_api_s_own_goes_at_the_end_and_no_other(start, tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "replaced"
    for path in (ours, theirs):
        proxy = start("--http", "--http-host", "unix:%s" % path, http=False)
        proxy.logged("Started the HTTP server")
        with dial(str(path)) as end:
            assert end.send(b"GET /version HTTP/1.0\r\n\r\n").rest()[0].startswith(b"HTTP/1.1 200")
        if path == theirs:
            path.unlink()
            path.write_text("precious")
        proxy.stop()
    assert not ours.exists() and theirs.read_text() == "precious"


def test_info_shows_whether_a_proxy_listens(vaurien, backend, tmp_path):
    """False while it is disabled and while its port cannot be had again; a rule that refuses clients is another matter."""
    path = tmp_path / "front"
    proxy = vaurien(backend=backend, listen="unix:%s" % path, up=path.exists)

    def shown():
        return proxy.api("GET", "/info")[1]["proxies"][0]["listening"]
    assert shown() is True
    assert proxy.api("PATCH", "/proxies/default", {"enabled": False})[0] == 200 and shown() is False
    assert proxy.api("PATCH", "/proxies/default", {"enabled": True})[0] == 200 and shown() is True
    proxy.set("refuse")
    proxy.logged("clients are refused")
    assert shown() is True
    path.unlink()
    path.write_text("precious")
    proxy.set("dummy")
    until(lambda: shown() is False)
    path.unlink()
    until(lambda: shown() is True)
