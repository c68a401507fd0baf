"""What an experiment is: settings, independent pieces of work, rows, table, figure."""

from abc import ABC, abstractmethod
from dataclasses import asdict

from .findings import Findings
from .running import run
from .settings import make_settings


class Experiment(ABC):
    """Something that a paper shows, or this package adds, with settings.

    Call it to run it. Another one is a subclass in a file of its own, an instance of it
    there, and a row in ``registry.EXPERIMENTS``. It is sent to other processes by
    pickling, and so has no state.

    Attributes
    ----------
    name : str
        As in ``registry.EXPERIMENTS``.
    shows : str
        What it shows, in one sentence.
    paper : str
        From which paper, and where there; or that no paper has it.
    takes : str
        About how long, with the default settings.
    version : int
        Another one whenever the same settings give other pieces, results or rows:
        earlier files are not taken then.
    Settings : type
        A dataclass whose fields `setting` made.
    Row : type
        A `typing.TypedDict`: what stands in each row. Files that hold something else
        are refused.
    side_by_side : bool
        Whether pieces of work are done side by side by processes of this machine. Not
        where a piece keeps all processors busy by itself, or is done sooner than a
        process starts.
    trains : bool
        Whether pieces train networks, for which TensorFlow is loaded.
    size : (float, float)
        Of its figure, in inches.

    Examples
    --------
    >>> experiment = softlif.experiments.figure1
    >>> experiment.paper, experiment.takes
    ('Hunsberger and Eliasmith, arXiv:1510.08829, 2015, Figure 1.', 'a second')
    >>> found = experiment()
    >>> found.experiment
    'figure1'
    """

    name = None
    shows = None
    paper = None
    takes = None
    version = 1
    Settings = None
    Row = dict
    side_by_side = False
    trains = False
    size = (8, 4)

    @abstractmethod
    def pieces(self, settings):
        """List independent pieces of the work.

        Parameters
        ----------
        settings : Settings
            Checked already.

        Returns
        -------
        list of dict
            For each what decides its result, as JSON can hold it: checksums of files
            and of data among it.
        """

    @abstractmethod
    def measure(self, piece, scratch=None, progress_bar=False):
        """Do one piece of the work.

        Parameters
        ----------
        piece : dict
            One that `pieces` listed.
        scratch : Path, optional
            Where it may keep a file from which it goes on after it was killed; deleted
            when it is done. None if there is no place.
        progress_bar : bool
            Show one.

        Returns
        -------
        object
            As JSON can hold it; the same whenever and wherever the piece is done.
        """

    @abstractmethod
    def rows(self, settings, results):
        """Make rows of the results of all pieces, in their order.

        Returns
        -------
        list of dict
            Of the form ``Row``.
        """

    @abstractmethod
    def table(self, findings):
        """Put the main numbers of `Findings` into a `.tables.PrintedTable`."""

    @abstractmethod
    def draw(self, findings, figure):
        """Draw `Findings` on a figure of Matplotlib's; compute nothing."""

    def check(self, settings):  # noqa: B027 (not every one has to)
        """Refuse settings that do not fit together: ValidationError."""

    def __call__(self, work=None, scheduler=None, progress_bar=True, **settings):
        """Run the experiment.

        Parameters
        ----------
        work : str or Path, optional
            Folder for finished pieces of the work, made if it is not there. They are
            found there again: what was stopped goes on.
        scheduler : str, optional
            Address of the scheduler of a Dask cluster that does the work, such as
            ``"tcp://10.0.0.1:8786"``. By default processes of this machine do it, for
            which a script needs ``if __name__ == "__main__":`` around the call.
        progress_bar : bool
            Show one, with the time left.
        **settings
            Those of the experiment; the others by default.

        Returns
        -------
        Findings
            The record.

        Raises
        ------
        ValidationError
            If a setting is unknown or of no use, before any work.
        OSError
            If the scheduler does not answer within 10 s, or a file cannot be written.
        ImportError
            If a scheduler is given, but ``distributed`` is not installed.
        """
        settings = make_settings(self.Settings, settings)
        self.check(settings)
        done = run(self, self.pieces(settings), work, scheduler, progress_bar)
        results = [piece.result for piece in done]
        rows = self.rows(settings, results)
        return Findings.of(self, asdict(settings), rows, done)

    def __repr__(self):
        """Say what it is."""
        return f"<Experiment {self.name}: {self.shows}>"
