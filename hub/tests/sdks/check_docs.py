#!/usr/bin/env python3
"""Sees to it that each SDK has a page in both languages, and that both have the same table of what SDKs cost. That the code on the
pages stands in the SDKs' drivers is checked with all pages, by `doc-tests/check`."""

import pathlib
import sys

from table import BEGIN, END

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parents[2] / "docs"
BOTH = [DOCS / "sdks", DOCS / "zh-CN" / "sdks"]


def missing():
    sdks = [file.parent.name for file in HERE.glob("*/command.json")]
    return [page for of_language in BOTH for sdk in sdks if not (page := of_language / f"{sdk}.md").exists()]


def tables_differ():
    """Whether the two languages have another table."""
    tables = [(pages / "README.md").read_text().partition(BEGIN)[2].partition(END)[0] for pages in BOTH]
    return not tables[0] or tables[0] != tables[1]


def main():
    wrong = [f"{page} is missing" for page in missing()]
    if tables_differ():
        wrong.append(f"the tables of {DOCS} differ: print them with `run.sh --out` for both files")
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
