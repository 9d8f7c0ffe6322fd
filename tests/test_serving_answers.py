"""What the server answers is what `predict` says, in the form that openapi.json promises."""

import base64
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import jsonschema
import numpy as np
import pytest
from PIL import Image

import eyespot
from eyespot.images.inkstyle import find_style
from eyespot.models.predict import Asked, answers, prepared
from eyespot.values.preparation import Preparation
from made_characters import a_set, character, on_page
from made_server import THREE, Levels, eventually, picture, running, serving_levels

JSON = "application/json"


@pytest.fixture(scope="module")
def real(trained):
    """A server of the trained model."""
    with running(trained.run) as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of the model that reads grey levels."""
    with serving_levels(tmp_path_factory.mktemp("levels")) as server:
        yield server


@pytest.fixture
def fresh(tmp_path):
    """The same, which nobody has asked anything."""
    with serving_levels(tmp_path) as server:
        yield server


def pictures_of(trained, tmp_path):
    """The same picture in forms that are easily decoded differently."""
    source = Image.open(next((trained.data / "right").glob("*.png")))
    rotated = Image.Exif()
    rotated[0x0112] = 6
    forms = {
        "grey.png": (source, {}),
        "lossy.jpg": (source, {"quality": 40}),
        "turned.jpg": (source, {"exif": rotated}),
        "clear.png": (source.convert("RGBA"), {}),
        "wide.png": (source.resize((40, 13)), {}),
        "large.webp": (source.convert("RGB").resize((300, 200)), {}),
        "deep.tif": (Image.fromarray(np.asarray(source).astype(np.uint16) * 257), {}),
    }
    for name, (image, options) in forms.items():
        image.save(tmp_path / name, **options)
    return [tmp_path / name for name in forms]


def rounded(value):
    """The same with numbers to a millionth, as pictures go through the model in other batches."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return pytest.approx(value, abs=1e-6) if isinstance(value, float) else value


def test_every_form_of_picture_gets_the_answer_of_predict(real, trained, tmp_path):
    paths = pictures_of(trained, tmp_path)
    model = eyespot.load(trained.run)

    for path, said in zip(paths, model.predict(paths), strict=True):
        reply = real.post("/predict", path.read_bytes())

        assert reply.status == 200
        assert reply.json == rounded(said.as_json() | {"name": "picture"})


