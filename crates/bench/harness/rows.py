"""One row per work and peer: the ratio pair by pair, and whether the target is met."""

import statistics


def compared(identity, work, peer, unit, pairs, *, target=None, quality=None, more=None):
    """A row from pairs (ours, theirs), in which less is better. `quality` is (ours, theirs, good enough or not)."""
    ratios = [theirs / ours for ours, theirs in pairs]
    ratio = statistics.median(ratios)
    ours_quality, theirs_quality, good = quality or (None, None, True)
    row = {
        "id": identity,
        "work": work,
        "peer": peer,
        "unit": unit,
        "ours": rounded(statistics.median(ours for ours, _ in pairs)),
        "theirs": rounded(statistics.median(theirs for _, theirs in pairs)),
        "ratio": rounded(ratio),
        "ratio_min": rounded(min(ratios)),
        "ratio_max": rounded(max(ratios)),
        "rounds": len(pairs),
        "quality_ours": ours_quality,
        "quality_theirs": theirs_quality,
        "quality_holds": good,
        "target": None if target is None else f"{target:g} x",
        "met": None if target is None else bool(ratio >= target and good),
    }
    return {**row, **(more or {})}


def alone(identity, work, unit, values, *, limit=None, target=None, more=None):
    """A row without a peer; `limit` is the most that our figure may be."""
    middle = statistics.median(values)
    row = {
        "id": identity,
        "work": work,
        "peer": None,
        "unit": unit,
        "ours": rounded(middle),
        "theirs": None,
        "ratio": None,
        "ratio_min": None,
        "ratio_max": None,
        "rounds": len(values),
        "quality_ours": None,
        "quality_theirs": None,
        "quality_holds": True,
        "target": target,
        "met": None if limit is None else bool(middle <= limit),
    }
    return {**row, **(more or {})}


def rounded(value):
    """Four digits: more would be noise."""
    return float(f"{value:.4g}")


def merged(before, after):
    """The rows of `before` with those of `after` in the place of the same benches' rows."""
    renewed = {row["id"] for row in after}
    rows = [row for row in before if row["id"] not in renewed] + after
    return sorted(rows, key=lambda row: int(row["id"].removeprefix("P").split(" ")[0]))
