"""`eyespot suspects RUN`."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli.options import JsonOption
from eyespot.cli.talk import columns_of_text, printable, say, show_json


def command(
    run: Annotated[Path, typer.Argument(help="A run folder.", show_default=False)],
    top: Annotated[int, typer.Option(min=1, help="How many to show.")] = 20,
    fix: Annotated[
        Path | None, typer.Option(metavar="TABLE", help="Write all labels, corrected, to a .csv.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the labels of a run that may be wrong, most suspicious first; or correct them.

    All of them are in the run's suspects.csv. You may edit it: remove rows, change `proposed`, set
    `sure` to yes or no. --fix takes what is proposed where it says yes. The data stay as they are:
    `eyespot train DATA --labels TABLE` takes the labels from the new table.
    """
    from eyespot.evaluation.corrections import read_suspects, write_corrected
    from eyespot.files.run import Run

    folder = Run(run)
    if fix is not None:
        done = write_corrected(folder, fix)
        source = folder.read_json(folder.origin).get("source")
        if as_json:
            show_json({"table": str(fix), "num": done.num, "num_changed": done.num_changed})
        else:
            print(f"{fix}: {done.num_changed:,} of {done.num:,} labels changed")
        data = shlex.join(source) if source else "DATA"
        say(f"next: eyespot train {data} --labels {shlex.quote(str(fix))}")
        return
    suspects = read_suspects(folder)
    num_sure = sum(one.sure for one in suspects)
    if as_json:
        listed = [asdict(one) for one in suspects[:top]]
        show_json({"num": len(suspects), "num_sure": num_sure, "suspects": listed})
        return
    rows = [["name", "label", "proposed", "probability", "sure"]]
    for one in suspects[:top]:
        words = [printable(word)[:60] for word in (one.name, one.label, one.proposed)]
        rows.append([*words, f"{one.probability:.4f}", "yes" if one.sure else "no"])
    print(columns_of_text(rows))
    say(f"{num_sure:,} of {len(suspects):,} are sure; all of them: {folder.suspects}")
    if num_sure:
        say(f"next: eyespot suspects {shlex.quote(str(run))} --fix TABLE.csv")
