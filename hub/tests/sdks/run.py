#!/usr/bin/env python3
"""Has SDKs of others work with WeChat (`fake-wechat`): alone, through the hub's proxy, and with tokens of the hub.

Prints a table of what it costs, and fails where the hub does not keep what it promises: one mint, however many ask, and no
call that fails."""

import argparse
import os
import pathlib
import shutil
import sys

import table
import trials
from programs import Trouble
from sdk import Sdk

HERE = pathlib.Path(__file__).resolve().parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parents[2] / "target")).resolve()


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="SDK", action="append", help="the name of its folder; may be said more than once")
    parser.add_argument("--mode", choices=trials.MODES, action="append", help="all of them unless said")
    parser.add_argument(
        "--out", metavar="FILE", type=pathlib.Path, action="append", default=[],
        help="a file with two marks that the table goes between; may be said more than once",
    )
    return parser.parse_args()


def chosen(only):
    folders = {file.parent.name: file.parent for file in sorted(HERE.glob("*/command.json"))}
    if unknown := set(only or ()) - set(folders):
        sys.exit(f"there is no SDK {', '.join(sorted(unknown))}: there are {', '.join(folders)}")
    return [Sdk(folder, TARGET / "sdks") for name, folder in folders.items() if not only or name in only]


def told(sdk, mode, name, result):
    """Says how it went, and gives the faults."""
    errors = "".join(f", {count} x {error}" for error, count in result.errors.items())
    print(f"{sdk.name}, {mode}, {name}: {result.text}{errors}", file=sys.stderr, flush=True)
    return [f"{sdk.name}, {mode}, {name}: {fault}{errors}" for fault in result.faults]


def attempt(sdk, modes):
    """Everything with one SDK: what it says of itself, its results by what was tried and by mode, and the faults."""
    results, faults = {}, []
    binaries = TARGET / "debug"
    try:
        sdk.build()
        ready = trials.introduce(binaries, sdk)
    except Trouble as trouble:
        return sdk.name, {}, [f"{sdk.name}: {trouble}"]
    apart = ready["token_url_apart"]

    def put(mode, name, result):
        results[name, mode] = result
        faults.extend(told(sdk, mode, name, result))

    for mode in modes:
        for trial in (trials.phases, trials.extras):
            try:
                for name, result in trial(binaries, sdk, mode, apart):
                    put(mode, name, result)
            except Trouble as trouble:
                put(mode, "the rest", trials.Result("failed", {}, [str(trouble)]))
    return ready["sdk"], results, faults


def main():
    said = options()
    rows, faults = [], []
    for sdk in chosen(said.only):
        if missing := [tool for tool in sdk.needs if not shutil.which(tool)]:
            print(f"{sdk.name} skipped: there is no {missing[0]}", file=sys.stderr)
            continue
        name, results, wrong = attempt(sdk, said.mode or trials.MODES)
        rows += table.rows(name, results)
        faults += wrong
    text = table.HEAD + "".join(rows)
    print(text, end="")
    for file in said.out:
        table.write(file, text)
    for fault in faults:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
