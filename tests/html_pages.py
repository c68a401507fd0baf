"""Pages of HTML, read strictly: what is opened is closed, and in that order."""

from html.parser import HTMLParser

EMPTY = {"br", "input", "link", "meta"}
OUTSIDE = {"action", "data", "href", "poster", "src", "srcset"}


class Parsed(HTMLParser):
    """What is on a page.

    Attributes
    ----------
    tables : list of list of list of str
        The cells of each table, row by row.
    scripts : dict of str to str
        What is in scripts, by their id.
    texts : list of str
        What readers see without JavaScript.
    addresses : list of str
        What elements refer to.
    ids : list of str
        Of all elements.
    """

    def __init__(self, text):
        super().__init__()
        self.tables, self.scripts, self.texts = [], {}, []
        self.addresses, self.ids, self.tags = [], [], []
        self._open, self._script = [], None
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        attributes = dict(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.addresses += [a for name, a in attributes.items() if name in OUTSIDE]
        if tag not in EMPTY:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "script":
            self._script = attributes.get("id", "script")
            self.scripts[self._script] = ""

    def handle_endtag(self, tag):
        assert tag not in EMPTY
        assert self._open.pop() == tag
        self._script = None

    def handle_data(self, data):
        if self._script is not None:
            self.scripts[self._script] += data
        elif "style" not in self._open:
            if data.strip():
                self.texts.append(" ".join(data.split()))
            if {"td", "th"} & set(self._open):
                self.tables[-1][-1][-1] += data

    @property
    def text(self):
        """All that readers see, in one line."""
        return " ".join(self.texts)

    def table(self, *head):
        """The rows below a head that begins so."""
        (found,) = (t for t in self.tables if t[0][: len(head)] == list(head))
        return found[1:]
