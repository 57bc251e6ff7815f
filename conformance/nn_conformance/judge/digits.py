"""Numbers that stand side by side, with enough digits to tell them apart."""


def told_apart(*numbers: float, least: int = 6) -> tuple[str, ...]:
    """Each number with `least` significant digits, or with as many more as show two digits of the smallest difference.

    >>> told_apart(1.0, 2.0)
    ('1', '2')
    >>> told_apart(1.0, 1.000000012)
    ('1', '1.000000012')
    """
    values = [float(number) for number in numbers]
    for digits in range(least, 16):
        texts = tuple(f"{value:.{digits}g}" for value in values)
        if len(set(texts)) == len(set(map(repr, values))):
            return texts if digits == least else tuple(f"{value:.{digits + 1}g}" for value in values)
    return tuple(map(repr, values))
