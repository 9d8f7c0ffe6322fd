"""The command line: one file per verb. Heavy imports wait inside the verbs; `--help` needs none."""

import errno
import os
import sys

import typer

from eyespot.cli import evaluate, predict, report, show, train
from eyespot.cli.talk import complain
from eyespot.errors import EyespotError

app = typer.Typer(
    help="From a pile of images to a classifier that a person can trust and use.",
    epilog="Start with: eyespot train digits",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.command)
app.command("evaluate")(evaluate.command)
app.command("predict")(predict.command)
app.command("report")(report.command)
app.command("show")(show.command)


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Show the version and stop."),
) -> None:
    if version:
        from eyespot import __version__

        print(f"eyespot {__version__}")
        raise typer.Exit


def main() -> None:
    """Runs the command line; what the user or the world can cause becomes a sentence and a code."""
    try:
        code = app(standalone_mode=True)
    except EyespotError as error:
        complain(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        code = 130
    except BrokenPipeError:  # the reader of our output has gone, as in `eyespot predict ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except MemoryError:
        complain("there is not enough memory; choose smaller images or fewer at a time")
        code = 4
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE):
            raise
        complain(f"{error.filename or 'a file'}: {error.strerror}")
        code = 4
    sys.exit(code)
