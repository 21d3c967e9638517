"""Whether the code on pages is code: rustdoc runs what is Rust, and the rest is looked at here.

Code in other languages, and code that needs crates of others, has to stand in a source that something else runs, line by line but for comments.
"""

import json
import shutil
import subprocess
import tempfile
import textwrap
import tomllib

from page import ROOT, without_comments

SOURCES = [ROOT / "doc-tests/peers", ROOT / "fake-wechat/samples", ROOT / "hub/tests/sdks"]
RUN_ELSEWHERE = {"go": ".go", "java": ".java", "js": ".js", "python": ".py", "rust,peer": ".rs", "xml": ".xml"}
# What docs.rs and the book show without a scroll bar.
WIDTH = 80


def faults(pages):
    for page in pages.values():
        if page.unclosed:
            yield f"{page.name}:{page.unclosed}: the block has no end"
        for block in page.blocks:
            if fault := wrong(block):
                yield f"{page.name}:{block.line}: {fault}"


def wrong(block):
    if block.tag in RUN_ELSEWHERE:
        return stands_nowhere(block)
    language, *attributes = block.tag.split(",")
    if language == "rust":
        return rust(block.code, attributes)
    checks = {
        "sh": shell, "console": console, "toml": toml, "json": as_json, "promql": promql, "yaml": no_check, "text": no_check
    }
    if block.tag not in checks:
        return f"no check is known for a block that is tagged {block.tag!r}"
    return checks[block.tag](block.code)


def rust(code, attributes):
    if unknown := set(attributes) - {"no_run", "should_panic", "compile_fail"}:
        return f"a block that is not compiled: {', '.join(unknown)}"
    for line in code.splitlines():
        if len(line) > WIDTH:
            return f"wider than {WIDTH} columns: {line}"
        if line == "#" or line.startswith("# "):
            return f"a line that is hidden from some readers only: {line}"
    return None


def shell(code):
    checked = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True)
    return checked.stderr.strip() or None


def console(code):
    """The commands of a session, which begin with a `$`."""
    commands = [line[2:] for line in code.splitlines() if line.startswith("$ ")]
    return shell("\n".join(commands)) if commands else "a session without a command"


def toml(code):
    try:
        tomllib.loads(code)
    except tomllib.TOMLDecodeError as error:
        return f"no TOML: {error}"


def as_json(code):
    try:
        json.loads(code)
    except ValueError as error:
        return f"no JSON: {error}"


def promql(code):
    """As the expression of a rule. Whether such series exist is what `observability/check.sh` looks at."""
    if not shutil.which("promtool"):
        return None
    rules = {"groups": [{"name": "page", "rules": [{"record": "page", "expr": code}]}]}
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump(rules, file)
        file.flush()
        checked = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
    return checked.stderr.strip() if checked.returncode else None


def no_check(_):
    return None


def stands_nowhere(block):
    suffix = RUN_ELSEWHERE[block.tag]
    wanted = textwrap.dedent(block.without_comments()).splitlines()
    for folder in SOURCES:
        for source in folder.rglob(f"*{suffix}"):
            lines = without_comments(block.tag, source.read_text()).splitlines()
            if "node_modules" not in source.parts and follow_in(wanted, lines):
                return None
    return f"this code stands in no {suffix} file that is run:\n{block.code}"


def follow_in(wanted, lines):
    """Whether these lines follow one another, however far they are indented."""
    return any(
        textwrap.dedent("\n".join(lines[start : start + len(wanted)])).splitlines() == wanted
        for start in range(len(lines) - len(wanted) + 1)
    )
