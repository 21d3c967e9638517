#!/usr/bin/env python3
"""Checks the examples in the documentation of the three crates.

- Every public item has one: modules, types, traits, functions and methods. A method counts as shown where the visible
  part of an example of its own, or of its type, calls it.
- None is marked `ignore`.
- No visible line of one is wider than 80 columns: docs.rs cuts off the rest behind a scroll bar.

    doc-tests/examples.py             # writes rustdoc's JSON with cargo and checks it
    doc-tests/examples.py FILE.json…  # checks these

Without arguments, `CARGO_TARGET_DIR` says where the JSON goes, as it does for cargo.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PACKAGES = ["tower-wechat", "fake-wechat", "wechat-hub"]
WIDTH = 80

# Paths of items for which an example makes no sense, each with the reason.
WITHOUT = {}

FENCE = re.compile(r"^\s*(```+|~~~+)\s*(.*?)\s*$")


class Block:
    """A code block of a comment: its language and attributes, and the lines that a reader sees."""

    def __init__(self, info, lines):
        self.info = [part for part in re.split(r"[,\s]+", info) if part]
        self.is_rust = all(
            part in ("rust", "no_run", "should_panic", "ignore") or part.startswith(("ignore-", "edition", "compile_fail", "E0"))
            for part in self.info
        )
        self.visible = [line for line in lines if not (self.is_rust and re.match(r"^\s*#(\s|$)", line))]


def blocks(docs):
    """The code blocks of a comment."""
    fence, info, lines = None, "", []
    for line in (docs or "").splitlines():
        mark = FENCE.match(line)
        if fence is None:
            if mark:
                fence, info, lines = mark[1], mark[2], []
        elif mark and mark[1].startswith(fence) and not mark[2]:
            yield Block(info, lines)
            fence = None
        else:
            lines.append(line)


def examples(docs):
    return [block for block in blocks(docs) if block.is_rust]


def shows(docs, name):
    """Whether an example calls a method of this name."""
    call = re.compile(r"(\.|::)" + re.escape(name) + r"\b|\bfn " + re.escape(name) + r"\b")
    return any(call.search(line) for block in examples(docs) for line in block.visible)


class Crate:
    def __init__(self, path):
        data = json.loads(Path(path).read_text())
        self.index = data["index"]
        self.name = self.item(data["root"])["name"]
        self.seen, self.count, self.faults = set(), 0, []
        self.visit(self.item(data["root"]), self.name)

    def item(self, identifier):
        return self.index.get(str(identifier))

    def fault(self, item, path, what):
        place = item.get("span") or {}
        where = f"{place.get('filename', '?')}:{(place.get('begin') or ['?'])[0]}"
        self.faults.append(f"{where}: `{path}` {what}")

    def visit(self, item, path):
        """Looks at an item that others can reach, and at what is in it."""
        if item is None or item["id"] in self.seen:
            return
        (kind, inner), = item["inner"].items()
        if kind == "use":
            if inner["is_glob"]:
                for child in self.item(inner["id"])["inner"]["module"]["items"]:
                    self.visit(self.item(child), path)
            else:
                # What comes from another crate is not in the index: it is looked at with that crate.
                self.visit(self.item(inner["id"]), f"{path}::{inner['name']}")
            return
        self.seen.add(item["id"])
        self.layout(item, path)
        if kind == "module":
            self.expect(item, path)
            for child in inner["items"]:
                child = self.item(child)
                if child is not None:
                    name = child["name"]
                    self.visit(child, f"{path}::{name}" if name else path)
        elif kind in ("struct", "enum", "union", "trait", "function", "macro", "type_alias", "constant", "static"):
            self.expect(item, path)
            for member, of_trait in self.members(kind, inner):
                self.layout(member, f"{path}::{member['name']}")
                if "function" in member["inner"] or (of_trait and "assoc_type" not in member["inner"]):
                    self.expect(member, f"{path}::{member['name']}", item)

    def members(self, kind, inner):
        """An item's public members, and whether they are a trait's."""
        if kind == "trait":
            for child in inner["items"]:
                yield self.item(child), True
        for child in inner.get("variants", []):
            yield self.item(child), False
        for impl in inner.get("impls", []):
            block = (self.item(impl) or {"inner": {}})["inner"].get("impl")
            if block and block["trait"] is None:
                for child in block["items"]:
                    child = self.item(child)
                    if child and child["visibility"] == "public":
                        yield child, False

    def expect(self, item, path, owner=None):
        """An example: the item's own, or its owner's if that one shows it."""
        self.count += 1
        name = item["name"]
        is_shown = any(shows(docs, name) for docs in (item["docs"], owner["docs"])) if owner else examples(item["docs"])
        if is_shown and path in WITHOUT:
            self.fault(item, path, "has an example by now: take it out of WITHOUT")
        elif not is_shown and path not in WITHOUT:
            self.fault(item, path, "has no example that calls it" if owner else "has no example")

    def layout(self, item, path):
        """What is asked of every code block."""
        for block in blocks(item["docs"]):
            if any(part.startswith("ignore") for part in block.info):
                self.fault(item, path, "has an example that is ignored")
            for line in block.visible:
                if len(line) > WIDTH:
                    self.fault(item, path, f"has a line of {len(line)} columns in an example: {line.strip()}")


def write_json():
    """The JSON of each package. The unstable flag is for rustdoc only, so that nothing is compiled anew for it."""
    here = Path(__file__).resolve().parent
    target = here.parent / os.environ.get("CARGO_TARGET_DIR", "target")
    for package in PACKAGES:
        subprocess.run(
            ["cargo", "rustdoc", "--quiet", "--package", package, "--lib", "--all-features", "--",
             "-Z", "unstable-options", "--output-format", "json"],
            cwd=here.parent, env=dict(os.environ, RUSTDOC=str(here / "rustdoc.sh")), check=True)
        yield target / "doc" / f"{package.replace('-', '_')}.json"


def main():
    crates = [Crate(path) for path in sys.argv[1:] or write_json()]
    for fault in (fault for crate in crates for fault in crate.faults):
        print(fault, file=sys.stderr)
    faults = sum(len(crate.faults) for crate in crates)
    print(f"{sum(crate.count for crate in crates)} public items, {faults} faults in their examples")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
