"""How long work goes on: a bar where somebody looks at it, a line in a file."""

import sys
from io import StringIO

from tqdm import tqdm


class Progress(tqdm):
    """A progress bar; where nobody can see it move, one line when it ends.

    A log file would otherwise hold a line for each of a bar's movements.

    Parameters
    ----------
    title : str
        What is done.
    total : int
        How many parts it has.
    unit : str
        What a part is.
    shown : bool
        Nothing is shown otherwise.
    **settings
        Of ``tqdm.tqdm``. With ``leave=False`` nothing stays, and there is no line.
    """

    def __init__(self, title, total, unit, shown=True, **settings):
        self._moves = _moves(sys.stderr)
        file = sys.stderr if self._moves else StringIO()
        super().__init__(
            desc=title,
            total=total,
            unit=unit,
            disable=not shown,
            file=file,
            **settings,
        )

    def close(self):
        """End, with a line if there was no bar."""
        ended = self.disable
        super().close()
        if not (ended or self._moves) and self.leave:
            took = self.format_interval(self.format_dict["elapsed"])
            many = "es" if self.unit.endswith("ch") else "s"
            unit = self.unit + many * (self.n != 1)
            done = f"{self.n:,} {unit} in {took}"
            told = f", {self.postfix}" if self.postfix else ""
            tell(f"{self.desc}: {done}{told}")


def tell(line):
    """Write a line that stays, above the bars there are."""
    tqdm.write(line, file=sys.stderr)


def _moves(stream):
    """Whether what is written to a stream can be written over: terminals, notebooks."""
    return stream.isatty() or type(stream).__module__.startswith("ipykernel")
