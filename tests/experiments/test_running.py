"""Pieces of work are done once, wherever they are done, and survive what ends a run."""

import errno
import json
import os

from nengo_softlif import experiments
from nengo_softlif.experiments import keeping

import pytest
from nengo.exceptions import ValidationError

N = 6


def numbers(log):
    return sorted(int(line.split()[0]) for line in log.read_text().splitlines())


def processes(log):
    return {line.split()[1] for line in log.read_text().splitlines()}


def test_processes_of_their_own_do_the_pieces(apart, log):
    found = apart(n=3, log=str(log), progress_bar=False)
    assert found.rows == [{"number": i, "square": i**2 / 3} for i in range(3)]
    assert numbers(log) == list(range(3))
    assert str(os.getpid()) not in processes(log)


def test_here_they_are_done_in_this_process(squares, log):
    found = squares(n=3, log=str(log), progress_bar=False)
    assert found.rows == [{"number": i, "square": i**2 / 3} for i in range(3)]
    assert processes(log) == {str(os.getpid())}


def test_nothing_is_done_twice(squares, log, tmp_path):
    given = {"work": tmp_path / "work", "log": str(log), "progress_bar": False}
    few = squares(n=2, **given)
    more = squares(n=N, **given)
    # n is among what decides a piece of this toy: all are others
    assert numbers(log) == sorted([*range(2), *range(N)])
    again = squares(n=N, **given)
    assert len(numbers(log)) == 2 + N
    assert again.rows == more.rows
    assert again.rows[:2] == few.rows
    assert again.seconds == more.seconds > 0


def test_what_an_error_ends_goes_on_behind_what_is_done(squares, log, tmp_path):
    given = {"work": tmp_path / "work", "log": str(log), "progress_bar": False}
    with pytest.raises(ValidationError, match=r"number: 5 has no square"):
        squares(n=N, refused=5, **given)
    kept = list((tmp_path / "work").glob("squares-*.json"))
    done = sorted(json.loads(path.read_text())["piece"]["number"] for path in kept)
    assert set(done) <= set(range(5))
    assert done


@pytest.mark.slow
def test_a_killed_process_loses_its_own_piece_only(apart, log, tmp_path):
    given = {"work": tmp_path / "work", "log": str(log), "progress_bar": False}
    found = apart(n=N, dies=3, seconds=0.05, **given)
    assert [row["number"] for row in found.rows] == list(range(N))
    assert len(list((tmp_path / "work").glob("*.json"))) == N


@pytest.mark.parametrize("change", ["version", "piece", "damage", "empty"])
def test_other_files_are_not_taken(squares, log, tmp_path, change):
    work = tmp_path / "work"
    given = {"work": work, "log": str(log), "progress_bar": False}
    found = squares(n=2, **given)
    for path in work.glob("*.json"):
        record = json.loads(path.read_text())
        record["result"]["square"] = 1e6
        record["version"] += change == "version"
        record["piece"]["seconds"] *= 1 + (change == "piece")
        text = json.dumps(record)
        path.write_text({"damage": text[:-2], "empty": ""}.get(change, text))
    assert squares(n=2, **given).rows == found.rows
    assert numbers(log) == [0, 0, 1, 1]
    assert squares(n=2, **given).rows == found.rows
    assert numbers(log) == [0, 0, 1, 1]


def test_another_version_is_done_again(squares, log, tmp_path, monkeypatch):
    given = {"work": tmp_path, "log": str(log), "progress_bar": False}
    squares(n=2, **given)
    monkeypatch.setattr(type(squares), "version", 2)
    assert squares(n=2, **given).version == 2
    assert numbers(log) == [0, 0, 1, 1]


def test_a_full_disk_loses_the_piece_in_work_only(squares, log, tmp_path, monkeypatch):
    """Of which there is no real one here: the fourth file is written to /dev/full."""
    written = []

    def save(self, path):
        written.append(path)
        if len(written) == 4:
            with open("/dev/full", "w", buffering=1) as full:
                full.write(self.to_json())
        return super(keeping.Finished, self).save(path)

    given = {"work": tmp_path / "work", "log": str(log), "progress_bar": False}
    monkeypatch.setattr(keeping.Finished, "save", save)
    with pytest.raises(OSError, match="No space") as raised:
        squares(n=N, **given)
    assert raised.value.errno == errno.ENOSPC
    assert numbers(log) == list(range(4))
    monkeypatch.undo()
    assert len(squares(n=N, **given).rows) == N
    assert numbers(log) == sorted([*range(N), 3])


def test_bad_places_are_told_before_the_work(squares, log, tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match="cannot be a folder for finished work"):
        squares(work=path, log=str(log))
    assert numbers(log) == []


def test_python_finds_experiments_by_name(squares):
    assert experiments.squares is squares
    with pytest.raises(AttributeError, match="cubes"):
        experiments.cubes  # noqa: B018
