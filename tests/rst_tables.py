"""Tables in the reStructuredText that pages include."""

import csv


def table(text):
    """The cells of the first table; no rows if there is none."""
    _, begins, rest = text.partition(".. csv-table::")
    rows = []
    for line in rest.splitlines()[4:] if begins else ():  # its options are above
        if not line.startswith("   "):
            break
        rows.append(line.strip())
    return list(csv.reader(rows))
