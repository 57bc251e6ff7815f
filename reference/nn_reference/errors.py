"""What the reference raises, each in one line: what, where, expected, got, how to mend it."""


class NNReferenceError(Exception):
    """Base of all errors that the reference raises on purpose."""


class InputError(NNReferenceError, ValueError):
    """An argument is wrong: its name, type, shape, dtype or value."""


class UndecidedError(NNReferenceError, ArithmeticError):
    """A comparison has no answer, because the balls compared overlap at their precision."""


class DataError(NNReferenceError):
    """A data file is missing, unreadable or not the file it should be."""


class FixturesNotFoundError(DataError, FileNotFoundError):
    """There is no `fixtures/` folder where the code is installed."""
