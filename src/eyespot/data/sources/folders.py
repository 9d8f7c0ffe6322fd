"""A folder for each class, alone or inside train, valid and test folders."""

from eyespot.data.sources.assembly import FORMS, encode, part_of, slug
from eyespot.data.sources.tree import Paths, Tree
from eyespot.errors import DataError, count
from eyespot.values.dataset import PARTS, Dataset, Issue, Part


def read_classes(tree: Tree) -> Dataset:
    """The images below the folder; the class is the first folder of the name, after the part's.

    The top folders are parts when each of them with images is called train, val, valid,
    validation or test. Images that lie in no class folder become issues.
    Raises DataError when no image lies in a class folder.
    """
    tops = {name.split("/", 1)[0] for name in tree.images if "/" in name}
    by_part = bool(tops) and all(part_of(top) for top in tops)
    depth = 1 if by_part else 0
    issues = list(tree.issues)
    names: list[str] = []
    for name in tree.images:
        folders = name.split("/", depth + 1)[:-1]
        if len(folders) > depth and folders[depth].strip():
            names.append(name)
        else:
            issues.append(
                Issue(
                    kind="no-label",
                    name=name,
                    detail="the image lies in no class folder",
                    left_out=True,
                )
            )
    if not names:
        raise DataError(
            f"{tree.root} holds {count(len(tree.images), 'image')} but no class folders and no "
            f"labels table; {FORMS}"
        )
    labels, classes = encode(name.split("/", depth + 1)[depth].strip() for name in names)
    issues += [
        Issue(kind="empty-class", name=folder, detail="no image lies in this folder", score=0.5)
        for folder in tree.folders
        if folder not in tops
    ]
    parts: tuple[Part | None, ...] | None = None
    form = "a folder per class"
    if by_part:
        parts = tuple(part_of(name.split("/", 1)[0]) for name in names)
        form = f"a folder per class in {' and '.join(p for p in PARTS if p in parts)} folders"
    return Dataset(
        name=slug(tree.root),
        form=form,
        images=Paths(tree.root, names),
        names=tuple(names),
        labels=labels,
        classes=classes,
        parts=parts,
        issues=tuple(issues),
    )