def test_many_pictures_in_one_request_get_an_answer_each(real, trained, tmp_path):
    paths = pictures_of(trained, tmp_path)
    images = [
        {"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()} for path in paths
    ]
    images.insert(1, {"name": "<script>", "data": base64.b64encode(b"buy milk").decode()})
    said = eyespot.load(trained.run).predict(paths)

    reply = real.post("/predict", json.dumps({"images": images}), **{"Content-Type": JSON})

    found = reply.json["predictions"]
    assert found.pop(1) == {
        "name": "<script>",
        "error": "the picture is not a picture (it begins with 'buy milk')",
    }
    assert found == [
        rounded(one.as_json() | {"name": path.name}) for one, path in zip(said, paths, strict=True)
    ]


def test_what_predict_can_be_asked_can_be_asked_over_http(server):
    (said,) = answers(server.model, [picture(250)], ["picture"], Asked(top=5, coverage=0.5))
    (accepted,) = answers(server.model, [picture(250)], ["picture"], Asked(accept_all=True))

    reply = server.post("/predict?top=5&coverage=0.5", picture(250))
    other = server.post("/predict?accept_all=1", picture(250))

    assert reply.json == said.as_json()
    assert reply.json["unknown"] and len(reply.json["ranked"]) == 5
    assert other.json == accepted.as_json()
    assert not other.json["unknown"]


@pytest.mark.parametrize(
    "query", ["tops=3", "top=0", "top=-1", "top=9999999", "top=\u0663", "show=yes", "coverage=high"]
)
def test_a_question_that_is_not_understood_is_named(server, query):
    reply = server.post(f"/predict?{quote(query, safe='=')}", THREE)

    assert reply.status == 400
    assert reply.json["error"].startswith(f"'{query}' is not understood")


@pytest.mark.parametrize("coverage", ["0", "1", "2", "nan"])
def test_a_coverage_that_cannot_be_had_is_refused_as_predict_does(server, coverage):
    reply = server.post(f"/predict?coverage={coverage}", THREE)

    assert reply.status == 400
    assert "coverage" in reply.json["error"]


def test_what_the_model_saw_can_be_shown(server):
    saw = server.post("/predict?show=1", picture(90, side=20)).json["saw"]

    assert np.array_equal(pixels_of(saw), np.full((8, 8), 90))


def test_what_was_found_is_shown_where_ink_is_looked_for(tmp_path):
    ink = Preparation(
        size=28, channels=1, fit="pad", mean=(0.1,), std=(0.3,), ink=find_style(a_set())
    )
    page = 220 - 180 * (on_page(character("bar"), (300, 400), (90, 150)) / 255)
    photo, like_the_set = png(page), png(a_set(3)[2][..., 0])
    blank = png(np.full((300, 400), 220))

    with serving_levels(tmp_path, model=Levels(preparation=ink)) as server:
        bridge = server.get("/model").json["bridge"]
        shown = server.post("/predict?show=1", photo).json
        plain = server.post("/predict?show=1", like_the_set).json
        nothing = server.post("/predict", blank)

    assert bridge
    assert np.array_equal(pixels_of(shown["saw"]), prepared(photo, ink)[..., 0])
    assert pixels_of(shown["found"]).shape == (300, 400, 3)
    assert "saw" in plain and "found" not in plain
    assert nothing.status == 422
    assert nothing.json["error"].startswith("the body shows nothing")


def png(grey):
    file = io.BytesIO()
    Image.fromarray(np.asarray(grey).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def pixels_of(address):
    head, _, data = address.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_where_it_looked_can_be_shown_where_the_net_can_be_asked(real, server, trained):
    path = next((trained.data / "left").glob("*.png"))

    heat = real.post("/predict?heat=1", path.read_bytes()).json["heat"]

    assert heat.startswith("data:image/png;base64,iVBOR")
    assert "heat" not in server.post("/predict?heat=1", THREE).json


def test_the_model_is_described(real, trained):
    card = eyespot.load(trained.run).card

    assert real.get("/model").json == {
        "name": "run",
        "classes": ["left", "right"],
        "kind": "ink",
        "size": card.preparation.size,
        "channels": 1,
        "accuracy": card.score.value,
        "refuses": card.refusal is not None,
        "bridge": card.preparation.ink is not None,
        "paper": "dark",
        "collect": False,
    }


class TestDescription:
    """openapi.json is true."""

    @pytest.fixture
    def check(self, server):
        document = server.get("/openapi.json").json

        def check(method, path, reply):
            operation = document["paths"][path.partition("?")[0]][method.lower()]
            kind = reply.headers["content-type"].partition(";")[0]
            content = operation["responses"][str(reply.status)]["content"][kind]
            schema = {**content["schema"], "components": document["components"]}
            value = reply.data.decode() if kind == "text/plain" else reply.json
            jsonschema.Draft202012Validator(schema).validate(value)

        return check

    @pytest.mark.parametrize("path", ["/model", "/health", "/metrics", "/openapi.json"])
    def test_what_can_be_read_is_as_described(self, server, check, path):
        reply = server.get(path)

        assert reply.status == 200
        check("GET", path, reply)

    @pytest.mark.parametrize(
        ("status", "path", "body", "headers"),
        [
            (200, "/predict", THREE, {}),
            (200, "/predict?show=1&coverage=0.5", picture(255), {}),
            (200, "/predict", json.dumps({"images": ["AAAA"]}), {"Content-Type": JSON}),
            (400, "/predict", b"", {}),
            (403, "/predict", THREE, {"Origin": "https://example.org"}),
            (403, "/collect?label=3", THREE, {}),
            (413, "/predict", None, {"Content-Length": "999999999"}),
            (415, "/predict", THREE, {"Content-Encoding": "gzip"}),
            (421, "/predict", THREE, {"Host": "example.org"}),
            (422, "/predict", b"buy milk", {}),
        ],
    )
    def test_every_answer_is_as_described(self, server, check, status, path, body, headers):
        reply = server.post(path, body, **headers)

        assert reply.status == status
        check("POST", path, reply)

    def test_a_wrong_answer_would_be_seen(self, server, check):
        reply = server.post("/predict", THREE)
        reply.data = json.dumps(reply.json | {"probability": 2}).encode()

        with pytest.raises(jsonschema.ValidationError):
            check("POST", "/predict", reply)


def test_the_numbers_are_counted(fresh):
    server = fresh
    server.post("/predict", THREE)
    server.post("/predict", picture(255))
    server.post("/predict", b"buy milk")

    text = server.get("/metrics").data.decode()

    numbers = dict(re.findall(r"^(\w+(?:\{.*\})?) ([\d.e+]+)$", text, re.MULTILINE))
    assert numbers['eyespot_requests_total{path="/predict",status="200"}'] == "2"
    assert numbers['eyespot_requests_total{path="/predict",status="422"}'] == "1"
    assert numbers["eyespot_predict_seconds_count"] == "2"
    outcomes = {"answered": "1", "unknown": "1", "unreadable": "1"}
    for outcome, num in outcomes.items():
        assert numbers[f'eyespot_pictures_total{{outcome="{outcome}"}}'] == num
    assert numbers["eyespot_waiting_pictures"] == numbers["eyespot_held_bytes"] == "0"
    assert len(text.splitlines()) == len(numbers) + 2 * text.count("# HELP")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/page/nothing.js", 404),
        ("GET", "/page/../index.html", 404),
        ("GET", "/page/%2e%2e/%2e%2e/errors.py", 404),
        ("GET", "/predict", 405),
        ("PUT", "/predict", 405),
        ("POST", "/health", 405),
    ],
)
def test_what_is_not_there_is_said_in_json(server, method, path, status):
    reply = server.ask(method, path)

    assert reply.status == status
    assert list(reply.json) == ["error"]


def test_the_page_is_served_with_its_kind_and_nothing_from_elsewhere(server):
    reply = server.get("/")

    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"].startswith("default-src 'self'; img-src")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in reply.headers
    assert server.get("/page/index.html").data == reply.data


def test_pictures_of_several_clients_go_through_the_model_together(fresh):
    server, model = fresh, fresh.model
    model.hold.clear()
    with ThreadPoolExecutor(17) as clients:
        first = clients.submit(server.post, "/predict", THREE)
        levels = [60 + 10 * (number % 10) for number in range(16)]
        others = [clients.submit(server.post, "/predict", picture(level)) for level in levels]
        wait_until_counted(server, "eyespot_waiting_pictures", 17)
        model.hold.set()
        labels = [other.result().json["label"] for other in others]

    assert labels == [str(number % 10) for number in range(16)]
    assert first.result().json["label"] == "3"
    assert max(model.batches) > 1 and sum(model.batches) == 17 + 1  # and the first proof


def wait_until_counted(server, name, num):
    eventually(lambda: f"{name} {num}\n" in server.get("/metrics").data.decode())
