"""Clients that are slow, lie, send bombs or hang up harm nobody but themselves."""

import contextlib
import io
import json
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from eyespot.serving.limits import Limits
from made_server import THREE, eventually, everything_from, picture, serving_levels

LONG = 3600.0  # seconds that no test waits for
PATIENT = dict.fromkeys(
    ("idle_seconds", "header_seconds", "body_seconds", "answer_seconds", "linger_seconds"), LONG
)
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def start(tmp_path):
    """Starts a server with these limits, the others out of reach."""
    with contextlib.ExitStack() as stack:

        def start(**limits):
            limits = Limits(**{**PATIENT, **limits})
            return stack.enter_context(serving_levels(tmp_path, limits=limits))

        yield start


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving_levels(tmp_path_factory.mktemp("levels")) as server:
        yield server


def status_of(raw):
    return int(raw.split(b" ", 2)[1])


def body_of(raw):
    return json.loads(raw.partition(b"\r\n\r\n")[2])


class TestDeadlines:
    """One phase has a short deadline, the others have none that a test would see."""

    def test_headers_that_do_not_end_are_cut_off(self, start):
        server = start(header_seconds=0.2)

        with server.send(b"GET /health HTTP/1.1\r\nHost: local") as client:
            raw = everything_from(client)

        assert status_of(raw) == 408
        assert body_of(raw) == {"error": "the rest of its headers did not come within 0.2 s"}
        server.log_with("127.0.0.1 was cut off: 0.2 s went by without the rest of its headers")

    def test_a_byte_now_and_then_prolongs_nothing(self, start):
        server = start(header_seconds=0.3)

        with server.send(b"GET /health HTTP/1.1\r\nX-Slow: ") as client:
            stopped = threading.Event()

            def drip():
                with contextlib.suppress(OSError):
                    while not stopped.wait(0.02):
                        client.sendall(b"a")

            dripping = threading.Thread(target=drip)
            dripping.start()
            raw = everything_from(client)  # it would never end
            stopped.set()
            dripping.join()

        assert raw == b"" or status_of(raw) == 408  # a reset may swallow the answer

    def test_a_body_that_does_not_end_is_cut_off(self, start):
        server = start(body_seconds=0.2)

        with server.send(HEAD + b"Content-Length: 1000\r\n\r\n\x89PNG") as client:
            raw = everything_from(client)

        assert status_of(raw) == 408
        assert body_of(raw) == {"error": "the rest of its body did not come within 0.2 s"}
        server.log_with("without the rest of its body")
        assert "eyespot_held_bytes 0\n" in server.get("/metrics").data.decode()

    def test_a_connection_without_a_request_ends_silently(self, start):
        server = start(idle_seconds=0.2)

        with server.send(b"") as client:
            assert everything_from(client) == b""
        with server.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as client:
            assert status_of(everything_from(client)) == 200  # and then it is idle

        assert not any("cut off" in line or "hung up" in line for line in server.said)

    def test_a_client_that_does_not_take_its_answer_is_cut_off(self, start):
        server = start(answer_seconds=0.3)
        server.model.hold.clear()

        with server.send(HEAD + f"Content-Length: {len(THREE)}\r\n\r\n".encode() + THREE) as client:
            assert everything_from(client) == b""

        server.log_with("was cut off: it did not take its answer")
        server.model.hold.set()

    def test_the_rest_of_a_refused_body_is_read_for_a_while_only(self, start):
        server = start(body_bytes=1000, linger_seconds=0.2)

        with server.send(HEAD + b"Content-Length: 100000\r\n\r\n") as client:
            raw = everything_from(client)

        assert status_of(raw) == 413
        assert not any("hung up" in line for line in server.said)

    def test_a_client_that_asks_whether_it_may_send_is_told_at_once(self, start):
        server = start(body_bytes=1000)

        with server.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n") as client:
            assert client.recv(12) == b"HTTP/1.1 413"

    @pytest.mark.parametrize("header", [b"", b"Content-Encoding: gzip\r\n", b"Origin: null\r\n"])
    def test_a_client_that_sends_all_before_it_listens_gets_its_answer(self, start, header):
        """Else it would find its connection reset in the middle of its sending."""
        server = start(body_bytes=1000)
        body = b"a" * 8_000_000
        head = header + f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()

        with server.send(HEAD + head + body) as client:
            raw = everything_from(client)

        assert status_of(raw) in (403, 413, 415)

    def test_the_connection_goes_on_when_the_rest_of_a_refused_body_has_come(self, start):
        server = start(body_bytes=1000)
        body = b"a" * 5000

        with server.send(HEAD + b"Content-Length: 5000\r\n\r\n") as client:
            client.sendall(body + b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
            client.sendall(b"Connection: close\r\n\r\n")
            raw = everything_from(client)

        assert status_of(raw) == 413
        assert raw.endswith(b'{"status": "ok"}')

    def test_many_half_open_connections_keep_nobody_out_and_all_end(self, start):
        server = start(header_seconds=1.0)

        clients = [server.send(b"GET /health HTTP/1.1\r\nHo") for _ in range(60)]
        statuses = {server.get("/health").status for _ in range(10)}
        ends = [status_of(everything_from(client)) for client in clients]
        for client in clients:
            client.close()

        assert statuses == {200}
        assert ends == [408] * 60


class TestBodies:
    @pytest.mark.parametrize(
        ("headers", "body", "status", "words"),
        [
            (b"Content-Length: 0\r\n", b"", 400, "empty (0 bytes)"),
            (b"", b"", 400, "empty (0 bytes)"),
            (b"Content-Encoding: gzip\r\nContent-Length: 4\r\n", b"\x1f\x8b\x08\0", 415, "compr"),
            (b"Content-Type: multipart/form-data; boundary=a\r\n", b"", 415, "forms are not read"),
            (b"Content-Length: 99999999999999999999\r\n", b"", 413, "larger than 32 MiB"),
            (b"Content-Length: -1\r\n", b"", 400, "not HTTP"),
            (b"Content-Length: many\r\n", b"", 400, "not HTTP"),
            (b"Content-Length: 4\r\nContent-Length: 5\r\n", b"abcde", 400, "not HTTP"),
            (b"Transfer-Encoding: chunked\r\n", b"ZZ\r\n", 400, "not HTTP"),
            (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", 400, ""),
            (
                b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                b"0\r\n\r\n",
                400,
                "says that it has none",
            ),
        ],
    )
    def test_a_body_that_cannot_be_read_is_named(self, start, headers, body, status, words):
        server = start(idle_seconds=0.2, linger_seconds=0.2)

        with server.send(HEAD + headers + b"\r\n" + body) as client:
            raw = everything_from(client)

        assert status_of(raw) in (status, 501)
        assert words in body_of(raw)["error"]

    def test_more_than_was_said_is_no_picture_but_a_request_that_is_none(self, start):
        server = start()
        head = f"Content-Length: {len(THREE)}\r\n\r\n".encode()

        with server.send(HEAD + head + THREE + b"more\0\r\n\r\n") as client:
            raw = everything_from(client)

        assert b'"label": "3"' in raw
        assert b"HTTP/1.1 400" in raw

    def test_endless_chunks_are_refused_at_the_limit(self, start):
        server = start(body_bytes=100_000, linger_seconds=0.3)
        sent = 0

        with server.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n") as client:
            with contextlib.suppress(OSError):
                while sent < 2**30:
                    client.sendall(b"400\r\n" + b"a" * 1024 + b"\r\n")
                    sent += 1024
            everything_from(client)

        assert sent < 2**30  # the server has closed
        text = server.get("/metrics").data.decode()
        assert 'eyespot_requests_total{path="/predict",status="413"} 1\n' in text
        assert "eyespot_held_bytes 0\n" in text

    def test_large_bodies_are_read_one_after_the_other(self, start):
        server = start(large_bytes=1000, num_large=1)
        half = HEAD + b"Content-Length: 4000\r\n\r\n" + b"a" * 2000

        with server.send(half) as first, server.send(half + b"a" * 2000) as second:
            assert server.post("/predict", THREE).status == 200  # small ones go on
            first.sendall(b"a" * 2000)

            assert first.recv(12) == second.recv(12) == b"HTTP/1.1 422"

    def test_a_large_body_that_would_wait_too_long_is_refused_for_now(self, start):
        server = start(large_bytes=1000, num_large=1, gate_seconds=0.2)

        with server.send(HEAD + b"Content-Length: 4000\r\n\r\n" + b"a" * 2000):
            eventually(lambda: server.post("/predict", b"a" * 1001).status == 503)
            reply = server.post("/predict", b"a" * 1001)

        assert reply.headers["retry-after"] == "1"
        eventually(lambda: server.post("/predict", b"a" * 1001).status == 422)

    def test_a_large_picture_is_answered_as_a_small_one(self, start):
        server = start()
        file = io.BytesIO()
        Image.new("L", (3000, 2100), 90).save(file, "PNG")

        assert server.post("/predict", file.getvalue()).json["label"] == "3"

    def test_too_many_bytes_of_all_clients_together_are_refused_for_now(self, start):
        server = start(held_bytes=300_000)

        with server.send(HEAD + b"Content-Length: 250000\r\n\r\n" + b"a" * 200_000):
            wait_for(server, "held_bytes", 200_000)
            reply = server.post("/predict", b"a" * 150_000)

        assert reply.status == 503
        assert reply.headers["retry-after"] == "1"
        wait_for(server, "held_bytes", 0)

    @pytest.mark.parametrize(
        "body",
        [
            b"not json",
            b"[]",
            b"3",
            b'{"images": 3}',
            b'{"images": ["AAAA"], "top": 3}',
            b'{"images": []}',
            b'{"images": [3]}',
            b'{"images": [{"data": 3}]}',
            b'{"images": [{"name": "a"}]}',
            b'{"images": [{"data": "AA=A"}]}',
            b'{"images": [{"data": "", "path": "/etc/passwd"}]}',
            b'{"images": [{"name": 3, "data": "AAAA"}]}',
            b'{"images": [{"name": "' + b"a" * 256 + b'", "data": "AAAA"}]}',
            b'{"images": [' + b'"AAAA",' * 64 + b'"AAAA"]}',
            b"[" * 15_000,
            b"[" * 1_000_000,
            b'{"images": [' + b"[]," * 1_000_000 + b"[]]}",
            b'{"images": ' + b"9" * 5000 + b"}",
            b"\xff\xfe",
        ],
        ids=lambda body: body[:40].decode("latin-1"),
    )
    def test_json_that_is_not_understood_is_named(self, server, body):
        reply = server.post("/predict", body, **{"Content-Type": "application/json"})

        assert reply.status == 400
        assert len(reply.json["error"]) < 300

    @pytest.mark.parametrize("name", ["", "../x", "<script>alert(1)</script>", "a" * 255, "\0\n"])
    def test_a_hostile_name_comes_back_as_it_is_and_touches_nothing(self, server, name):
        body = json.dumps({"images": [{"name": name, "data": ""}]})

        reply = server.post("/predict", body, **{"Content-Type": "application/json"})

        assert reply.json["predictions"] == [
            {"name": name, "error": "the picture is empty (0 bytes)"}
        ]

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"buy milk", "is not a picture (it begins with 'buy milk')"),
            (b"\0" * 1000, "all of its 1,000 bytes are zero"),
            (b"%PDF-1.7", "is a PDF"),
            (THREE[:45], "cut off"),
            (b"\x89PNG\r\n\x1a\n" + b"a" * 100, "cut off"),
            (b"RIFF\1\0\0\0WEBPVP8 ", "damaged"),
        ],
    )
    def test_what_is_no_picture_is_named(self, server, body, words):
        reply = server.post("/predict", body)

        assert reply.status == 422
        assert words in reply.json["error"]

    def test_a_bomb_is_refused_before_it_goes_off(self, server):
        file = io.BytesIO()
        Image.new("L", (10, 10)).save(file, "PNG")
        data = bytearray(file.getvalue())
        data[16:24] = struct.pack(">II", 30_000, 30_000)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))

        reply = server.post("/predict", bytes(data))

        assert reply.status == 422
        assert "too large" in reply.json["error"]


