"""Every choice that changes the numbers, and nothing else: no path, no device, no thread count.

A field that is None is fitted to the images by fitting.py, or stands for a wish that nobody has; a
run's recipe.toml leaves nothing to be fitted, so it repeats the run whatever a later version would
choose.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from eyespot.errors import UsageError
from eyespot.nets.layerlist import MAX_LAYERS, Layer, check_order, layer_shapes
from eyespot.nets.spec import NetName
from eyespot.training.wording import quoted, sentence, table
from eyespot.values.model import Views
from eyespot.values.preparation import Fit
from eyespot.values.training import Monitor

Kind = Literal["ink", "photo"]
OptimizerName = Literal["auto", "muon", "adamw", "adam", "rmsprop", "sgd"]
ScheduleName = Literal["one-cycle", "cosine", "linear", "step", "plateau", "constant"]

MAX_EPOCHS = 100_000
# What a field is when it is not given, by the optimizer or the schedule; 0 for those not listed.
MOMENTUM: Mapping[Any, float] = {"auto": 0.95, "muon": 0.95, "sgd": 0.9}
DECAY: Mapping[Any, float] = {"auto": 0.05, "adamw": 0.05, "muon": 0.05, "sgd": 5e-4}
WARM_UP: Mapping[Any, float] = {"one-cycle": 0.25, "cosine": 0.05}


class Recipe(BaseModel):
    """How to train. The order of the fields is the order of recipe.toml.

    Raises UsageError, naming the field, what it wants and what it got; nothing is coerced, but for
    a whole number where any number does.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )

    name: str = Field("standard", max_length=100)
    seed: int = Field(0, ge=0, lt=2**63)

    # The images. valid and test: shares of a set that has no such parts of its own; per_class: a
    # number of images of each class instead. split: "auto" keeps the set's own parts, "stratified"
    # forgets them, any other word is the column that says them. group: a column, or a regular
    # expression with one group for the names; images of one group never lie in two parts.
    valid: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.2, ge=0, lt=1)
    valid_per_class: int | None = Field(None, ge=1)
    test_per_class: int | None = Field(None, ge=1)
    split: str = Field("auto", min_length=1, max_length=200)
    group: str | None = Field(None, min_length=1, max_length=200)
    kind: Kind | None = None
    size: int | None = Field(None, ge=8, le=512)
    channels: Literal[1, 3] | None = None
    fit: Fit = "pad"
    # ink: whether pictures that are unlike the set's are first redrawn as it shows its characters;
    # None does so where all of it is of characters on even ground.
    ink: bool | None = None
    # scale: "standard" gives the net the training part's mean 0 and deviation 1, "unit" 0 to 1.
    scale: Literal["standard", "unit"] = "standard"

    # Cross-validation in this many folds; None trains once. Each fold is the test part once, so
    # test counts for nothing; what test_per_class or the set itself names is kept out of all folds,
    # and valid is a share of the others. split may name a column that says the fold.
    folds: int | None = Field(None, ge=2, le=100)

    # The net. width: channels of its first stage; depth: convolutions of each stage; dropout: of
    # the features before its last layer. net = "layers", the same as a list of [[layers]] at the
    # end of the file, has none of them.
    net: NetName = "convnet"
    width: int = Field(64, ge=4, le=512)
    depth: Literal[1, 2] = 2
    dropout: float = Field(0, ge=0, lt=1)

    # The net "backbone": a pretrained one, the same as backbone = a folder in the layout of
    # transformers, a name or a .onnx file. digest: of what it is made of, which a fitted recipe
    # knows. unfrozen: of its last blocks, how many are trained; 0 trains the head alone, on
    # features that are computed once. head: "linear" is a regression, "mlp" a perceptron with a
    # hidden layer, "auto" the perceptron where the validation part says that it is better.
    # head_folds: in so many folds of the training part the head is chosen and judged. embed: the
    # backbone's weights go into the model file.
    backbone: str | None = Field(None, min_length=1, max_length=4096)
    digest_of_backbone: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    unfrozen: int = Field(0, ge=0, le=100)
    head: Literal["auto", "linear", "mlp"] = "auto"
    head_folds: int = Field(5, ge=2, le=100)
    embed: bool = True

    # The optimizer and its rate. "auto" is muon, but adamw for images of less than 24 pixels. rate:
    # the peak of the schedule. momentum: of sgd, rmsprop and muon. warm_up: the share of all steps
    # in which the rate rises to its peak. weight_decay: by itself for adamw and muon, a part of the
    # gradient for the others.
    optimizer: OptimizerName = "auto"
    momentum: float = Field(
        default_factory=lambda known: MOMENTUM.get(known.get("optimizer"), 0), ge=0, lt=1
    )
    rate: float | None = Field(None, gt=0, le=1)
    weight_decay: float = Field(
        default_factory=lambda known: DECAY.get(known.get("optimizer"), 0), ge=0, le=1
    )
    schedule: ScheduleName = "one-cycle"
    warm_up: float = Field(
        default_factory=lambda known: WARM_UP.get(known.get("schedule"), 0), ge=0, lt=1
    )

    # How long. views: training images looked at in all, when epochs is not given. steps: of the
    # optimizer, in all; it overrides epochs and may cut the last one off. patience: epochs in which
    # neither loss nor accuracy of the validation part gets better, before it stops. monitor: by
    # which of the two the epoch is chosen whose weights are kept.
    views: int = Field(200_000, ge=1)
    epochs: int | None = Field(None, ge=1, le=MAX_EPOCHS)
    steps: int | None = Field(None, ge=1, le=10**9)
    batch: int | None = Field(None, ge=2, le=65_536)
    patience: int | None = Field(None, ge=1, le=MAX_EPOCHS)
    monitor: Monitor = "accuracy"

    # ema: what remains of the weights' running average at every step, 0 for none; the average is
    # then what is judged and kept. test_views: over what the answers are averaged: the picture
    # alone, with itself moved by a pixel to all sides ("shifts"), mirrored ("mirrors"), or "all";
    # "auto" is "all" where the training mirrors, else "shifts".
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    ema: float = Field(0, ge=0, lt=1)
    test_views: Literal[Views, "auto"] = "one"

    # The share of good pictures of which the model may say that it does not know them, so that it
    # can say so of others; 0 for a model that always answers.
    refuse: float = Field(0.02, ge=0, le=0.2)

    # Classes of unequal size: "weights" counts the images of small classes more, "sampling" shows
    # them more often; "auto" does so above 3 : 1.
    balance: Literal["auto", "none", "weights", "sampling"] = "auto"

    # Augmentation, drawn anew for every view. rotate: degrees either way; shift: share of the
    # side; zoom: 0.15 is from 1/1.15 to 1.15; brightness, contrast: likewise. erase: the
    # probability that a rectangle goes grey. mixup, cutmix: the alpha of the Beta distribution
    # that says how much of another image is blended or cut in, 0 for none of it.
    flip: bool | None = None
    rotate: float = Field(12, ge=0, le=180)
    shift: float = Field(0.08, ge=0, le=0.5)
    zoom: float = Field(0.15, ge=0, le=1)
    brightness: float | None = Field(None, ge=0, le=1)
    contrast: float | None = Field(None, ge=0, le=1)
    erase: float = Field(0, ge=0, le=1)
    mixup: float = Field(0, ge=0, le=100)
    cutmix: float = Field(0, ge=0, le=100)

    # The net "layers", from its first layer to its last; the head may be left away.
    layers: tuple[Layer, ...] = Field((), max_length=MAX_LAYERS, strict=False)

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, fields: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # True equals 1 and 3.0 equals 3, so that a Literal of numbers lets them pass.
        for name, wanted in (("channels", "1 or 3"), ("depth", "1 or 2")):
            value = fields.get(name) if isinstance(fields, Mapping) else None
            if type(value) not in (int, type(None)):
                raise UsageError(f"{name} wants {wanted}, got {quoted(value)}")
        if isinstance(fields, Mapping) and fields.get("layers") and "net" not in fields:
            fields = {**fields, "net": "layers"}
        if isinstance(fields, Mapping) and fields.get("backbone") and "net" not in fields:
            fields = {**fields, "net": "backbone"}
        try:
            recipe = handler(fields)
        except ValidationError as error:
            raise UsageError(sentence(error.errors()[0], cls.model_fields)) from error
        if recipe.valid + recipe.test >= 1:
            raise UsageError(
                f"valid = {recipe.valid} and test = {recipe.test} leave nothing to train on; "
                "make them smaller"
            )
        recipe._check_net()
        return recipe

    def _check_net(self) -> None:
        self._check_backbone()
        if self.layers and self.net != "layers":
            raise UsageError(
                f'net = "{self.net}" and a list of layers are two nets; leave one of them away'
            )
        if self.net == "layers" and not self.layers:
            raise UsageError('net = "layers" wants a list of [[layers]]; write it, or another net')
        if self.layers and self.dropout:
            raise UsageError(
                f"dropout = {self.dropout} is not for a list of layers; "
                'write [[layers]] type = "dropout" where it belongs'
            )
        if self.layers and self.size:
            layer_shapes(self.layers, channels=self.channels or 1, size=self.size)
        elif self.layers:
            check_order(self.layers)

    def _check_backbone(self) -> None:
        if self.backbone and self.net != "backbone":
            raise UsageError(
                f'net = "{self.net}" and a backbone are two nets; leave one of them away'
            )
        if self.net != "backbone" and (self.unfrozen or not self.embed or self.head != "auto"):
            field = f"unfrozen = {self.unfrozen}" if self.unfrozen else "embed = false"
            field = f'head = "{self.head}"' if self.head != "auto" else field
            raise UsageError(f"{field} is for a backbone; take the recipe features or finetune")
        if self.head == "mlp" and not self.unfrozen and self.test_views not in ("one", "auto"):
            raise UsageError(
                f'head = "mlp" looks at one view, and test_views = "{self.test_views}" at several; '
                "leave one of them away"
            )
        if self.net == "backbone" and self.dropout:
            raise UsageError(f"dropout = {self.dropout} is not for a backbone; leave it away")
        if self.unfrozen and not self.embed:
            raise UsageError(
                f"unfrozen = {self.unfrozen} changes the backbone, so its weights have to be in "
                "the model file; leave embed = false away"
            )
        if self.net == "backbone" and self.ink:
            raise UsageError("ink = true is not for a backbone, which looks at photos as they are")
        if self.unfrozen and self.optimizer == "muon":
            raise UsageError("muon has one rate for all layers; take adamw to train a backbone on")
        if self.net == "backbone" and self.channels == 1:
            raise UsageError("channels = 1 is not for a backbone, which looks at three")

    def toml(self) -> str:
        """The recipe as a TOML text; fields that are still open are left out."""
        fields = self.model_dump()
        layers = fields.pop("layers")
        return "\n".join([table(fields), *(f"[[layers]]\n{table(layer)}" for layer in layers)])

    def digest(self) -> str:
        """A short name for these choices: equal recipes have equal digests."""
        return hashlib.sha256(self.toml().encode()).hexdigest()[:16]
