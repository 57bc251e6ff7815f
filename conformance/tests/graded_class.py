"""A class of thirty submissions of the homework, and what is wrong in each: one right function, and changes of its lines."""

RIGHT = """import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def back_propagation(params, x, y):
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    z1 = x @ W1.T + b1
    a1 = sigmoid(z1)
    z2 = a1 @ W2 + b2
    p = sigmoid(z2)
    n = len(y)
    loss = 0.5 * np.mean((p - y) ** 2)
    d2 = (p - y) / n * p * (1 - p)
    dW2 = a1.T @ d2
    db2 = d2.sum()
    d1 = np.outer(d2, W2) * a1 * (1 - a1)
    dW1 = d1.T @ x
    db1 = d1.sum(axis=0)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
"""

# By number: the line that is another, and the mistake's name; all others are as above.
CHANGED = {
    1: ("db2 = d2.sum() / n", "bias-averaged"),
    2: ("loss = np.mean((p - y) ** 2)", "loss-half"),
    5: ("d1 = np.outer(d2, W2) * a1", "sigmoid-first-power"),
    8: ("loss = 0.5 * np.mean((p - y) ** 2); print('loss', p)", ""),
    10: ("db1 = d1.sum()", "bias-grand-total"),
    12: ("loss = 0.5 * np.mean((p - y) ** 2", "not-importable"),
    13: ("d2 = (y - p) / n * p * (1 - p)", "sign"),
    14: ("d2 = (p - y) * p * (1 - p)", "sum-for-mean"),
    16: ("d1 = np.outer(d2, W2) * z1 * (1 - z1)", "z-for-a"),
    17: ("d2 = 2 * (p - y) / n * p * (1 - p)", "factor-two"),
    19: ("d2 = (p - y) / n", "output-derivative-missing"),
    20: ("dW2 = z1.T @ d2", "preactivation-cached"),
    21: ("d1 = np.outer(d2, W2)", "derivative-missing"),
    22: ("db1 = d1.mean(axis=0)", "bias-averaged"),
    26: ("db1 = d1[0]", "bias-of-one-sample"),
    27: ("dW1 = x.T @ d1", "gradient-transposed"),
    28: ("def backprop(params, x, y):", "wrong-name"),
    29: ("d1 = np.outer(d2, W2) * sigmoid(a1) * (1 - sigmoid(a1))", "derivative-at-a"),
}
ENDLESS = "def back_propagation(params, x, y):\n    while True:\n        pass\n"
# What a submission may try while it is imported: each line ends in an error, or finds nothing.
ATTEMPTS = {
    "import": "import nn_reference",
    "import of a module": "import nn_conformance.oracles.reference",
    "import of an attribute": "from nn_conformance import verify; verify(print)",
    "without the guard": "sys.meta_path.pop(0); sys.modules.clear(); import nn_reference",
    "site": "import site; sys.meta_path.pop(0); site.main(); import nn_reference",
    "sys.path": "raise LookupError if not any(n.startswith(('nn_', 'nn-')) for p in sys.path for _, d, f in os.walk(p) for n in d + f) else 0",
    "sys.modules": "raise LookupError if not [m for m in sys.modules if 'nn_' in m and m != 'nn_conformance'] else 0",
    "metadata": "import importlib.metadata as m; raise LookupError if not [d for d in m.distributions() if 'nn' == d.name[:2]] else 0",
    "its program": "raise LookupError if not getattr(sys.modules['__main__'], '__file__', '') else 0",
    "another interpreter": "import subprocess; subprocess.run([sys.executable, '-c', 'import nn_reference'], check=True)",
    "python of the path": "import subprocess; subprocess.run(['python3', '-c', 'import nn_reference'], check=True)",
    "environment": "raise LookupError if not [v for v in os.environ.values() if 'conformance' in v.replace('nn-conformance-', '')] else 0",
    "frames": "f = sys._getframe()\n  while f:\n   if any('expected' in k or 'nn_' in k for k in {**f.f_globals, **f.f_locals}): break\n   f = f.f_back\n  else: raise LookupError",
    "another submission": "import other",
}
# Text of a submission, and the mistake that it is given.
HARMFUL = {
    "endless import": ("while True: pass", "timeout"),
    "slow calls": (RIGHT.replace("    n = len(y)", "    import time; time.sleep(0.9); n = len(y)"), "timeout"),
    "exit": ("import sys; sys.exit(0)", "not-importable"),
    "os._exit": ("import os; os._exit(0)", "exited"),
    "signal": ("import os; os.kill(os.getpid(), 11)", "crashed"),
    "memory": ("x = bytearray(1 << 40)", "out-of-memory"),
    "memory of a call": (RIGHT.replace("    n = len(y)", "    n = bytearray(1 << 40)"), "out-of-memory"),
    "recursion": (RIGHT.replace("    n = len(y)", "    return back_propagation(params, x, y)"), "raised"),
    "output": (RIGHT.replace("    n = len(y)", "    n = len(y); print('x' * 1000000)"), ""),
    "input": (RIGHT.replace("    n = len(y)", "    n = len(y); import sys; assert sys.stdin.read() == ''"), ""),
    "no reply": (
        "import os\nfor n in range(3, 10):\n  try: os.write(n, b'[[[[\\n')\n  except OSError: pass\n",
        "not-a-reply",
    ),
    "nested": (RIGHT.replace("    n = len(y)", "    deep = []; deep.append(deep); return deep"), "raised"),
    "code for a type": (
        "import base64, os\nfor n in range(3, 10):\n  try: os.write(n, b'{\"defined\": [[]]}\\n')\n  except OSError: pass\n",
        "not-a-reply",
    ),
    "names": (RIGHT.replace('"b2": db2}', '"\\x1b[31m": db2}'), "wrong-names"),
    "object": (RIGHT.replace('"b2": db2}', '"b2": object()}'), "not-a-number"),
    "arguments": (RIGHT.replace("    n = len(y)", "    n = len(y); x += 1"), "inputs-overwritten"),
    "no function": ("x = 1", "no-function"),
    "empty": ("", "no-function"),
    "message": ("class E(Exception):\n  def __str__(self): raise self\nraise E", "not-importable"),
}


def with_line(line: str) -> str:
    """The right function with another line in place of the one that assigns the same name."""
    start = f"{line.split(' = ', maxsplit=1)[0]} = " if " = " in line else "def back_propagation"
    lines = RIGHT.splitlines()
    (place,) = [k for k, old in enumerate(lines) if old.lstrip().startswith(start)]
    lines[place] = lines[place][: len(lines[place]) - len(lines[place].lstrip())] + line
    return "\n".join(lines) + "\n"


def write_class(folder, numbers=range(1, 31)) -> dict[str, str]:
    """Write the submissions into a folder; the mistake of each by its name, which is empty where it is right."""
    key = {}
    for number in numbers:
        line, mistake = CHANGED.get(number, ("", ""))
        (folder / f"student{number:02}.py").write_text(with_line(line) if line else RIGHT, "utf-8")
        key[f"student{number:02}"] = mistake
    return key
