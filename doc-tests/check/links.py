"""Whether links lead somewhere, on the page and in the book."""

from page import ROOT

BOOK = ROOT / "docs"


def faults(pages):
    for page in pages.values():
        for link in page.links:
            if fault := wrong(page, link, pages):
                yield f"{page.name}: the link to {link} {fault}"


def wrong(page, link, pages):
    if link.startswith(("https://", "mailto:")):
        return None
    if "://" in link:
        return "is not https"
    target, _, anchor = link.partition("#")
    path = (page.path.parent / target).resolve() if target else page.path
    if not path.exists():
        return "leads nowhere"
    if page.path.is_relative_to(BOOK) and not path.is_relative_to(BOOK):
        return "leads out of the book"
    if anchor and path in pages and anchor not in pages[path].anchors:
        return "names no heading of that page"
    return None
