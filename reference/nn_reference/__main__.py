"""`python -m nn_reference NAME`: print what a document prints, computed by the plain NumPy file of that name."""

import signal
import sys
from types import ModuleType

import numpy as np

from nn_reference.plain import homework, iris_relu_adam, xor_sigmoid, xor_tanh
from nn_reference.start_weights import load_params
from nn_reference.systems import get

EPOCHS = 32  # document 003's print-out is cut after these


def homework_text() -> str:
    """Loss and gradients, in the layout of document 002."""
    loss, gradients = homework.loss_and_gradients(*homework.draw())
    entries = [f"'{name}': {g if np.ndim(g) == 0 else repr(g)}" for name, g in sorted(gradients.items())]
    return f"{loss}\n{{  " + ",\n    ".join(entry.replace("\n", "\n" + 9 * " ") for entry in entries) + "}"


def xor_text(name: str, plain: ModuleType) -> str:
    """The errors of the first epochs, from starting weights that were reconstructed from them."""
    data, params, lines = get(name).load(), load_params(f"{name}-reconstructed"), []
    for epoch in range(1, EPOCHS + 1):
        errors = [plain.step(params, data.train_x[i : i + 1], data.train_t[i : i + 1]) for i in range(4)]
        lines.append(f"epoch {epoch}/1000   error={np.mean(errors):f}")
    return "\n".join(lines)


def iris_text() -> str:
    """The test accuracy after 100 epochs, from the starting weights that ship."""
    system = get("iris-relu-adam")
    data, params = system.load(), system.start()
    state = iris_relu_adam.fresh_state(params)
    for _ in range(100):
        iris_relu_adam.step(params, state, data.train_x, data.train_t)
    _, (_, y) = iris_relu_adam.forward(params, data.test_x)
    return f"Accuracy: {100 * np.mean(y.argmax(axis=1) == data.test_t.argmax(axis=1)):.2f}%"


TEXTS = {
    "homework": homework_text,
    "iris-relu-adam": iris_text,
    "xor-sigmoid": lambda: xor_text("xor-sigmoid", xor_sigmoid),
    "xor-tanh": lambda: xor_text("xor-tanh", xor_tanh),
}


def main(words: list[str]) -> int:
    """Print the text of the named network, or all names if there is none; returns the exit code, 2 for another name."""
    if not words:
        print("\n".join(["usage: python -m nn_reference NAME, with one of", *TEXTS]))
        return 0
    if len(words) > 1 or words[0] not in TEXTS:
        got = ascii(" ".join(words))
        print(f"nn_reference: NAME: expected one of {', '.join(TEXTS)}, got {got}", file=sys.stderr)
        return 2
    print(TEXTS[words[0]]())
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly after `| head`
    sys.exit(main(sys.argv[1:]))
