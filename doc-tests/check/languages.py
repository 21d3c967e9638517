"""Whether a page says the same in both languages: the same headings, code and links."""

from page import ROOT

ENGLISH = ROOT / "docs"
CHINESE = ENGLISH / "zh-CN"
# Pages that are read in English only.
ENGLISH_ONLY = {
    "ARCHITECTURE.md", "BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md"
}


def chinese_of(path):
    """Where the Chinese page of an English one is."""
    if path.is_relative_to(ENGLISH):
        return CHINESE / path.relative_to(ENGLISH)
    return path.with_name(f"{path.stem}.zh-CN.md")


def is_chinese(path):
    return path.is_relative_to(CHINESE) or path.name.endswith(".zh-CN.md")


def faults(pages):
    for path, page in pages.items():
        if is_chinese(path):
            if path not in {chinese_of(other) for other in pages}:
                yield f"{page.name}: there is no English page to it"
        elif page.name not in ENGLISH_ONLY:
            other = pages.get(chinese_of(path))
            yield from differences(page, other) if other else [f"{page.name}: there is no Chinese page to it"]


def differences(english, chinese):
    pair = f"{english.name} and {chinese.name}"
    levels = [[heading.level for heading in page.headings] for page in (english, chinese)]
    if levels[0] != levels[1]:
        at = first_difference(*levels)
        shown = [page.headings[at].text if at < len(page.headings) else "nothing" for page in (english, chinese)]
        yield f"{pair} differ at heading {at + 1}: {shown[0]!r}, {shown[1]!r}"
    for what, of_page in [("code", code), ("links", links)]:
        one, other = of_page(english), of_page(chinese)
        if one != other:
            at = first_difference(one, other)
            shown = [repr(side[at]) if at < len(side) else "nothing" for side in (one, other)]
            yield f"{pair} differ in their {what}:\n  {shown[0]}\n  {shown[1]}"


def first_difference(one, other):
    same = (number for number, pair in enumerate(zip(one, other)) if pair[0] != pair[1])
    return next(same, min(len(one), len(other)))


def code(page):
    """The blocks; their comments, and what programs print, are in the page's language."""
    return [(block.tag, "" if block.tag == "text" else block.without_comments()) for block in page.blocks]


def links(page):
    """Where links lead to: neither the language's own part of a path nor the text of a heading counts."""
    found = set()
    for link in page.links:
        target, _, _ = link.partition("#")
        if target.startswith(("https:", "http:", "mailto:")):
            found.add(target)
        elif target:
            path = (page.path.parent / target).resolve()
            in_both = path.suffix == ".md" and str(path.relative_to(ROOT)) not in ENGLISH_ONLY
            if in_both and is_chinese(path) != is_chinese(page.path):
                continue
            found.add(as_english(path))
    return sorted(found)


def as_english(path):
    if path.is_relative_to(CHINESE):
        path = ENGLISH / path.relative_to(CHINESE)
    return str(path.relative_to(ROOT)).replace(".zh-CN.", ".")
