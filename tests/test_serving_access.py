"""Who may ask the server what."""

import contextlib
import io
import socket
import sys

import pytest

from eyespot.errors import MissingExtra, ModelError, ResourceError, UsageError
from eyespot.serving import serve
from eyespot.serving.doorway import Access
from made_server import THREE, Levels, levels_in, running, serving_levels

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving_levels(tmp_path_factory.mktemp("levels"), names=["photos.example.org"]) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with a token."""
    with serving_levels(tmp_path_factory.mktemp("levels"), token=TOKEN) as server:
        yield server


class TestHost:
    """DNS rebinding: the page of a site whose name is made to lead here."""

    @pytest.mark.parametrize(
        "host",
        [
            "localhost",
            "localhost:8000",
            "LOCALHOST.:1",
            "127.0.0.1:8000",
            "192.168.0.7",
            "[::1]:8000",
            "photos.example.org",
            socket.gethostname(),
        ],
    )
    def test_the_server_s_own_names_and_addresses_are_answered(self, server, host):
        assert server.get("/model", Host=host).status == 200

    @pytest.mark.parametrize(
        "host",
        ["example.org", "localhost.example.org", "127.0.0.1.example.org", "", "[", "a b", "@"],
    )
    def test_other_names_are_not(self, server, host):
        reply = server.get("/", Host=host)

        assert reply.status == 421
        assert "start it with --name" in reply.json["error"]
        assert "content-security-policy" in reply.headers


class TestOrigin:
    """A page of another site may send a request, but not read what it says."""

    @pytest.mark.parametrize(
        "origin",
        [
            "https://example.org",
            "http://localhost:9999",
            "null",
            "",
            "http://localhost.example.org",
            "file://localhost",
            "chrome-extension://localhost",
        ],
    )
    @pytest.mark.parametrize("path", ["/predict", "/collect?label=3"])
    def test_a_post_from_another_origin_is_refused(self, server, origin, path):
        reply = server.post(path, THREE, Host="localhost:8000", Origin=origin)

        assert reply.status == 403
        assert reply.json == {"error": "pages of other sites may not ask this server"}

    @pytest.mark.parametrize(
        ("host", "origin"),
        [
            ("localhost:8000", "http://localhost:8000"),
            ("127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("[::1]:8000", "http://[::1]:8000"),
            ("localhost:8000", "https://photos.example.org"),
        ],
    )
    def test_the_server_s_own_page_may_post(self, server, host, origin):
        assert server.post("/predict", THREE, Host=host, Origin=origin).status == 200

    def test_no_other_page_may_read_an_answer(self, server):
        reply = server.get("/model", Origin="https://example.org")
        preflight = server.ask("OPTIONS", "/predict", headers={"Origin": "https://example.org"})

        for one in (reply, preflight):
            assert not any(name.startswith("access-control") for name in one.headers)
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert preflight.status == 405


class TestToken:
    @pytest.mark.parametrize("path", ["/model", "/metrics", "/nothing", "/predict", "/pages"])
    @pytest.mark.parametrize(
        "given", [None, "", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff", TOKEN]
    )
    def test_without_the_token_nothing_is_told(self, guarded, path, given):
        reply = guarded.get(path, **({} if given is None else {"Authorization": given}))

        assert reply.status == 401
        assert reply.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in reply.json["error"]

    def test_neither_is_a_picture_read(self, guarded):
        assert guarded.post("/predict", THREE).status == 401
        assert guarded.post(f"/predict?token={TOKEN}", THREE).status == 401

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    def test_with_it_all_is(self, guarded, scheme):
        header = {"Authorization": f"{scheme} {TOKEN}"}

        assert guarded.get("/model", **header).status == 200
        assert guarded.post("/predict", THREE, **header).json["label"] == "3"

    @pytest.mark.parametrize("path", ["/", "/page/index.html", "/health", "/openapi.json"])
    def test_what_tells_nothing_is_open(self, guarded, path):
        assert guarded.get(path).status == 200

    @pytest.mark.parametrize(("terminal", "shown"), [(True, TOKEN), (False, "TOKEN")])
    def test_the_page_gets_it_by_what_is_never_sent_and_no_log_file_has_it(
        self, tmp_path, monkeypatch, terminal, shown
    ):
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)

        with serving_levels(tmp_path, token=TOKEN) as server:
            address = f"http://127.0.0.1:{server.port}/#token={shown}"

        assert server.said[0].endswith(f"answers at {address} until Ctrl-C")

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
    def test_other_machines_are_let_in_with_a_token_alone(self, tmp_path, host):
        with pytest.raises(UsageError, match=r"needs a token.*add --token [\w-]{16}$"):
            serve(tmp_path, host=host)

    @pytest.mark.parametrize("token", ["", "short", "with a space", "n\u00e4mlich", "new\nlines"])
    def test_a_token_that_protects_nothing_is_refused(self, tmp_path, token):
        with pytest.raises(UsageError, match="8 ASCII signs or more"):
            serve(tmp_path, token=token)

    def test_its_time_tells_nothing_of_it(self, monkeypatch):
        """It is compared by hmac, in a time that does not depend on what is equal."""
        asked = []
        monkeypatch.setattr("hmac.compare_digest", lambda *pair: asked.append(pair) or True)

        Access(frozenset(["a"]), TOKEN).check(
            "GET", "/model", {b"host": b"a", b"authorization": b"Bearer b"}
        )

        assert asked == [(b"b", TOKEN.encode())]


class TestStart:
    def test_a_port_in_use_is_said_before_the_model_is_read(self, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(ResourceError) as error:
                serve(tmp_path / "missing", port=port)

        assert str(error.value) == (
            f"port {port} of 127.0.0.1 is in use by another program; name another with --port, "
            "or 0 for any that is free"
        )

    @pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid"])
    def test_a_host_that_is_not_this_machine_is_named(self, tmp_path, host):
        with pytest.raises(UsageError, match=f"--host {host} is no address of this machine"):
            serve(tmp_path, host=host, token=TOKEN)

    def test_a_file_that_is_no_model_ends_it(self, tmp_path):
        (tmp_path / "model.safetensors").write_bytes(b"buy milk")

        with pytest.raises(ModelError, match="is not a safetensors file"):
            serve(tmp_path, port=0)

    def test_without_the_extra_it_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

        with pytest.raises(MissingExtra, match=r"install it with: pip install 'eyespot\[serve\]'"):
            serve(tmp_path)

    def test_it_listens_to_ipv6(self, tmp_path):
        with contextlib.suppress(UsageError), levels_in(tmp_path, Levels()) as path:
            with running(path, host="::1") as server:
                server.host = "::1"

                assert server.get("/health").status == 200


class TestCommand:
    """What goes wrong at the start is a sentence and an exit code."""

    def test_a_port_in_use(self, eyespot, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as other:
            answer = eyespot("serve", tmp_path, "--port", other.getsockname()[1])

        assert answer.code == 4
        assert answer.err.endswith("name another with --port, or 0 for any that is free\n")
        assert len(answer.err.splitlines()) == 1

    def test_other_machines_without_a_token(self, eyespot, tmp_path):
        answer = eyespot("serve", tmp_path, "--host", "0.0.0.0")

        assert answer.code == 2
        assert "needs a token" in answer.err

    def test_a_token_from_the_environment(self, eyespot, tmp_path, monkeypatch):
        monkeypatch.setenv("EYESPOT_TOKEN", "short")

        assert eyespot("serve", tmp_path).code == 2

    def test_a_folder_that_holds_no_model(self, eyespot, tmp_path):
        assert eyespot("serve", tmp_path, "--port", 0).code == 5
