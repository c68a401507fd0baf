"""What tests of the command line say again and again."""

SHORT = ("--epochs", 1, "--batch-size", 200)
"""A training that takes no time."""


def assert_fails(result, message, code=2):
    """One clear line, and no traceback."""
    assert result.exit_code == code, result.output
    assert message in result.output, result.output
    assert "Traceback" not in result.output
    last = result.output.strip().splitlines()[-1]
    assert last.startswith("Error: ")
