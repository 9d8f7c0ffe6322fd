"""A labels table and the images beside it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eyespot.data.sources.assembly import encode, part_of, quoted, shortened, slug
from eyespot.data.sources.lookup import Finder, Miss
from eyespot.data.sources.table import IMAGE_HEADERS, LABEL_HEADERS, Columns, Table, find_columns
from eyespot.data.sources.tree import Paths, Tree
from eyespot.errors import DataError, count
from eyespot.files.tables import unquoted
from eyespot.values.dataset import Dataset, Issue, Part


class _Place(NamedTuple):
    """The columns of a table that has both an image and a label."""

    image: int
    label: int
    part: int | None
    group: int | None


class _Claim(NamedTuple):
    line: int
    label: str
    cells: list[str]


def read_listing(table: Table, tree: Tree, named: Mapping[str, str] | None = None) -> Dataset:
    """The images that the table names, in the order of their names.

    tree: what lies below the table's folder. Each row that cannot be used, and each image without a
    row, becomes an issue with its line; but where all images lie in folders, a picture beside the
    table is none of them. A column `source` that names images of the table is the group.
    Raises DataError when the columns are not known or when most rows name no image.
    """
    columns = find_columns(table, named)
    if columns.image is None or columns.label is None:
        raise DataError(_unknown_columns(table, columns))
    if not table.rows:
        raise DataError(f"{table.path} holds a header and no row; add a row for each image")
    place = _Place(columns.image, columns.label, columns.part, columns.group)
    claims, issues = _claims(table, place, Finder(tree, encoding=table.encoding))
    misses = [issue for issue in issues if issue.kind in ("missing-file", "outside")]
    if 2 * len(misses) > len(table.rows):
        raise DataError(_nothing_fits(table, columns.image, tree, len(misses)))
    kept, doubts = _settled(table, claims)
    unnamed = f"no row of {table.path.name} names it"
    issues += doubts
    inside = bool(claims) and all("/" in name for name in claims)
    issues += [
        Issue(kind="no-row", name=name, detail=unnamed, left_out=True)
        for name in tree.images
        if name not in claims and ("/" in name or not inside)
    ]
    names = sorted(kept)
    labels, classes = encode(kept[name].label for name in names)
    cells = [kept[name].cells for name in names]
    said = [row[columns.image].strip() for row in cells]
    others = _other_columns(table, place, cells)
    return Dataset(
        name=slug(table.path),
        form=f"a labels table ({table.path.name}) with its images",
        images=Paths(tree.root, names),
        names=tuple(names),
        labels=labels,
        classes=classes,
        parts=None if columns.part is None else _parts([row[columns.part] for row in cells]),
        groups=_groups(
            said, None if columns.group is None else [row[columns.group] for row in cells]
        )
        or _sources(said, others),
        columns=others,
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
            name, label = found
            claims.setdefault(name, []).append(_Claim(line, label, cells))
    return claims, issues


def _row(cells: list[str], width: int, place: _Place, finder: Finder) -> tuple[str, str] | Miss:
    """The image and label of one row, or what is wrong with it."""
    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
        return Miss("bad-row", f"{count(len(cells), 'cell')} under {count(width, 'column name')}")
    image, label = cells[place.image].strip(), _plain(cells[place.label])
    if not image:
        return Miss("bad-row", "the image's name is empty")
    if not label:
        return Miss("no-label", f"the label of '{image}' is empty")
    name = finder.find(image)
    if isinstance(name, Miss) and (own := _plain(image)) != image:
        name = finder.find(own)
    if isinstance(name, Miss):
        return name
    return name, label


def _plain(cell: str) -> str:
    """The word in a cell; what eyespot's own tables put before `=cmd` is not part of it."""
    try:
        return unquoted(cell.strip()).strip()
    except ValueError:
        return cell.strip()


def _other_columns(
    table: Table, place: _Place, cells: Sequence[Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """All but the image and the label, by name. Equal words are kept once."""
    words: dict[str, str] = {}
    places = {name: column for column, name in reversed(list(enumerate(table.header))) if name}
    return {
        name: tuple(words.setdefault(word, word) for word in (_plain(row[column]) for row in cells))
        for name, column in sorted(places.items(), key=lambda item: item[1])
        if column not in (place.image, place.label)
    }


def _groups(said: Sequence[str], words: Sequence[str] | None) -> tuple[str, ...] | None:
    """The group of each image; one without a word is alone under its own name."""
    if words is None or not any(word.strip() for word in words):
        return None
    return tuple(_plain(word) or name for name, word in zip(said, words, strict=True))


def _sources(said: Sequence[str], columns: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """The image that each one was made from, as `eyespot augment` writes it, itself if from none.

    A column of this name with other words in it, such as `web`, says something else.
    """
    column = next((name for name in columns if name.lower() == "source"), None)
    made_from = {n: s for n, s in zip(said, columns[column], strict=True) if s} if column else {}
    if not made_from or not set(made_from.values()) <= set(said):
        return None

    def root(name: str) -> str:
        seen = set()
        while name in made_from and name not in seen:
            seen.add(name)
            name = made_from[name]
        return name

    return tuple(map(root, said))


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
