#!/usr/bin/env python3
"""Builds the book in both languages, and looks whether each link in it leads to a page and a heading that are there.

`python3 doc-tests/book.py`
"""

import pathlib
import re
import subprocess
import sys
from urllib.parse import unquote

ROOT = pathlib.Path(__file__).resolve().parents[1]
BOOK = ROOT / "target/book"
# What is made of all pages, and has their links.
OTHERS = {"404.html", "print.html", "toc.html"}
LINK = re.compile(r'(?:href|src)="([^"]+)"')


def wrong(page, link):
    path, _, anchor = link.partition("#")
    target = (page.parent / unquote(path)).resolve() if path else page
    if not target.exists():
        return "leads nowhere"
    if anchor and target.suffix == ".html" and f'id="{unquote(anchor)}"' not in target.read_text():
        return "names no heading of that page"
    return None


def main():
    for book in ["docs", "docs/zh-CN"]:
        subprocess.run(["mdbook", "build", ROOT / book], check=True, stderr=subprocess.DEVNULL)
    pages = [page for page in sorted(BOOK.rglob("*.html")) if page.name not in OTHERS]
    faults = 0
    for page in pages:
        text = page.read_text()
        content = text[text.find("<main>") : text.find("</main>")]
        for link in LINK.findall(content):
            if not link.startswith(("http", "mailto:")) and (fault := wrong(page, link)):
                faults += 1
                print(f"{page.relative_to(BOOK)}: the link to {link} {fault}", file=sys.stderr)
    print(f"{len(pages)} pages, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
