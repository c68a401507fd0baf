"""Bars move on terminals; in files there is a line for what was done."""

import io
import re
import sys

from nengo_softlif.networks import small
from nengo_softlif.progress import Progress, tell
from nengo_softlif.training import fit

import pytest


class Terminal(io.StringIO):
    def isatty(self):
        return True


def count(shown=True, **settings):
    with Progress("counting", 3, "number", shown, **settings) as bar:
        for _ in range(3):
            bar.update()
        bar.set_postfix(error="1.50 %")


def test_a_file_gets_one_line(capsys):
    count()
    line = r"counting: 3 numbers in \d\d:\d\d, error=1\.50 %\n"
    assert re.fullmatch(line, capsys.readouterr().err)


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    count(mininterval=0, miniters=1)
    assert terminal.getvalue().count("\r") > 2
    assert "3/3" in terminal.getvalue().splitlines()[-1]


@pytest.mark.parametrize("settings", [{"shown": False}, {"leave": False}])
def test_what_shall_not_stay_leaves_nothing(capsys, settings):
    count(**settings)
    assert capsys.readouterr() == ("", "")


def test_what_is_cut_off_tells_how_far_it_came(capsys):
    def cut():
        with Progress("counting", 3, "number") as bar:
            bar.update()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut()
    assert capsys.readouterr().err.startswith("counting: 1 number in")


def test_lines_go_where_bars_go(capsys):
    tell("something")
    assert capsys.readouterr() == ("", "something\n")


def test_a_training_is_a_line_an_epoch_and_tells_what_is_left(data, capsys):
    fit(small(), data, epochs=3, batch_size=100)
    said = capsys.readouterr().err.splitlines()  # by TensorFlow, too
    lines = [line for line in said if line.startswith("epoch ")]
    assert lines[0].startswith("epoch 1/3: ")
    assert re.match(r"epoch 2/3, \d\d:\d\d left for all: \d+ batches in ", lines[1])
    assert len(lines) == 3