class TestFull:
    def test_the_queue_has_an_end_and_health_is_before_it(self, start):
        server = start(waiting=4)
        server.model.hold.clear()

        with ThreadPoolExecutor(4) as clients:
            held = [clients.submit(server.post, "/predict", THREE) for _ in range(4)]
            wait_for(server, "waiting_pictures", 4)
            refused = server.post("/predict", THREE)
            health = server.get("/health")
            server.model.hold.set()
            statuses = [one.result().status for one in held]

        assert refused.status == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json["error"] == "the server is busy; try again in 1 s"
        assert health.status == 200
        assert statuses == [200] * 4
        assert server.post("/predict", THREE).status == 200

    def test_what_takes_too_long_is_given_up(self, start):
        server = start(work_seconds=0.2)
        server.model.hold.clear()

        reply = server.post("/predict", THREE)

        assert reply.status == 503
        assert reply.headers["retry-after"] == "1"
        wait_for(server, "waiting_pictures", 0)
        server.model.hold.set()
        assert server.post("/predict", THREE).status == 200

    def test_many_pictures_in_one_request_count_each(self, start):
        server = start(waiting=4)

        body = json.dumps({"images": ["AAAA"] * 5})
        reply = server.post("/predict", body, **{"Content-Type": "application/json"})

        assert reply.status == 503

    def test_more_connections_than_there_may_be_are_told_so(self, start):
        server = start(connections=3)
        clients = [server.send(b"") for _ in range(3)]
        wait_until_open(server, 3)

        with server.send(b"") as late:
            raw = everything_from(late)
        for client in clients:
            client.close()

        assert status_of(raw) == 503
        assert body_of(raw) == {"error": "too many connections are open; try again in 1 s"}
        eventually(lambda: can_ask(server))

    def test_a_model_that_fails_is_each_client_s_answer_and_not_the_end(self, start, monkeypatch):
        server = start()
        examine = server.model.examine
        server.model.examine = lambda images: 1 / 0
        failed = server.post("/predict", THREE)
        server.model.examine = examine

        assert failed.status == 500
        assert failed.json == {"error": "the server failed; its log says why"}
        line = server.log_with("ZeroDivisionError")
        assert "\n" not in line and "test_serving_limits.py" in line
        assert server.post("/predict", THREE).status == 200


