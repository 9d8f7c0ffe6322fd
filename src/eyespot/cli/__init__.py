"""The command line: one file per verb. Heavy imports wait inside the verbs; `--help` needs none."""

import os

import typer

from eyespot.cli import augment, check, evaluate, predict, report, show, split, train
from eyespot.cli.outcome import guarded

app = typer.Typer(
    help="From a pile of images to a classifier that a person can trust and use.",
    epilog="Start with: eyespot train digits",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("check")(guarded(check.command))
app.command("split")(guarded(split.command))
app.command("augment")(guarded(augment.command))
app.command("train")(guarded(train.command))
app.command("evaluate")(guarded(evaluate.command))
app.command("predict")(guarded(predict.command))
app.command("report")(guarded(report.command))
app.command("show")(guarded(show.command))


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Show the version and stop."),
) -> None:
    if version:
        from eyespot import __version__

        print(f"eyespot {__version__}")
        raise typer.Exit


def main() -> None:
    """Runs the command line and exits with the code of what happened."""
    # Read by OpenMP when torch comes: threads that spin while they wait for each other starve as
    # soon as another program wants a core. MNIST's epoch beside one busy process: 115 s, so 13 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    app(prog_name="eyespot")
