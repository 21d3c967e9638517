"""The table of what came out."""

import sys

import trials

HEAD = f"""\
| SDK | {trials.PROCESSES} processes, {trials.CALLS} calls each | alone: mints / failed calls | through `proxy`: mints / failed calls \
| with `token`: mints / verifications / failed calls |
|---|---|---|---|---|
"""

BEGIN, END = "<!-- sdks: begin -->\n", "<!-- sdks: end -->\n"


def rows(sdk, results):
    """A row for each thing that was tried; the SDK's name stands in the first one."""
    names = [name for name in trials.PHASES + trials.EXTRAS if any((name, mode) in results for mode in trials.MODES)]
    for number, name in enumerate(names):
        cells = [results[name, mode].text if (name, mode) in results else "" for mode in trials.MODES]
        yield f"| {sdk if number == 0 else ''} | {name} | {' | '.join(cells)} |\n"


def write(file, text):
    """Puts the table between the two marks of a file."""
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{file} has no `{BEGIN.strip()}` with an `{END.strip()}` after it")
    file.write_text(f"{before}{begin}{text}{end}{after}")