class TestHangUp:
    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            (HEAD + b"Content-Length: 1000\r\n\r\nabc", "hung up in the middle of its body"),
            (HEAD + b"Content-Length: 3\r\n\r\nabc", None),
        ],
    )
    def test_a_client_that_hangs_up_is_one_line_in_the_log(self, start, sent, words):
        server = start()
        before = len(server.said)

        server.send(sent).close()
        if words:
            server.log_with(words)

        assert server.post("/predict", THREE).json["label"] == "3"
        assert len(server.said) <= before + 1

    def test_so_is_one_that_does_not_wait_for_its_answer(self, start):
        server = start()
        server.model.hold.clear()
        client = server.send(HEAD + f"Content-Length: {len(THREE)}\r\n\r\n".encode() + THREE)
        wait_for(server, "waiting_pictures", 1)

        client.close()
        server.log_with("127.0.0.1 hung up before its answer")
        server.model.hold.set()

        wait_for(server, "waiting_pictures", 0)
        assert server.post("/predict", THREE).status == 200
        assert len(server.said) == 2


def test_the_garbage_of_many_clients_harms_no_answer(start):
    server = start()
    random = np.random.default_rng(0)
    garbage = [random.bytes(int(size)) for size in random.integers(1, 2000, 40)]
    garbage += [THREE[:cut] for cut in range(1, 45, 4)]

    def ask(number):
        level = 60 + 10 * (number % 10)
        if number % 3:
            return server.post("/predict", picture(level)).json["label"] == str(number % 10)
        return server.post("/predict", garbage[number % len(garbage)]).status == 422

    with ThreadPoolExecutor(16) as clients:
        assert all(clients.map(ask, range(200)))


def wait_for(server, name, num):
    eventually(lambda: f"eyespot_{name} {num}\n" in server.get("/metrics").data.decode())


def wait_until_open(server, num):
    eventually(lambda: len(server.server.server_state.connections) == num)


def can_ask(server):
    with contextlib.suppress(OSError):
        return server.get("/health").status == 200
    return False
