"""A model file that is replaced takes over without a lost request, if it is sound."""

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import eyespot
from eyespot.errors import ModelError
from eyespot.serving import swapping
from eyespot.serving.limits import Limits
from made_server import PATIENCE, THREE, Levels, Running, eventually, running

SOON = Limits(watch_seconds=0.02)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A list whose last model, or error, is what the file holds."""
    models = [Levels()]

    def load(path):
        if isinstance(models[-1], Exception):
            raise models[-1]
        return models[-1]

    monkeypatch.setattr(swapping, "load", load)
    return models


@pytest.fixture
def file(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"the first")
    return tmp_path / "model.onnx"


def replace(file, content=b"another"):
    """As a training or an export does it."""
    fresh = file.with_name("fresh")
    fresh.write_bytes(content)
    os.replace(fresh, file)


def test_a_new_file_takes_over_without_a_lost_request(models, file):
    with running(file, limits=SOON) as server, ThreadPoolExecutor(8) as clients:
        models.append(Levels("abcdefghij"))
        stopped = False

        def ask(_):
            labels = []
            while not stopped:
                reply = server.post("/predict", THREE)
                labels.append((reply.status, reply.json.get("label")))
            return labels

        asked = [clients.submit(ask, None) for _ in range(8)]
        replace(file)
        server.log_with("was replaced")
        after = server.post("/predict", THREE).json["label"]
        stopped = True
        labels = {label for one in asked for label in one.result()}

    assert after == "d"
    assert labels <= {(200, "3"), (200, "d")}


def test_a_request_that_has_begun_is_answered_by_its_own_model(models, file):
    with running(file, limits=SOON) as server, ThreadPoolExecutor(1) as clients:
        models[0].hold.clear()
        begun = clients.submit(server.post, "/predict", THREE)
        eventually(lambda: "waiting_pictures 1\n" in server.get("/metrics").data.decode())
        models.append(Levels("abcdefghij"))
        replace(file)
        server.log_with("was replaced")
        models[0].hold.set()

        assert begun.result().json["label"] == "3"
        assert server.post("/predict", THREE).json["label"] == "d"


def test_a_bad_file_is_named_and_the_old_model_stays(models, file):
    with running(file, limits=SOON) as server:
        models.append(ModelError("model.onnx is damaged; export it again"))
        replace(file)

        server.log_with(
            "the model stays as it is, because the new one cannot be used: model.onnx is damaged"
        )
        assert server.post("/predict", THREE).json["label"] == "3"
        assert 'swaps_total{outcome="refused"} 1\n' in server.get("/metrics").data.decode()

        models.append(Levels("abcdefghij"))
        replace(file, b"a third")
        server.log_with("was replaced, without 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and with a, b")
        assert server.get("/model").json["classes"] == list("abcdefghij")
        assert 'swaps_total{outcome="done"} 1\n' in server.get("/metrics").data.decode()


def test_a_model_that_does_not_answer_is_refused(models, file):
    class Broken(Levels):
        def examine(self, images):
            probs, refusals = super().examine(images)
            return probs[:, 1:], refusals

    with running(file, limits=SOON) as server:
        models.append(Broken())
        replace(file)

        server.log_with("does not answer as its classes want")
        assert server.post("/predict", THREE).json["label"] == "3"


def test_a_file_that_goes_away_takes_nothing_with_it(models, file):
    with running(file, limits=SOON) as server:
        file.unlink()
        models.append(Levels("abcdefghij"))

        assert server.post("/predict", THREE).json["label"] == "3"
        file.write_bytes(b"again")
        server.log_with("was replaced")
        assert server.post("/predict", THREE).json["label"] == "d"


def test_a_real_model_is_read_and_checked_before_it_takes_over(trained, tmp_path):
    data = trained.run.joinpath("model.safetensors").read_bytes()
    file = tmp_path / "model.safetensors"
    file.write_bytes(data)
    picture = next((trained.data / "left").glob("*.png")).read_bytes()

    with running(file, limits=SOON) as server:
        replace(file, data[:-100])
        server.log_with("the model stays as it is")
        replace(file, data)
        server.log_with("was replaced")
        said = eyespot.load(file).predict([picture])

        assert server.post("/predict", picture).json["label"] == said[0].label


# A server in a process of its own, whose model takes its time; without torch, which takes longer.
SCRIPT = """
    import sys, time
    sys.path.insert(0, {tests!r})
    from made_server import Levels
    from eyespot.serving import serve, swapping

    class Slow(Levels):
        def examine(self, images):
            if images.any():
                print("examining", flush=True)
                time.sleep({seconds})
            return super().examine(images)

    swapping.load = lambda path: Slow()
    serve({path!r}, port=0, say=lambda words: print(words, flush=True))
    print("torch" in sys.modules)
"""


@pytest.fixture
def process(file):
    """Starts the script; its port, the process and the lines that it has printed."""
    started = []

    def start(*, seconds=0.0):
        script = SCRIPT.format(
            tests=str(Path(__file__).parent), path=str(file), seconds=float(seconds)
        )
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        started.append(process)
        line = process.stdout.readline()
        assert "answers at" in line, line + process.stdout.read()
        return process, int(line.rpartition("/ until")[0].rpartition(":")[2])

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def post(port):
    return Running(port).post("/predict", THREE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_waits_for_what_has_begun(process, number):
    server, port = process(seconds=0.5)
    with ThreadPoolExecutor(1) as clients:
        begun = clients.submit(post, port)
        assert server.stdout.readline() == "examining\n"
        server.send_signal(number)

        assert begun.result().json["label"] == "3"
    out, _ = server.communicate(timeout=PATIENCE)

    assert out == "stopped after 1 answer\nFalse\n"  # and torch was never imported
    assert server.returncode == 0


def test_an_end_does_not_wait_for_those_who_send_nothing(process):
    server, port = process()
    idle = Running(port).send(b"GET /health HTTP/1.1\r\nHos")
    eventually(lambda: post(port).status == 200)

    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=PATIENCE)

    assert server.returncode == 0
    idle.close()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal here")
def test_sighup_reads_the_file_again(process):
    server, port = process()

    server.send_signal(signal.SIGHUP)

    assert "was replaced" in server.stdout.readline()
    assert post(port).status == 200


class TestThreads:
    """A quick net leaves the other cores to the connections."""

    class Threaded(Levels):
        def in_thread(self):
            return Levels("abcdefghij")

    @pytest.mark.parametrize(("seconds", "label"), [(3600, "d"), (0, "3")])
    def test_a_quick_net_gets_one_core(self, models, file, monkeypatch, seconds, label):
        monkeypatch.setattr(swapping, "_QUICK_SECONDS", seconds)
        models.append(self.Threaded())

        with running(file) as server:
            assert server.post("/predict", THREE).json["label"] == label


@pytest.mark.slow
def test_an_exported_model_is_served_without_torch(trained, tmp_path):
    file = tmp_path / "model.onnx"
    eyespot.export(trained.run, to="onnx", out=file)
    picture = next((trained.data / "left").glob("*.png"))
    (said,) = eyespot.load(file).predict([picture])
    script = f"""
        import sys
        for name in ("torch", "sklearn", "matplotlib", "onnx"):
            sys.modules[name] = None
        from eyespot.serving import serve
        serve({str(file)!r}, port=0, say=lambda words: print(words, flush=True))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        port = int(line.rpartition("/ until")[0].rpartition(":")[2])
        reply = Running(port).post("/predict", picture.read_bytes())
        process.terminate()

    assert reply.json["label"] == said.label
    assert reply.json["probability"] == pytest.approx(said.probability, abs=1e-6)
