"""The process of one submission. `python -S -c` runs this text: it needs NumPy, and imports nothing of this project.

Its arguments are a folder, a file in it, and a folder of packages. The first line on stdout says what the file defines.
After that each line on stdin calls one of these, and is answered by one line: the value, or what was raised. Arguments
are parameters, inputs and targets; no expected value ever comes here.
"""

# mypy: ignore-errors

import base64
import importlib.util
import inspect
import json
import os
import random
import sys
import traceback
import types

HIDDEN = ("nn_conformance", "nn_reference", "nn_maintain")
METHODS = ("set_weights", "step", "get_weights")
MARK = "__nn_conformance__"
MODULE = "__submission__"  # whatever the file is called, it replaces no other module


class Hidden:
    """The first of the finders: `nn_conformance` is a stand-in, and the modules below it are not there."""

    @staticmethod
    def find_spec(name, path=None, target=None):  # noqa: ARG004 - as the import system calls it
        """Nothing for what is not hidden; Python then asks the other finders."""
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"no module named {name!r} while a submission is graded", name=name)


def stand_in():
    """The module `nn_conformance`, in which `conforms` notes what is declared, and nothing else can be used."""

    def conforms(*networks, dtypes=("float32", "float64"), **conventions):  # noqa: ARG001 - the grader names the network
        def mark(obj):
            setattr(obj, MARK, {"dtypes": list(dtypes), **conventions})
            return obj

        return mark

    def unusable(*_, **__):
        raise RuntimeError("while a submission is graded, only conforms can be used of nn_conformance")

    module = types.ModuleType("nn_conformance")
    module.conforms, module.network = conforms, lambda *_, **__: None
    module.__getattr__ = lambda name: unusable if not name.startswith("__") else object.__getattribute__(module, name)
    return module


def main():
    """Serve the file that the arguments name until stdin ends."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the submission prints cannot mix with the replies
    folder, file, packages = sys.argv[1:]
    sys.argv = [file]
    sys.path.append(packages)
    import numpy as np

    sys.path.insert(0, folder)
    sys.meta_path.insert(0, Hidden)
    sys.modules["nn_conformance"] = stand_in()
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the one that submissions use: the same marks on a second run

    def reply(answer):
        replies.write(json.dumps(answer, default=repr).encode() + b"\n")
        replies.flush()

    try:
        defined = loaded(folder, file)
        answer = {"defined": [described(name, obj) for name, obj in defined.items()]}
    except BaseException as error:  # noqa: BLE001 - whatever the submission raises
        reply(problem(error, folder))
        return
    reply(answer)
    for line in requests:
        request = json.loads(line)
        try:
            answer = called(np, defined, request)
        except BaseException as error:  # noqa: BLE001 - likewise
            answer = problem(error, folder)
        reply(answer)


def loaded(folder, file):
    """Functions and classes that a file defines, and what it marks, by name."""
    spec = importlib.util.spec_from_file_location(MODULE, os.path.join(folder, file))
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and (getattr(value, "__module__", None) == MODULE or claim_of(value) is not None)
    }


def described(name, obj):
    """Name, arguments, methods and declaration of a function or class."""
    arguments = []
    if not isinstance(obj, type):
        try:
            parameters = inspect.signature(obj).parameters.values()
            arguments = [(p.name, int(p.kind), p.default is not p.empty) for p in parameters]
        except (TypeError, ValueError):
            pass
    holds = all(callable(getattr(obj, method, None)) for method in METHODS)
    return {"name": name, "arguments": arguments, "holds": holds, "claim": claim_of(obj)}


def claim_of(obj):
    """What `conforms` has noted."""
    return getattr(obj, "__dict__", {}).get(MARK)


def called(np, defined, request):
    """The value of one call, and its arguments where it changed them."""
    name, method = request["name"], request["method"]
    if method and isinstance(defined[name], type):
        defined[name] = defined[name]()  # one object in all calls, as it would be in use
    function = getattr(defined[name], method) if method else defined[name]
    given = [decoded(np, part) for part in request["arguments"]]
    before = [encoded(np, part) for part in given]
    with np.errstate(all="ignore"):
        answer = {"value": encoded(np, function(*given))}
    after = [encoded(np, part) for part in given]
    return answer | {"changed": {k: now for k, now in enumerate(after) if now != before[k]}}


def encoded(np: object, value: object) -> object:
    """A value as JSON: arrays and numbers bit for bit, dicts, lists and tuples of such; of what else it is the name."""
    if value is None or isinstance(value, bool):
        return ["plain", value]
    if isinstance(value, str):
        return ["plain", value[:300]]
    if hasattr(value, "detach"):  # a tensor of PyTorch
        value = value.detach().cpu().numpy()
    if isinstance(value, (int, float, np.ndarray, np.generic)) and not isinstance(value, np.ma.MaskedArray):
        a = np.asarray(value)
        if a.dtype.kind in "biufc" and a.dtype.isnative:
            kind = "array" if isinstance(value, np.ndarray) else "number"
            return [kind, a.dtype.str, list(a.shape), base64.b64encode(a.tobytes()).decode()]
    if isinstance(value, dict):
        return ["dict", [[encoded(np, key), encoded(np, part)] for key, part in value.items()]]
    if isinstance(value, (list, tuple)):
        return ["tuple" if isinstance(value, tuple) else "list", [encoded(np, part) for part in value]]
    return ["other", type(value).__name__]


def decoded(np: object, code: object) -> object:
    """The value of what `encoded` made; of what had no code an object of a class of that name.

    Raises:
        ValueError: there is none, as TypeError and others do.
    """
    kind, *parts = code
    if kind == "plain":
        return parts[0]
    if kind in ("array", "number"):
        dtype, shape, data = parts
        if dtype[0] not in "<>|=" or dtype[1] not in "biufc" or not dtype[2:].isdigit():
            raise ValueError(dtype)
        a = np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()
        return a if kind == "array" else a[()]
    if kind == "dict":
        return {decoded(np, key): decoded(np, part) for key, part in parts[0]}
    if kind in ("list", "tuple"):
        values = [decoded(np, part) for part in parts[0]]
        return values if kind == "list" else tuple(values)
    return type(parts[0], (), {})()


def problem(error, folder):
    """What was raised, and where in the submission."""
    try:
        message = str(error)
    except BaseException:  # noqa: BLE001 - that is the submission's code too
        message = "its message cannot be read"
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    places = [f" ({os.path.basename(name)}, line {line})" for name, line in frames if name.startswith(folder)]
    text = f"it raised {type(error).__name__}{': ' * bool(message)}{message}{''.join(places[-1:])}"
    return {"raised": text[:1000].replace(folder + os.sep, ""), "memory": isinstance(error, MemoryError)}


if __name__ == "__main__":
    main()
