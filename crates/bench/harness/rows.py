"""One row per work and peer: the ratio pair by pair, and whether the target is met."""

import statistics


def compared(identity, work, peer, unit, pairs, *, target=None, quality=None):
    """A row from pairs (ours, theirs), in which less is better. `quality` is (ours, theirs, good enough or not)."""
    ratios = [theirs / ours for ours, theirs in pairs]
    ratio = statistics.median(ratios)
    ours_quality, theirs_quality, good = quality or (None, None, True)
    return {
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


def limited(identity, work, unit, values, limit, *, of="the limit", target):
    """A row whose other side is the most that our figure may be."""
    return {**compared(identity, work, of, unit, [(value, limit) for value in values]), **within(statistics.median(values), limit, target)}


def within(figure, limit, target):
    """A target that is met by no more than the limit."""
    return {"target": target, "met": bool(figure <= limit)}


def rounded(value):
    """Four digits: more would be noise."""
    return float(f"{value:.4g}")


def merged(before, after, bench):
    """The rows of `before`, and those of `after` in the place of that bench's: they are of one run."""
    rows = [row for row in before if row["id"] != bench] + after
    return sorted(rows, key=lambda row: int(row["id"].removeprefix("P").split(" ")[0]))
