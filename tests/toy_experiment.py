"""An experiment that takes no thought, in a module that other processes find."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from nengo_softlif.experiments import Experiment, setting
from nengo_softlif.experiments.settings import COUNT, SECONDS, TEXT, Whole
from nengo_softlif.tables import PrintedTable

from nengo.exceptions import ValidationError


@dataclass(frozen=True)
class Settings:
    n: int = setting(6, COUNT, "Numbers to square.")
    seconds: float = setting(0.001, SECONDS, "How long that takes.")
    log: str = setting("none", TEXT, "File that gets a line for each piece.")
    dies: int = setting(-1, Whole(-1), "Number that kills its process, once.")
    refused: int = setting(-1, Whole(-1), "Number that is an error.")


class Row(TypedDict):
    number: int
    square: float


class Squares(Experiment):
    name = "squares"
    shows = "Squares."
    paper = "Ours."
    takes = "no time"
    Settings = Settings
    Row = Row

    def pieces(self, settings):
        return [{"number": i, **vars(settings)} for i in range(settings.n)]

    def measure(self, piece, scratch=None, progress_bar=False):
        i = piece["number"]
        if piece["log"] != "none":
            with open(piece["log"], "a") as log:
                log.write(f"{i} {os.getpid()}\n")
        time.sleep(piece["seconds"])
        if i == piece["dies"]:
            mark = Path(f"{piece['log']}.died")
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if i == piece["refused"]:
            raise ValidationError(f"{i} has no square", attr="number")
        return {"number": i, "square": i**2 / 3}

    def rows(self, settings, results):
        return results

    def table(self, findings):
        rows = [(row["number"], row["square"]) for row in findings.rows]
        return PrintedTable(("number", "square"), rows)

    def draw(self, findings, figure):
        numbers = [row["number"] for row in findings.rows]
        figure.subplots().plot(numbers, [row["square"] for row in findings.rows])


SQUARES = Squares()
