"""What the verbs do with --cluster: the library's work, told as theirs is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eyespot.cli.talk import LiveProgress, printable, say, show_json
from eyespot.errors import DataError, UsageError, count

if TYPE_CHECKING:
    from eyespot.data.checkup import Checked
    from eyespot.values.dataset import Dataset


def predict(
    cluster: str | None,
    model: Path,
    sources: Sequence[str],
    out: str | None,
    accept_all: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Answers in a folder, and how many of each class. Raises DataError for broken pictures."""
    from eyespot.cluster.parts import sentences
    from eyespot.cluster.predicting import predict_on
    from eyespot.models.predict import Asked

    if not cluster:
        raise UsageError("--workers is for --cluster; add --cluster auto")
    with LiveProgress() as progress:
        done = predict_on(
            cluster,
            model,
            sources,
            out,
            asked=Asked(top=1, accept_all=accept_all),
            workers=workers,
            say=progress.say,
            progress=progress.answer,
        )
    if as_json:
        show_json(done.as_json())
    else:
        print("\n".join(map(printable, sentences(done.counts))))
    say(f"{count(done.counts.num, 'picture')} in {done.seconds:.1f} s: {done.out}/part-*.parquet")
    if broken := done.counts.quarantined:
        raise DataError(
            f"{broken:,} of {count(done.counts.num, 'picture')} cannot be read; see "
            f"{done.out}/quarantine-*.parquet"
        )


def check(
    cluster: str | None, workers: int | None, dataset: "Dataset", progress: LiveProgress
) -> "Checked":
    """The check of a set, on a cluster if one is given. Raises UsageError for workers alone."""
    if cluster:
        from eyespot.cluster.checking import check_on

        return check_on(
            cluster, dataset, workers=workers, say=progress.say, progress=progress.image
        )
    from eyespot.data.checkup import check

    if workers:
        raise UsageError("--workers is for --cluster; add --cluster auto")
    return check(dataset, progress=progress.image)
