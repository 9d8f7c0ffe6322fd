"""What a person has corrected is kept for the next training, and nothing else is."""

import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest

import eyespot
from eyespot.errors import ResourceError
from eyespot.serving import serve
from eyespot.serving.collecting import Collection, why_not
from eyespot.serving.limits import Refused
from made_server import THREE, picture, serving_levels

DIGITS = tuple("0123456789")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "collected"


@pytest.fixture
def server(tmp_path, folder):
    with serving_levels(tmp_path, collect=folder) as server:
        yield server


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_named_picture_is_kept_byte_for_byte_with_a_count(server, folder):
    first = server.post("/collect?label=3", THREE)
    second = server.post("/collect?label=3", picture(91))

    assert (first.status, first.json) == (200, {"label": "3", "count": 1})
    assert second.json == {"label": "3", "count": 2}
    kept = {(folder / name).read_bytes() for name in files(folder)}
    assert kept == {THREE, picture(91)}
    assert all(name.startswith("3/collected-") and name.endswith(".png") for name in files(folder))
    assert server.get("/model").json["collect"]
    assert "eyespot_collected_total 2\n" in server.get("/metrics").data.decode()


def test_training_reads_what_was_collected(server, folder):
    for label, level in (("3", 90), ("3", 91), ("4", 100), ("heart", 140)):
        server.post(f"/collect?label={label}", picture(level))

    data = eyespot.read(folder)

    assert data.classes == ("3", "4", "heart")
    assert [data.classes[label] for label in data.labels] == ["3", "3", "4", "heart"]
    assert data.issues == ()


def test_the_same_picture_is_kept_once_and_under_the_last_name(server, folder):
    assert [server.post("/collect?label=8", THREE).json["count"] for _ in range(2)] == [1, 1]

    assert server.post("/collect?label=3", THREE).json == {"label": "3", "count": 1}

    (name,) = files(folder)
    assert name.startswith("3/")
    server.log_with("it was collected as 8 before; it is 3 now")


def test_pictures_that_were_there_before_stay(server, folder):
    (folder / "3").mkdir()
    (folder / "3" / "mine.png").write_bytes(THREE)

    assert server.post("/collect?label=3", THREE).json["count"] == 1
    server.post("/collect?label=4", THREE)

    assert (folder / "3" / "mine.png").read_bytes() == THREE


def test_many_at_once_are_all_kept(server, folder):
    levels = range(60, 100)

    with ThreadPoolExecutor(8) as clients:
        replies = list(
            clients.map(lambda level: server.post("/collect?label=3", picture(level)), levels)
        )

    assert sorted(reply.json["count"] for reply in replies) == list(range(1, len(levels) + 1))
    assert len(files(folder)) == len(levels)


@pytest.mark.parametrize(
    "label",
    [
        "",
        "%20",
        "..",
        ".",
        "../x",
        "a/b",
        "a%5Cb",
        "/etc",
        ".hidden",
        "3%00",
        "3%20",
        "a%0Ab",
        "%3Cscript%3E",
        "C:",
        "dot.",
        "train",
        "Test",
        "quarantine.csv",
        "Thumbs.db",
        "a" * 256,
        "%E2%80%AEgnp",
        "n%CC%83",
    ],
)
def test_a_label_that_is_no_name_of_a_class_folder_is_refused(server, folder, label):
    reply = server.post(f"/collect?label={label}", THREE)

    assert reply.status == 400
    assert reply.json["error"].startswith("the label '")
    assert list(folder.iterdir()) == []


def test_a_label_of_255_bytes_is_a_name(server, folder):
    label = "ä" * 127 + "a"

    reply = server.post("/collect?label=" + "%C3%A4" * 127 + "a", THREE)

    assert reply.json == {"label": label, "count": 1}
    assert len(os.listdir(folder)[0].encode()) == 255


def test_a_class_of_the_model_may_be_called_what_its_folder_was():
    assert why_not("<script>", known=True) is None
    assert why_not(unicodedata.normalize("NFD", "é"), known=True) is None
    assert why_not("../x", known=True) is not None
    assert why_not("a\nb", known=True) is not None


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"buy milk", 422), (THREE[:45], 422), (b"a" * 2**21, 422)]
)
def test_what_cannot_be_decoded_is_not_kept(server, folder, body, status):
    assert server.post("/collect?label=3", body).status == status

    assert list(folder.iterdir()) == []


def test_predicting_writes_nothing(server, folder, tmp_path):
    before = files(tmp_path)

    assert server.post("/predict?show=1", THREE).status == 200

    assert files(tmp_path) == before


def test_without_the_option_nothing_is_kept(tmp_path):
    with serving_levels(tmp_path) as server:
        reply = server.post("/collect?label=3", THREE)

    assert reply.status == 403
    assert reply.json["error"].startswith("this server collects nothing")
    assert files(tmp_path) == ["levels.onnx"]


def test_a_full_disk_is_said_and_leaves_nothing_half(server, folder, full_disk):
    server.post("/collect?label=3", THREE)

    with full_disk(20):
        full = server.post("/collect?label=4", picture(100))

    assert full.status == 507
    assert full.json["error"].startswith("the picture could not be kept: ")
    assert len(files(folder)) == 1
    assert os.listdir(folder) == ["3"]
    assert server.post("/collect?label=4", picture(100)).json["count"] == 1


def test_a_folder_that_cannot_be_is_said_at_the_start(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ResourceError, match="cannot be made"):
        serve(tmp_path, collect=tmp_path / "file" / "below", port=0)


def test_a_label_that_a_file_system_takes_for_another_is_refused(folder, monkeypatch):
    """As where A and a are one folder: the pictures of two classes would be mixed."""
    collection = Collection(folder, say=lambda sentence: None)
    monkeypatch.setattr("os.listdir", lambda path: ["a"])

    with pytest.raises(Refused, match="has the folder of another class here") as error:
        collection.add("A", THREE, classes=("A", "a"))

    assert error.value.status == 409
