"""Random networks, chips and files: run with many more seeds than the tests take."""
