"""Lines and words of what stands on a page, from boxes alone.

Boxes are int64 (N, 4): left, top, right, bottom. height: that of a usual character, in pixels.
"""

import numpy as np

from eyespot.values.arrays import Array

_STEEPEST = 0.35  # of a line, in pixels down for each to the right
_NEIGHBOUR = 3.0  # heights within which a box has neighbours that tell the slope
_APART = 0.6  # heights by which a box may leave its line
_REMEMBERED = 3  # boxes of a line that tell how high the next stands
_GAP, _GAPS = 0.6, (0.4, 0.9)  # heights between two words if nothing tells more, and their range


def lines_of(boxes: Array, height: float) -> list[list[int]]:
    """The places of boxes that stand on one line, from left to right; the lines downwards."""
    if not len(boxes):
        return []
    slope = page_slope(boxes, height)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    along = middles[:, 0] + slope * middles[:, 1]
    across = middles[:, 1] - slope * middles[:, 0]
    lines: list[list[int]] = []
    for place in np.argsort(along, kind="stable").tolist():
        distances = [abs(across[place] - _level(line, across)) for line in lines]
        nearest = int(np.argmin(distances)) if lines else 0
        if lines and distances[nearest] < _APART * height:
            lines[nearest].append(place)
        else:
            lines.append([place])
    return sorted(lines, key=lambda line: float(np.median(across[line])))


def page_slope(boxes: Array, height: float) -> float:
    """How far the lines go down for each pixel to the right: the median of near neighbours."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    order = np.argsort(middles[:, 0], kind="stable")
    middles = middles[order]
    slopes = []
    for place, (x, y) in enumerate(middles.tolist()):
        after = middles[place + 1 :]
        end = int(np.searchsorted(after[:, 0], x + _NEIGHBOUR * height))
        right, down = after[:end, 0] - x, after[:end, 1] - y
        near = (right > 0.2 * height) & (np.abs(down) <= _STEEPEST * right + 0.2 * height)
        slopes += (down[near] / right[near]).tolist()
    return float(np.median(slopes)) if len(slopes) >= 3 else 0.0


def _level(line: list[int], across: Array) -> float:
    return float(np.mean(across[line[-_REMEMBERED:]]))


def words_of(boxes: Array, lines: list[list[int]], height: float) -> list[list[list[int]]]:
    """Each line's words: a new one begins where the gap is wide among all gaps of the page."""
    gaps = [_gaps(boxes, line) for line in lines]
    widest = _word_gap(np.concatenate([*gaps, []]) / height) * height
    words = []
    for line, own in zip(lines, gaps, strict=True):
        found = [[line[0]]]
        for place, gap in zip(line[1:], own.tolist(), strict=True):
            if gap > widest:
                found.append([])
            found[-1].append(place)
        words.append(found)
    return words


def _gaps(boxes: Array, line: list[int]) -> Array:
    """Pixels between what a line has so far and its next box; below 0 where they overlap."""
    own = boxes[line]
    gaps: Array = own[1:, 0] - np.maximum.accumulate(own[:-1, 2])
    return gaps


def _word_gap(gaps: Array) -> float:
    """The gap, in heights, above which a word ends: where the two kinds of gaps part best."""
    values = np.sort(np.clip(gaps, 0, 2))
    low, high = _GAPS
    if len(values) < 4:
        return _GAP
    best, found = 0.0, _GAP
    for place in range(1, len(values)):
        narrow, wide = float(values[place - 1]), float(values[place])
        if narrow <= high and wide >= low and wide - narrow > best:
            best, found = wide - narrow, (narrow + wide) / 2
    return found if best > 0.1 else _GAP
