"""RESULTS.md."""


def write(r):
    pass
