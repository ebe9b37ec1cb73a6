"""Reads a page as a browser would: tags, attributes, text, and whether all is closed in order."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr", "rect", "path", "polygon", "polyline", "circle", "wbr"}
HOSTILE = "</script></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{$title}}"


class Page(HTMLParser):
    """Collects tags, attributes and text of a page, and whether every element is closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        where = self.open[-1] if self.open else ""
        self.texts.setdefault(where, []).append(data)

    def text(self) -> str:
        """Everything a reader sees."""
        return " ".join(
            part for tag, parts in self.texts.items() if tag not in ("script", "style") for part in parts
        )
