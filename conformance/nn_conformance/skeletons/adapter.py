"""An adapter of nn-conformance, to be filled in: requests on stdin, replies on stdout, one JSON object a line.

It starts, sends numbers back, and says that it supports nothing yet. Fill in what is marked, from 1 to 4, and look after each:
    nn-conformance smoke 'cmd:python FILE'              does the harness work?
    nn-conformance verify 'cmd:python FILE' xor-tanh    is what it runs right?
PROTOCOL.md, in nn_conformance/protocol, says what stands in requests and replies. Print to stderr, never to stdout.
"""

import json
import math
import sys

# 1. Who you are, and what you can do.
START = {
    "protocol": 1,
    "name": "my engine",
    "version": "0",
    "dtypes": ["float64"],  # and "float32", if you compute in it too
    "networks": "any",  # or some: ["xor-tanh", "mnist-*"]
    "does": ["evaluate"],  # and "train", once 4 is there
    # With a list of "pieces", by the names in PROTOCOL.md, you are asked for these alone: "skip" tests what is used twice.
    "conventions": {},  # what you do otherwise than the fixtures, such as another layout of weights
}


class Unsupported(Exception):
    """What you cannot do is no mistake: it is counted, and shown with the reason."""


def evaluate(ask):
    """The reply to `evaluate`."""
    # ask["network"]: what to compute, with layers and loss, ask["params"]: {"W1": [[...], ...], "b1": [...], ...},
    # ask["x"] and ask["t"]: inputs and targets, a row for each sample.
    # 2. The loss: return {"loss": loss, "layers": [{"z": ..., "a": ...}, ...]}; the layers may be left out.
    # 3. The gradients: return {"loss": loss, "gradients": {"W1": [[...], ...], ...}}, of the shapes of the parameters.
    raise Unsupported("evaluate is not written yet")


def train(ask):
    """The reply to `train`."""
    # 4. One update for each of ask["batches"], lists of row numbers, by ask["optimizer"], from ask.get("state"):
    # return {"losses": [the loss before each update], "params": {"W1": [[...], ...], ...}}.
    raise Unsupported("train is not written yet")


def numbers(value):
    """What was read, as floats: JSON has no -0, inf and nan, so they come as strings."""
    if isinstance(value, dict):
        return {name: numbers(inner) for name, inner in value.items()}
    return [numbers(inner) for inner in value] if isinstance(value, list) else float(value)


def written(value):
    """The same the other way round."""
    if isinstance(value, dict):
        return {name: written(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [written(inner) for inner in value]
    if isinstance(value, float) and (not math.isfinite(value) or str(value) == "-0.0"):
        return "-0" if value == 0 else str(value)
    return value


def answer(ask):
    """The reply to a request, without its beginning."""
    match ask["verb"], ask.get("do"):
        case "start", _:
            return START
        case "run", "echo":
            return {"values": numbers(ask["values"])}
        case "run", "evaluate":
            return evaluate(ask)
        case "run", "train":
            return train(ask)
        case "stop", _:
            return {}
    raise Unsupported(f"{ask['verb']} {ask.get('do', '')} is unknown here")


for line in sys.stdin:
    ask = json.loads(line)
    try:
        reply = {"status": "ok", **written(answer(ask))}
    except Unsupported as reason:
        reply = {"status": "unsupported", "reason": str(reason)}
    except Exception as error:
        reply = {"status": "error", "message": f"{type(error).__name__}: {error}", "failure": "raised"}
    print(json.dumps({"seq": ask["seq"], **reply}), flush=True)
    if ask["verb"] == "stop":
        break
