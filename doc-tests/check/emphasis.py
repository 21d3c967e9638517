"""Whether bold text is bold: between punctuation and a letter `**` is no mark, which Chinese text runs into."""

import re
import unicodedata

MARK = re.compile(r"\*\*")


def faults(pages):
    for page in pages.values():
        for line in re.sub(r"`[^`\n]*`", "x", page.prose).splitlines():
            for number, mark in enumerate(MARK.finditer(line)):
                before, after = line[: mark.start()][-1:], line[mark.end() :][:1]
                inner, outer = (after, before) if number % 2 == 0 else (before, after)
                if is_punctuation(inner) and outer.strip() and not is_punctuation(outer):
                    yield f"{page.name}: this `**` is shown as it is: {line.strip()[:60]}"


def is_punctuation(letter):
    return bool(letter) and unicodedata.category(letter)[0] in "PS"
