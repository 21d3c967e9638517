#!/usr/bin/env python3
"""Sees to it that the code on the pages of the book that needs other crates is code that is compiled here: each block tagged
`rust,peer`, and each block of Rust on the page about caches written by hand, stands in `src`, line by line but for comments.
With the output of `cargo run` in a file, that it is what the pages show.

    ./check.py [output]"""

import pathlib
import re
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
BLOCK = re.compile(r"^```([\w,]+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def lines(text):
    """The lines without comments, which are in the page's language."""
    kept = (re.sub(r"(^|\s+)//[^\n]*$", "", line).rstrip() for line in textwrap.dedent(text).splitlines())
    return [line for line in kept if line]


def stands_in(wanted, source):
    found = lines(source)
    starts = range(len(found) - len(wanted) + 1)
    return any(lines("\n".join(found[start : start + len(wanted)])) == wanted for start in starts)


def main():
    sources = [file.read_text() for file in sorted((HERE / "src").glob("*.rs"))]
    output = pathlib.Path(sys.argv[1]).read_text().splitlines() if len(sys.argv) > 1 else None
    wrong, seen = [], 0
    for page in sorted(DOCS.rglob("*.md")):
        by_hand = page.parent.name == "migrating" and page.name == "cache.md"
        for tags, block in BLOCK.findall(page.read_text()):
            if tags == "rust,peer" or (by_hand and tags == "rust"):
                seen += 1
                if not any(stands_in(lines(block), source) for source in sources):
                    wrong.append(f"{page} has code that is not in {HERE / 'src'}:\n{block}")
            command, _, shown = block.partition("\n")
            if output and tags == "console" and "doc-tests/peers" in command:
                differing = [line for line in shown.splitlines() if line not in output]
                wrong += [f"{page} shows a line that was not printed: {line}" for line in differing]
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
