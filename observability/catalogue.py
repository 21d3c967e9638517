"""The catalogue, docs/operating/metrics.md: what may be told, and under which labels and fields."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def rows(name):
    """The rows of a table of the page, without its head and without the signs of code."""
    text = (ROOT / "docs/operating/metrics.md").read_text()
    table = text.split(f"<!-- begin {name} -->\n\n")[1].split(f"\n<!-- end {name} -->")[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()[2:]]


def words(cell):
    return set(re.findall(r"`([^`]+)`", cell))


class Metric:
    def __init__(self, row, common):
        self.name = row[0].strip("`")
        self.kind = row[1].split(",")[0]
        self.labels = words(row[2]) | common
        self.help = row[3]


class Event:
    def __init__(self, target, row):
        self.target, self.level, self.fields = target, row[1].upper(), words(row[2])
        # Two signs of code where the text has some of its own.
        self.text = row[0].strip("`").strip() if "`` " not in row[0] else row[0][3:-3]
        parts = re.split(r"<[^>]*>", self.text)
        self.pattern = re.compile(".+".join(map(re.escape, parts)) + r"\Z", re.DOTALL)

    def is_line(self, line):
        fields = line["fields"]
        return (
            (line["target"], line["level"]) == (self.target, self.level)
            and self.pattern.match(fields["message"]) is not None
            and set(fields) - {"message"} <= self.fields
        )


def metrics():
    layer = [Metric(row, {"account"}) for row in rows("layer metrics")]
    # The hub tells the life that is left, too, and says so in its own words.
    hub = [Metric(row, set()) for row in rows("hub metrics")]
    return {metric.name: metric for metric in layer + hub}


def events():
    layer = [Event("tower_wechat", row) for row in rows("layer events")]
    return layer + [Event("wechat_hub", row) for row in rows("hub events")]


def spans():
    return {row[0].strip("`"): words(row[2]) for row in rows("layer spans")}
