#!/usr/bin/env python3
"""Makes a program of each quick start in the README, as a reader would, and compiles it: its `[dependencies]` are enough. Then copies
the programs to start from as `examples/README.md` says, and compiles the copies.

`python3 doc-tests/quick_start.py TARGET` makes them in this folder of cargo's, and takes from it what is built there already.
"""

import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "check"))
from page import ROOT, Page

MANIFEST = """[package]
name = "quick-start-{number}"
version = "0.0.0"
edition = "2024"

{dependencies}
[workspace]
"""
# Until they are on crates.io, and to try what is here.
PATCH = f"""
[patch.crates-io]
fake-wechat = {{ path = "{ROOT}/fake-wechat" }}
tower-wechat = {{ path = "{ROOT}" }}
"""


def quick_starts():
    """The block of dependencies and the program after it, for each."""
    blocks = Page(ROOT / "README.md").blocks
    for dependencies, program in zip(blocks, blocks[1:]):
        if dependencies.code.startswith("[dependencies]"):
            yield dependencies.code, program.code


def check(package, target, *arguments):
    (package / "Cargo.lock").write_bytes((ROOT / "Cargo.lock").read_bytes())
    subprocess.run(["cargo", "check", "--quiet", "--target-dir", target, *arguments], cwd=package, check=True)


def copied(manifest):
    """The manifest of a program that was copied out of the workspace."""
    ours = re.compile(r'(?:version = "[^"]*", )?path = "\.\./\.\.[^"]*"')
    manifest = ours.sub('version = "0.1.0"', manifest).replace("[lints]\nworkspace = true\n", "")
    shared = {"edition": "2024", "rust-version": "1.89", "license": "MIT"}
    for key, value in shared.items():
        manifest = manifest.replace(f"{key}.workspace = true", f'{key} = "{value}"')
    return manifest


def copy_programs(folder):
    """The programs to start from, each beside `account`, in a workspace of their own."""
    shutil.rmtree(folder, ignore_errors=True)
    names = [manifest.parent.name for manifest in (ROOT / "examples").glob("*/Cargo.toml")]
    for name in names:
        shutil.copytree(ROOT / "examples" / name, folder / name)
        manifest = folder / name / "Cargo.toml"
        manifest.write_text(copied(manifest.read_text()))
    (folder / "Cargo.toml").write_text(f'[workspace]\nresolver = "3"\nmembers = ["*"]\n{PATCH}')
    return names


def main():
    target = pathlib.Path(sys.argv[1]).resolve()
    folder = target / "quick-start"
    found = list(quick_starts())
    for number, (dependencies, program) in enumerate(found, 1):
        package = folder / str(number)
        (package / "src").mkdir(parents=True, exist_ok=True)
        (package / "Cargo.toml").write_text(MANIFEST.format(number=number, dependencies=dependencies) + PATCH)
        (package / "src/main.rs").write_text(program)
        print(f"-- {program.splitlines()[0]}", flush=True)
        check(package, target)
    print("-- copies of", ", ".join(sorted(copy_programs(folder / "copies"))), flush=True)
    check(folder / "copies", target, "--workspace", "--all-targets")
    return 0 if len(found) == 2 else f"the README has {len(found)} quick starts in place of 2"


if __name__ == "__main__":
    sys.exit(main())
