"""A labels table and the images beside it."""

from collections.abc import Mapping
from typing import NamedTuple

from eyespot.data.sources.assembly import encode, part_of, quoted, shortened, slug
from eyespot.data.sources.lookup import Finder, Miss
from eyespot.data.sources.table import IMAGE_HEADERS, LABEL_HEADERS, Columns, Table, find_columns
from eyespot.data.sources.tree import Paths, Tree
from eyespot.errors import DataError, count
from eyespot.values import Dataset, Issue, Part


class _Place(NamedTuple):
    """The columns of a table that has both an image and a label."""

    image: int
    label: int
    part: int | None


class _Claim(NamedTuple):
    line: int
    label: str
    part: str


def read_listing(table: Table, tree: Tree, named: Mapping[str, str] | None = None) -> Dataset:
    """The images that the table names, in the order of their names.

    tree: what lies below the table's folder. Each row that cannot be used, and each image without a
    row, becomes an issue with its line. Raises DataError when the columns are not known or when
    most rows name no image.
    """
    columns = find_columns(table, named)
    if columns.image is None or columns.label is None:
        raise DataError(_unknown_columns(table, columns))
    if not table.rows:
        raise DataError(f"{table.path} holds a header and no row; add a row for each image")
    place = _Place(columns.image, columns.label, columns.part)
    claims, issues = _claims(table, place, Finder(tree, encoding=table.encoding))
    misses = [issue for issue in issues if issue.kind in ("missing-file", "outside")]
    if 2 * len(misses) > len(table.rows):
        raise DataError(_nothing_fits(table, columns.image, tree, len(misses)))
    kept, doubts = _settled(table, claims)
    unnamed = f"no row of {table.path.name} names it"
    issues += doubts
    issues += [
        Issue(kind="no-row", name=name, detail=unnamed, left_out=True)
        for name in tree.images
        if name not in claims
    ]
    names = sorted(kept)
    labels, classes = encode(kept[name].label for name in names)
    return Dataset(
        name=slug(table.path),
        form=f"a labels table ({table.path.name}) with its images",
        images=Paths(tree.root, names),
        names=tuple(names),
        labels=labels,
        classes=classes,
        parts=_parts([kept[name].part for name in names]),
        issues=tree.issues + tuple(issues),
    )


def _unknown_columns(table: Table, columns: Columns) -> str:
    """The sentence for a table whose image or label column cannot be told."""
    missing, usual = ("image", IMAGE_HEADERS) if columns.image is None else ("label", LABEL_HEADERS)
    has = shortened(table.header) if table.header else "no header"
    return (
        f"{table.path} has {has}: no column is called {', '.join(usual[:4])} or the like; "
        f"name it with --columns {missing}=NAME"
    )


def _claims(
    table: Table, place: _Place, finder: Finder
) -> tuple[dict[str, list[_Claim]], list[Issue]]:
    """What the rows say about each image, and the rows that say nothing usable."""
    claims: dict[str, list[_Claim]] = {}
    issues: list[Issue] = []
    width = len(table.header) or len(table.rows[0][1])
    for line, cells in table.rows:
        found = _row(cells, width, place, finder)
        if isinstance(found, Miss):
            where = f"{table.path.name} line {line}"
            issues.append(Issue(kind=found.kind, name=where, detail=found.detail, left_out=True))
        else:
            name, label, part = found
            claims.setdefault(name, []).append(_Claim(line, label, part))
    return claims, issues


def _row(
    cells: list[str], width: int, place: _Place, finder: Finder
) -> tuple[str, str, str] | Miss:
    """The image, label and part of one row, or what is wrong with it."""
    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
        return Miss("bad-row", f"{count(len(cells), 'cell')} under {count(width, 'column name')}")
    image, label = cells[place.image].strip(), cells[place.label].strip()
    if not image:
        return Miss("bad-row", "the image's name is empty")
    if not label:
        return Miss("no-label", f"the label of '{image}' is empty")
    name = finder.find(image)
    if isinstance(name, Miss):
        return name
    return name, label, "" if place.part is None else cells[place.part]


def _settled(
    table: Table, claims: dict[str, list[_Claim]]
) -> tuple[dict[str, _Claim], list[Issue]]:
    """One claim for each image; images with two labels are left out, none of the two is guessed."""
    kept: dict[str, _Claim] = {}
    issues: list[Issue] = []
    for name, said in claims.items():
        if len({claim.label for claim in said}) > 1:
            rows = ", ".join(f"'{claim.label}' in line {claim.line}" for claim in said[:4])
            detail = f"{table.path.name} calls it {rows}; left out until one label remains"
            issues.append(
                Issue(kind="contradicting-label", name=name, detail=detail, left_out=True)
            )
            continue
        kept[name] = said[0]
        for claim in said[1:]:
            detail = f"'{name}' has its row in line {said[0].line} already"
            where = f"{table.path.name} line {claim.line}"
            issues.append(Issue(kind="repeated-row", name=where, detail=detail, score=0.5))
    return kept, issues


def _parts(words: list[str]) -> tuple[Part | None, ...] | None:
    """The parts, when the column says nothing but parts; a column of other words is no split."""
    parts = tuple(part_of(word) for word in words)
    strange = any(word.strip() and part is None for word, part in zip(words, parts, strict=True))
    return None if strange or not any(parts) else parts


def _nothing_fits(table: Table, image: int, tree: Tree, num: int) -> str:
    said = [cells[image].strip() for _, cells in table.rows if image < len(cells)]
    there = f"hold {quoted(tree.images)}" if tree.images else "hold no image"
    return (
        f"{table.path} names {num:,} images that are not there, in "
        f"{count(len(table.rows), 'row')}: "
        f"it says {quoted(said)}, the folder and those below it {there}; "
        "put the table beside its images or mend the names"
    )
