"""`eyespot pack DATA --out FOLDER`."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from eyespot.cli import options as given
from eyespot.cli.talk import LiveProgress, say, show_json
from eyespot.errors import count


def command(
    data: Annotated[str, typer.Argument(help="Labelled images, in any form that train reads.")],
    out: Annotated[Path, typer.Option(help="The new folder.")],
    form: Annotated[
        Literal["parquet", "tar"],
        typer.Option("--form", help="parquet, or tar, which is read without pyarrow."),
    ] = "parquet",
    megabytes: Annotated[int, typer.Option(min=1, help="Size of a shard.")] = 256,
    columns: given.ColumnsOption = None,
    quarantine: given.QuarantineOption = None,
    as_json: given.JsonOption = False,
) -> None:
    """Put a set of very many files into a few large ones, which every verb reads.

    Names, labels, parts, groups and other columns go along; files are taken byte for byte. What is
    in quarantine is left out.
    """
    from eyespot.data.packing import pack
    from eyespot.data.reading import read

    with LiveProgress() as progress:
        named = given.parse_columns(columns)
        dataset = read(data, columns=named, quarantine=quarantine, progress=progress.download)
        packed = pack(
            dataset, out, form=form, shard_bytes=megabytes * 2**20, progress=progress.pack
        )
    told = {"out": str(out), "num": packed.num, "num_bytes": packed.num_bytes}
    told |= {"shards": list(packed.shards), "left_out": len(packed.left_out)}
    if as_json:
        show_json(told)
    else:
        shards = count(len(packed.shards), "shard")
        print(f"{count(packed.num, 'image')} in {shards}, {packed.num_bytes / 1e6:,.1f} MB")
    if packed.left_out:
        say(f"{count(len(packed.left_out), 'image')} left out: {out / 'left-out.csv'}")
    say(f"next: eyespot train {shlex.quote(str(out))}")
