#!/usr/bin/env python3
"""Makes a program of each quick start in the README, as a reader would, and compiles it: its `[dependencies]` are enough.

`python3 doc-tests/quick_start.py TARGET` makes them in this folder of cargo's, and takes from it what is built there already.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "check"))
from page import ROOT, Page

MANIFEST = """[package]
name = "quick-start-{number}"
version = "0.0.0"
edition = "2024"

{dependencies}
[patch.crates-io]
fake-wechat = {{ path = "{root}/fake-wechat" }}
tower-wechat = {{ path = "{root}" }}

[workspace]
"""


def quick_starts():
    """The block of dependencies and the program after it, for each."""
    blocks = Page(ROOT / "README.md").blocks
    for dependencies, program in zip(blocks, blocks[1:]):
        if dependencies.code.startswith("[dependencies]"):
            yield dependencies.code, program.code


def main():
    target = pathlib.Path(sys.argv[1]).resolve()
    folder = target / "quick-start"
    found = list(quick_starts())
    for number, (dependencies, program) in enumerate(found, 1):
        package = folder / str(number)
        (package / "src").mkdir(parents=True, exist_ok=True)
        manifest = MANIFEST.format(number=number, dependencies=dependencies, root=ROOT)
        (package / "Cargo.toml").write_text(manifest)
        (package / "Cargo.lock").write_bytes((ROOT / "Cargo.lock").read_bytes())
        (package / "src/main.rs").write_text(program)
        print(f"-- {program.splitlines()[0]}", flush=True)
        subprocess.run(["cargo", "check", "--quiet", "--target-dir", target], cwd=package, check=True)
    return 0 if len(found) == 2 else f"the README has {len(found)} quick starts in place of 2"


if __name__ == "__main__":
    sys.exit(main())
