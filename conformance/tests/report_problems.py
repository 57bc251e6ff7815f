"""A page's outline, for the tests of reports."""

from html.parser import HTMLParser

VOID = {"meta", "br", "img", "hr", "input", "link"}


class Outline(HTMLParser):
    """The elements of a page in their order, what stands in them, and whether each is closed where it should be."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.texts, self.unbalanced = [], [], {}, []
        self.feed(page)
        self.close()
        self.unbalanced += self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data.strip())

    @property
    def tags(self):
        return [tag for tag, _ in self.elements]
