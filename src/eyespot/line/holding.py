"""The run folder of a training: made, held for it, and understandable after whatever happens."""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from eyespot.errors import DataError, EyespotError, UsageError
from eyespot.files.atomic import remove_leftovers
from eyespot.files.lock import owned
from eyespot.files.run import Run, new_run
from eyespot.line.resuming import Request, read_request
from eyespot.values.dataset import Dataset


@contextlib.contextmanager
def run_folder(
    out: str | Path | None, dataset: Dataset, resume: str | Path | None
) -> Iterator[Run]:
    """The run folder, held for this process; a new one goes again if nothing is left in it."""
    if resume is not None:
        run = Run(Path(resume))
        with owned(run):
            read_request(run)  # again: another process may have finished it meanwhile
            remove_leftovers(run.path)
            yield run
        return
    run = new_run(Path(out) if out else None, name=dataset.name, root=Path("runs"))
    try:
        with owned(run):
            yield run
    except BaseException:
        if out is None:
            with contextlib.suppress(OSError):  # goes only if nothing was written yet
                run.path.rmdir()
        raise


@contextlib.contextmanager
def noting(run: Run, request: Request) -> Iterator[None]:
    """Tells an error what is saved, and how to go on."""
    again = run.asked.exists()
    try:
        yield
    except BaseException as error:
        if not run.recipe.exists():
            if not again:  # nothing is lost
                run.asked.unlink(missing_ok=True)
        elif type(error) is EyespotError:  # it would come again
            if run.model.exists():
                error.add_note(f"the best model so far is {run.model}")
        elif not isinstance(error, DataError | UsageError):
            error.add_note(f"go on with: {_go_on(run, request)}")
        raise


def _go_on(run: Run, request: Request) -> str:
    """The command that resumes the run."""
    if request.source is None:
        return f"train(pictures, resume={str(run.path)!r})"
    return f"eyespot train --resume {shlex.quote(str(run.path))}"
