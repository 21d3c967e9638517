#!/usr/bin/env python3
"""Sees to it that each SDK has its two pages in `docs/sdks`, and that the code on them is code that runs here: each block
stands in the SDK's driver, line by line."""

import pathlib
import re
import sys
import textwrap

from table import BEGIN, END

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parents[2] / "docs" / "sdks"
CODE = {"go": ".go", "java": ".java", "js": ".js", "python": ".py", "rust": ".rs", "xml": ".xml"}
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def stands_in(block, source):
    """Whether these lines follow one another in the source, however far they are indented."""
    wanted, lines = textwrap.dedent(block).splitlines(), source.splitlines()
    return any(
        textwrap.dedent("\n".join(lines[start : start + len(wanted)])).splitlines() == wanted
        for start in range(len(lines) - len(wanted) + 1)
    )


def faults(sdk):
    pages = [DOCS / f"{sdk.name}{language}.md" for language in ("", ".zh-CN")]
    blocks = []
    for page in pages:
        if not page.exists():
            yield f"{page} is missing"
            continue
        of_page = [(language, block) for language, block in BLOCK.findall(page.read_text()) if language in CODE]
        blocks.append(of_page)
        if not of_page:
            yield f"{page} has no code"
        for language, block in of_page:
            sources = [source.read_text() for source in sdk.rglob(f"*{CODE[language]}")]
            if not any(stands_in(block, source) for source in sources):
                yield f"{page} has code that is not in {sdk}:\n{block}"
    if len(blocks) == 2 and blocks[0] != blocks[1]:
        yield f"the code on {pages[0]} is not that on {pages[1]}"


def tables_differ():
    """Whether the two languages have another table."""
    tables = [(DOCS / name).read_text().partition(BEGIN)[2].partition(END)[0] for name in ("README.md", "README.zh-CN.md")]
    return not tables[0] or tables[0] != tables[1]


def main():
    sdks = sorted(file.parent for file in HERE.glob("*/command.json"))
    wrong = [fault for sdk in sdks for fault in faults(sdk)]
    if tables_differ():
        wrong.append(f"the tables of {DOCS} differ: print them with `run.sh --out` for both files")
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong or not sdks else 0


if __name__ == "__main__":
    sys.exit(main())
