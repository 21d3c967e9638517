"""Checks the pages that users read: both languages say the same, links lead somewhere, code is code.

`python3 doc-tests/check`
"""

import sys

import blocks
import emphasis
import languages
import links
from page import pages


def main():
    found = pages()
    wrong = [fault for check in (languages, links, blocks, emphasis) for fault in check.faults(found)]
    for fault in wrong:
        print(fault, file=sys.stderr)
    print(f"{len(found)} pages, {sum(len(page.blocks) for page in found.values())} blocks of code, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
