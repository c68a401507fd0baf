"""The command report: a page, or one clear line, and nothing half-written."""

import os

from nengo_softlif import networks

import pytest
from command_line import assert_fails
from html_pages import Parsed

QUICK = ("--n-examples", 6, "--presentation-time", 0.02, "--images", 3)


def test_it_writes_a_page(run, model_file):
    result = run("report", model_file, "--data", "digits", "--no-chip", *QUICK)
    assert result.exit_code == 0, result.output
    assert "Open report.html in a browser" in result.output
    with open("report.html", encoding="utf-8") as file:
        page = Parsed(file.read())
    assert "3 of 6 images" in page.text
    assert "nengo-softlif" in page.text
    assert "chip" not in page.ids
    # once more: a page may be replaced
    again = run("report", model_file, "--data", "digits", "--no-chip", *QUICK)
    assert again.exit_code == 0, again.output
    assert sorted(os.listdir()) == ["digits.safetensors", "report.html"]


def test_images_may_be_left_out(run, model_file):
    args = ("--no-chip", *QUICK[:-1], 0, "--out", "page.html")
    result = run("report", model_file, "--data", "digits", *args)
    assert result.exit_code == 0, result.output
    with open("page.html", encoding="utf-8") as file:
        assert "player" not in Parsed(file.read()).ids


@pytest.mark.slow
def test_the_way_to_the_chip_is_measured(run, model_file):
    result = run("report", model_file, "--data", "digits", *QUICK)
    assert result.exit_code == 0, result.output
    with open("report.html", encoding="utf-8") as file:
        assert {"ladder", "chip"} <= set(Parsed(file.read()).ids)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--data nothing.npz", "nothing.npz"),
        ("--data digits --out missing/page.html", "is not a folder; create it first"),
        ("--data digits --out digits.safetensors", "is the model, and would be repl"),
        ("--data digits --out notes.txt", "holds something else than HTML"),
        ("--data digits --images -1", "-1 is not in the range"),
        ("--data digits --n-examples 1000", "from 1 to 360, got 1000"),
        ("--data stripes.npz", "expected images of 8 x 8 x 1"),
        ("", "Missing option '--data'"),
    ],
)
def test_errors_leave_what_was_there(run, model_file, stripes, args, message):
    with open("notes.txt", "w") as file:
        file.write("mine")
    before = sorted(os.listdir())
    assert_fails(run("report", model_file, *args.split()), message)
    assert sorted(os.listdir()) == before
    with open("notes.txt") as file:
        assert file.read() == "mine"
    assert networks.load(model_file).network is not None
