"""A page in Markdown: its headings, its blocks of code, its links."""

import functools
import pathlib
import re
import unicodedata
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^\s*```(.*)$")
HEADING = re.compile(r"^(#{1,6}) +(.*?) *#*$")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\))?[^()\s]*)\)")
REFERENCE = re.compile(r"^\[[^\]]+\]: +(\S+)", re.MULTILINE)
IMAGE = re.compile(r'(?:src|srcset|href)="([^"]+)"')
ANCHOR = re.compile(r'<a (?:id|name)="([^"]+)"')


class Block(NamedTuple):
    line: int
    tag: str
    code: str

    def without_comments(self):
        return without_comments(self.tag, self.code)


class Heading(NamedTuple):
    level: int
    text: str


class Page:
    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.blocks, self.headings, prose = [], [], []
        opened = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            fence = FENCE.match(line)
            if opened and fence and not fence[1].strip():
                self.blocks.append(Block(opened[0], opened[1], "\n".join(opened[2])))
                opened = None
            elif opened:
                opened[2].append(line)
            elif fence:
                opened = (number, fence[1].strip(), [])
            else:
                if heading := HEADING.match(line):
                    self.headings.append(Heading(len(heading[1]), heading[2]))
                prose.append(line)
        self.prose = "\n".join(prose)
        self.unclosed = opened and opened[0]

    @functools.cached_property
    def links(self):
        """Where the page's links and pictures lead to, one by one."""
        prose = re.sub(r"`[^`\n]*`", "", self.prose)
        return [*LINK.findall(prose), *REFERENCE.findall(prose), *IMAGE.findall(prose)]

    @functools.cached_property
    def anchors(self):
        """What can stand behind the `#` of a link to this page."""
        found, counts = set(ANCHOR.findall(self.prose)), {}
        for heading in self.headings:
            name = slug(heading.text)
            count = counts.get(name, 0)
            counts[name] = count + 1
            found.add(f"{name}-{count}" if count else name)
        return found


def without_comments(tag, code):
    """The lines of code that are more than a comment, each without the comment at its end."""
    mark = "//[/!]?" if tag.partition(",")[0] in {"rust", "js", "go", "java"} else "#"
    lines = (re.sub(rf"(^|\s+){mark}(\s.*|$)", "", line).rstrip() for line in code.splitlines())
    return "\n".join(line for line in lines if line)


def slug(heading):
    """The anchor of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"<[^>]*>", "", text).strip().lower()
    kept = (
        letter for letter in text if letter in " -_" or unicodedata.category(letter)[0] in "LN"
    )
    return "".join(kept).replace(" ", "-")


def pages():
    """All pages that users read, by their path."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")]
    for package in ["fake-wechat", "hub"]:
        found += (ROOT / package).glob("*.md")
    return {path: Page(path) for path in sorted(found)}
