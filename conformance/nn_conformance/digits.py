"""Numbers that stand side by side, with enough digits to tell them apart."""


def told_apart(*numbers: float, least: int = 6) -> tuple[str, ...]:
    """Each number with `least` significant digits, or with as many more as the numbers that differ need to look different.

    17 digits tell any two float64 numbers apart.

    >>> told_apart(1.0, 2.0)
    ('1', '2')
    >>> told_apart(1.0, 1.00000001)
    ('1', '1.00000001')
    """
    values = [float(number) for number in numbers]
    distinct = len(set(map(repr, values)))
    for digits in range(least, 18):
        texts = tuple(f"{value:.{digits}g}" for value in values)
        if len(set(texts)) == distinct:
            return texts
    return tuple(map(repr, values))
