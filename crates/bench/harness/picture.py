"""The scale picture: rows against seconds and memory, whole and by stage, both axes by powers of ten. Readable in light and dark."""

import math

WIDTH, HEIGHT, LEFT, TOP, PANEL_WIDTH, PANEL_HEIGHT, GAP = 1120, 430, 70, 70, 380, 280, 170
# Told apart by hue and by dashes, in the order of the pipeline.
LOOKS = ("", "6 3", "2 3", "8 3 2 3", "12 4", "4 2", "1 4", "10 2 2 2")
STYLE = """
.bg { fill: #ffffff } text { font: 12px system-ui, sans-serif; fill: #1c2733 } .h { font-size: 15px; font-weight: 600 }
.grid { stroke: #d5dbe1 } .axis { stroke: #6b7a89 } path { fill: none; stroke-width: 1.8 } .whole { stroke-width: 3.2 }
.c0 { stroke: #1c2733 } .c1 { stroke: #2b6cb0 } .c2 { stroke: #b7791f } .c3 { stroke: #2f855a } .c4 { stroke: #9b2c2c }
.c5 { stroke: #6b46c1 } .c6 { stroke: #0f766e } .c7 { stroke: #97266d } .c8 { stroke: #5a6a7a } .c9 { stroke: #c05621 } circle { stroke: none; fill: #1c2733 }
@media (prefers-color-scheme: dark) {
.bg { fill: #12181f } text { fill: #e3e9ef } .grid { stroke: #2c3742 } .axis { stroke: #8496a7 }
.c0 { stroke: #f2f6fa } .c1 { stroke: #74aef0 } .c2 { stroke: #e8b45c } .c3 { stroke: #68c793 } .c4 { stroke: #ef8b8b }
.c5 { stroke: #b79cf5 } .c6 { stroke: #5cc9bd } .c7 { stroke: #ee8fc8 } .c8 { stroke: #a9b7c4 } .c9 { stroke: #f6ad55 } circle { fill: #f2f6fa }
}
"""


def picture(sizes):
    """SVG. The same figures give the same bytes."""
    stages = list(dict.fromkeys(name for size in sizes for name in size["stages"]))
    seconds = {"whole": points(sizes, lambda each: each["seconds"])}
    memory = {"all together": points(sizes, lambda each: each["peak_bytes"] / 1e6)}
    for name in stages:
        of_it = [each for each in sizes if name in each["stages"]]
        seconds[name] = points(of_it, lambda each, name=name: each["stages"][name]["seconds"])
        memory[name] = points(of_it, lambda each, name=name: each["stages"][name]["peak_bytes"] / 1e6)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title">',
        '<title id="title">Rows against seconds, and rows against memory, of the whole training, of each of its stages and of predict</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="bg" width="{WIDTH}" height="{HEIGHT}" rx="10"/>',
        *panel(LEFT, "seconds", seconds),
        *panel(LEFT + PANEL_WIDTH + GAP, "peak memory, MB", memory),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def points(sizes, value):
    return [(each["rows"], value(each)) for each in sizes if value(each) > 0]


def panel(left, title, lines):
    xs = [x for line in lines.values() for x, _ in line]
    ys = [y for line in lines.values() for _, y in line]
    across, up = Axis(xs, left, PANEL_WIDTH), Axis(ys, TOP + PANEL_HEIGHT, -PANEL_HEIGHT)
    parts = [f'<text class="h" x="{left}" y="{TOP - 24}">{title}</text>']
    for tick in across.ticks():
        x = across.place(tick)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}v{PANEL_HEIGHT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP + PANEL_HEIGHT + 20}" text-anchor="middle">{tick:,.0f}</text>')
    for tick in up.ticks():
        y = up.place(tick)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}h{PANEL_WIDTH}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,.6g}</text>')
    parts.append(f'<path class="axis" d="M{left} {TOP}v{PANEL_HEIGHT}h{PANEL_WIDTH}"/>')
    parts.append(f'<text x="{left + PANEL_WIDTH / 2}" y="{TOP + PANEL_HEIGHT + 42}" text-anchor="middle">rows</text>')
    ends = {}
    for nth, (name, line) in enumerate(lines.items()):
        placed = [(across.place(x), up.place(y)) for x, y in line]
        if not placed:
            continue
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        dashes = f' stroke-dasharray="{LOOKS[nth % len(LOOKS)]}"' if LOOKS[nth % len(LOOKS)] else ""
        parts.append(f'<path class="c{nth}{" whole" if nth == 0 else ""}"{dashes} d="M{path}"/>')
        if nth == 0:
            parts.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in placed)
        ends[name] = placed[-1][1]
    for (name, y), end in zip(*spread(ends)):
        right = left + PANEL_WIDTH
        nth = list(lines).index(name)
        parts.append(f'<path class="c{nth}" d="M{right + 3} {end:.1f}L{right + 18} {y:.1f}"/>')
        parts.append(f'<text x="{right + 22}" y="{y + 4:.1f}">{name}</text>')
    return parts


def spread(ends):
    """Where names go so that none covers another, from the top, and where their lines end."""
    placed, last = [], -math.inf
    order = sorted(ends.items(), key=lambda pair: pair[1])
    for name, y in order:
        last = max(y, last + 15)
        placed.append((name, last))
    return placed, [end for _, end in order]


class Axis:
    """A scale by powers of ten that begins and ends at one."""

    def __init__(self, values, start, length):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start, self.length = start, length

    def place(self, value):
        return self.start + self.length * (math.log10(value) - self.low) / (self.high - self.low)

    def ticks(self):
        return [10.0**power for power in range(self.low, self.high + 1)]
