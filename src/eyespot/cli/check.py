"""`eyespot check DATA`."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from eyespot.cli import clustered
from eyespot.cli import options as given
from eyespot.cli.talk import LiveProgress, printable, say, show_json
from eyespot.errors import count

CHECKS = Path("checks")


def command(
    data: Annotated[str, typer.Argument(help="Labelled images, in any form that train reads.")],
    out: Annotated[Path | None, typer.Option(help="The page's folder; new or empty.")] = None,
    quarantine: given.QuarantineFlag = False,
    backbone: given.BackboneOption = None,
    columns: given.ColumnsOption = None,
    cluster: given.ClusterOption = None,
    workers: given.WorkersOption = None,
    as_json: given.JsonOption = False,
) -> None:
    """Look at every image; say what is wrong, odd or there twice, and make a page of it.

    Nothing is changed or deleted. --quarantine writes quarantine.csv, the images that every verb
    then leaves out: those that cannot be decoded, are blank, lie under two labels or in two parts.
    --backbone also names what a pretrained net takes for the same or finds unlike its class.
    The exit code is 0 when the check was done, whatever it found, and 3 when DATA cannot be read.
    """
    started = time.perf_counter()
    from eyespot.files.folders import fresh_folder
    from eyespot.reports.remembered import LastCheck

    last = LastCheck(data, roles := given.parse_columns(columns))
    if told := None if quarantine or backbone else last.recall():
        with fresh_folder(out, name=told.name, root=CHECKS, purpose="check") as folder:
            told.write(folder)
        say("unchanged since the last check, which is told again")
    else:
        from eyespot.data.reading import read, set_aside
        from eyespot.line.oddness import with_backbone
        from eyespot.reports import check_page
        from eyespot.reports.findings import told_of

        with LiveProgress() as progress:
            dataset = read(data, columns=roles, progress=progress.download)
            with fresh_folder(out, name=dataset.name, root=CHECKS, purpose="check") as folder:
                plain = clustered.check(cluster, workers, dataset, progress)
                check_page(checked := with_backbone(plain, backbone, progress), folder)
        told = told_of(checked, folder)
        if not backbone:
            last.remember(told, dataset)
    page, seconds = folder / "check.html", time.perf_counter() - started
    if as_json:
        files = {"page": str(page), "issues_table": str(folder / "issues.csv")}
        show_json({**told.facts, **files, "seconds": round(seconds, 2)})
    else:
        print("\n".join(map(printable, told.summary)))
    say(f"{seconds:.{1 if seconds >= 1 else 2}f} s; page: {page}")
    if quarantine:
        done = set_aside(data, dataset, checked.issues, otherwise=folder)
        put = f"{count(done[1], 'image')} put in quarantine: {done[0]}" if done else None
        say(put or "nothing put in quarantine: no image is wrong for certain")
    verb = "check --quarantine" if told.num_certain and not quarantine else "train"
    say(f"next: eyespot {verb} {shlex.quote(data)}")
