"""The command line: one file per verb. Heavy imports wait inside the verbs; `--help` needs none."""

import os

import typer

from eyespot.cli import (
    augment,
    check,
    compare,
    evaluate,
    export,
    find,
    pack,
    predict,
    report,
    serve,
    show,
    split,
    suspects,
    train,
    transcribe,
    tune,
    watch,
)
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
app.command("pack")(guarded(pack.command))
app.command("train")(guarded(train.command))
app.command("tune")(guarded(tune.command))
app.command("evaluate")(guarded(evaluate.command))
app.command("compare")(guarded(compare.command))
app.command("suspects")(guarded(suspects.command))
app.command("predict")(guarded(predict.command))
app.command("transcribe")(guarded(transcribe.command))
app.command("find")(guarded(find.command))
app.command("watch")(guarded(watch.command))
app.command("serve")(guarded(serve.command))
app.command("export")(guarded(export.command))
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
    # Read by OpenMP when torch comes. Threads that spin while they wait for each other starve as
    # soon as another program wants a core: an epoch of 8,192 MNIST images on two busy cores took
    # 6 to 37 s, with few spins 2.1 to 3.5 s. On idle cores MNIST's 54,000 take 6.7 s, not 6.2 s.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    app(prog_name="eyespot")
