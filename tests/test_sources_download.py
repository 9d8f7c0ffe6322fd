import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from eyespot.data.sources.download import Remote, fetch
from eyespot.errors import DataError, ResourceError

BYTES = bytes(range(256)) * 4000


@dataclass
class Mirror:
    """A server of one file that can misbehave.

    cut: bytes after which each answer breaks off. ranges: whether it continues where asked to.
    """

    url: str
    data: bytes = BYTES
    cut: int | None = None
    ranges: bool = True
    status: int = 200
    asked: list[str | None] = field(default_factory=list)


def serve(mirror: Mirror) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers["Range"]
            mirror.asked.append(asked)
            start = int(asked[6:-1]) if asked and mirror.ranges else 0
            body = mirror.data[start:]
            if mirror.status != 200:
                self.send_error(mirror.status)
                return
            self.send_response(206 if start else 200)
            if start:
                whole = len(mirror.data)
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: mirror.cut])

        def log_message(self, *_: object) -> None:
            pass

    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def mirrors(monkeypatch) -> Iterator[list[Mirror]]:
    """Two servers."""
    monkeypatch.setenv("NO_PROXY", "*")
    made, servers = [], []
    for _ in range(2):
        mirror = Mirror("")
        server = serve(mirror)
        mirror.url = f"http://127.0.0.1:{server.server_port}/set.gz"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.append(mirror)
        servers.append(server)
    yield made
    for server in servers:
        server.shutdown()
        server.server_close()


def remote(*urls: str) -> Remote:
    return Remote("set.gz", urls, len(BYTES), hashlib.sha256(BYTES).hexdigest())


def test_a_file_is_fetched_once_and_leaves_no_scraps(tmp_path, mirrors):
    wanted = remote(mirrors[0].url)
    seen: list[tuple[str, int, int]] = []

    path = fetch(wanted, tmp_path / "a", progress=lambda *now: seen.append(now))
    fetch(wanted, tmp_path / "a")

    assert path.read_bytes() == BYTES
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["set.gz"]
    assert mirrors[0].asked == [None]
    assert seen[-1] == ("set.gz", len(BYTES), len(BYTES))


def test_a_cut_connection_is_continued_where_it_broke(tmp_path, mirrors):
    mirrors[0].cut = 400_000

    assert fetch(remote(mirrors[0].url), tmp_path).read_bytes() == BYTES
    assert mirrors[0].asked == [None, "bytes=400000-", "bytes=800000-"]


def test_another_mirror_and_another_call_continue(tmp_path, mirrors):
    first, second = mirrors
    first.cut, first.ranges = 100_000, False
    with pytest.raises(DataError, match="the connection broke"):
        fetch(remote(first.url), tmp_path)

    assert fetch(remote(second.url), tmp_path).read_bytes() == BYTES
    assert second.asked == ["bytes=100000-"]


def test_wrong_bytes_are_refused_and_the_second_mirror_used(tmp_path, mirrors):
    mirrors[0].data = BYTES[:-1] + b"?"

    assert fetch(remote(*(m.url for m in mirrors)), tmp_path).read_bytes() == BYTES
    assert (mirrors[0].asked, mirrors[1].asked) == ([None], [None])


def test_a_wrong_beginning_from_before_is_thrown_away(tmp_path, mirrors):
    (tmp_path / ".set.gz.part").write_bytes(b"wrong" * 1000)

    assert fetch(remote(mirrors[0].url), tmp_path).read_bytes() == BYTES
    assert mirrors[0].asked == ["bytes=5000-", None]


def test_an_answer_without_end_is_broken_off(tmp_path, mirrors):
    mirrors[0].data = BYTES * 20

    with pytest.raises(DataError) as caught:
        fetch(remote(mirrors[0].url), tmp_path)

    assert str(caught.value) == (
        "set.gz cannot be downloaded (127.0.0.1: its bytes are not the published ones)"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_refuses_and_one_that_is_not_there_are_named(tmp_path, mirrors):
    mirrors[0].status = 404
    free = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    free.server_close()

    with pytest.raises(DataError) as caught:
        fetch(remote(mirrors[0].url, f"http://127.0.0.1:{free.server_port}/x"), tmp_path)

    assert str(caught.value) == (
        "set.gz cannot be downloaded (127.0.0.1: HTTP 404; 127.0.0.1: Connection refused)"
    )


def test_a_folder_that_cannot_be_written_is_a_resource_error(tmp_path, mirrors):
    (tmp_path / "file").touch()

    with pytest.raises(ResourceError, match="cannot be written: Not a directory"):
        fetch(remote(mirrors[0].url), tmp_path / "file" / "folder")
