#!/usr/bin/env python3
"""Sees to it that what the pages show of this program's output is what it has printed: `cargo run | ./check.py`. That the code on
the pages stands in `src` is checked with all pages, by `doc-tests/check`."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "check"))
from page import pages

COMMAND = "doc-tests/peers"


def main():
    printed = sys.stdin.read().splitlines()
    shown = [
        (page.name, line)
        for page in pages().values()
        for block in page.blocks
        if block.tag == "console" and COMMAND in block.code.partition("\n")[0]
        for line in block.code.splitlines()[1:]
    ]
    wrong = [f"{page} shows a line that was not printed: {line}" for page, line in shown if line not in printed]
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong or not shown else 0


if __name__ == "__main__":
    sys.exit(main())
