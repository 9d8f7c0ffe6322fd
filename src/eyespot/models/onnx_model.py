"""A model that runs on onnxruntime, without torch. N images, S side, C channels, K classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eyespot.errors import ModelError
from eyespot.images.parallel import num_cores
from eyespot.models.card import ModelCard
from eyespot.models.onnx_file import Form, read_onnx
from eyespot.models.surface import in_batches, predict_pictures, tempered
from eyespot.values.arrays import Array
from eyespot.values.preparation import Preparation

if TYPE_CHECKING:
    import onnxruntime

_QUIET = 4  # onnxruntime's own words on stderr: only before it would abort


class OnnxModel:
    """What `load("model.onnx")` gives: all that TorchModel does, but for what needs gradients.

    It may be called from several threads at once.
    """

    def __init__(
        self,
        card: ModelCard,
        session: "onnxruntime.InferenceSession",
        *,
        form: Form = "float32",
        scores: Array | None = None,
        data: bytes | None = None,
    ) -> None:
        """data: what the session was made of, for another one. See `load_onnx_model`."""
        self.card = card
        self.session = session
        self.form = form
        self.scores = scores
        self._data = data
        self._single: OnnxModel | None = None
        self._refuses = any(output.name == "refusal" for output in session.get_outputs())

    predict = predict_pictures

    @property
    def classes(self) -> tuple[str, ...]:
        return self.card.classes

    @property
    def preparation(self) -> Preparation:
        return self.card.preparation

    def in_thread(self) -> "OnnxModel":
        """The same model, which works in the threads that ask it and takes no others."""
        if self._data is None:
            return self
        if self._single is None:
            session = session_of(self._data, threads=1)
            self._single = OnnxModel(self.card, session, form=self.form, scores=self.scores)
        return self._single

    def logits(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, S, S, C); the mean over the card's views.

        Raises DataError for images of another type or shape.
        """
        return self._answered(images, refusing=False)[0]

    def probabilities(self, images: Array) -> Array:
        """float32 (N, K) for prepared images, uint8 (N, S, S, C); rows sum to 1."""
        return tempered(self.logits(images), self.card.temperature)

    def examine(self, images: Array) -> tuple[Array, Array | None]:
        """The probabilities, and float32 (N,): how unlike what the net knows each image is.

        Above 1 it is to be refused. None for a model that cannot say.
        """
        logits, refusal = self._answered(images, refusing=self._refuses)
        return tempered(logits, self.card.temperature), refusal

    def _answered(self, images: Array, *, refusing: bool) -> tuple[Array, Array | None]:
        """Logits and, if they are wanted, refusals. What is not asked for is not worked out."""
        names = ["logits", *(["refusal"] if refusing else [])]
        found = [
            self.session.run(names, {"images": np.ascontiguousarray(batch)})
            for batch in in_batches(images, self.preparation)
        ]
        if not found:
            nothing = np.empty(0, np.float32)
            return nothing.reshape(0, len(self.classes)), nothing if refusing else None
        logits = np.concatenate([one[0] for one in found])
        return logits, np.concatenate([one[1] for one in found]) if refusing else None


def load_onnx_model(path: Path, *, threads: int | None = None) -> OnnxModel:
    """The model in a file. threads: as many as this process may use cores, if not given.

    Raises ModelError for an unsound file, or one whose graph is not what its card says.
    """
    file = read_onnx(path)
    try:
        session = session_of(file.data, threads=threads)
    except Exception as error:  # onnxruntime raises its own kinds, one for each of its statuses
        reason = str(error).splitlines()[0][:200]
        raise ModelError(f"{path} cannot be run ({reason}); export it again") from error
    _check_ends(path, file.card, session)
    data = file.data if threads != 1 else None
    return OnnxModel(file.card, session, form=file.form, scores=file.scores, data=data)


def session_of(data: bytes, *, threads: int | None = None) -> "onnxruntime.InferenceSession":
    """What runs a graph. Raises whatever onnxruntime raises."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or num_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    # Threads that spin while they wait take the core from the one that decodes the next picture.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _check_ends(path: Path, card: ModelCard, session: "onnxruntime.InferenceSession") -> None:
    """Raises ModelError unless what goes in and comes out is what the card says."""
    shape = card.preparation
    wanted = [shape.size, shape.size, shape.channels]
    given = session.get_inputs()
    if [one.name for one in given] != ["images"] or given[0].type != "tensor(uint8)":
        names = ", ".join(f"{one.name} {one.type}" for one in given)
        raise ModelError(
            f"{path} wants {names:.100} where images of bytes are due; export it again"
        )
    if list(given[0].shape[1:]) != wanted:
        raise ModelError(
            f"{path} wants {_words(wanted)} images by its card, but its graph "
            f"{_words(given[0].shape[1:])}; export it again"
        )
    due = {"logits": [len(card.classes)], **({"refusal": []} if card.refuses else {})}
    got = {one.name: list(one.shape[1:]) for one in session.get_outputs()}
    if got != due:
        raise ModelError(f"{path} gives {got} where {due} is due; export it again")


def _words(shape: Sequence[object]) -> str:
    return "x".join(map(str, shape))
