"""Harnesses that misbehave, one for each name in `GALLERY`: `python hostile.py NAME` speaks the protocol, up to a point.

All of them evaluate `xor-sigmoid` rightly, in plain Python, and misbehave at the batch of one sample; or at their start,
when they echo, or when they are asked to stop. Nothing is imported that takes long.
"""

import json
import math
import mmap
import os
import signal
import sys
import time

START = {"protocol": 1, "name": "hostile", "dtypes": ["float64"], "networks": ["xor-sigmoid"], "does": ["evaluate"]}
MARK = "NN_CONFORMANCE_TEST"  # what is left behind is known by that, or by what stands after its hyphen
SLEEP = 300  # seconds: longer than any test waits


def evaluate(ask):
    """Loss and gradients of a sigmoid network under a mean of squares."""
    params, x, t = ask["params"], ask["x"], ask["t"]
    gradients = {
        name: [[0.0] * len(p[0]) for _ in p] if name[0] == "W" else [0.0] * len(p) for name, p in params.items()
    }
    loss, count = 0.0, len(t) * len(t[0])
    for row, right in zip(x, t, strict=True):
        a = [row]
        for k in (1, 2):
            columns = zip(*params[f"W{k}"], strict=True)
            zs = [sum(map(float.__mul__, a[-1], w)) + b for w, b in zip(columns, params[f"b{k}"], strict=True)]
            a.append([1 / (1 + math.exp(-z)) if z > -700 else 0.0 for z in zs])
        loss += sum((y - r) ** 2 for y, r in zip(a[2], right, strict=True)) / count
        d = [2 * (y - r) / count * y * (1 - y) for y, r in zip(a[2], right, strict=True)]
        for k in (2, 1):
            for j, dj in enumerate(d):
                gradients[f"b{k}"][j] += dj
                for i, ai in enumerate(a[k - 1]):
                    gradients[f"W{k}"][i][j] += ai * dj
            if k == 2:
                back = [sum(w * dj for w, dj in zip(ws, d, strict=True)) for ws in params["W2"]]
                d = [da * v * (1 - v) for da, v in zip(back, a[1], strict=True)]
    return {"status": "ok", "loss": loss, "gradients": gradients}


def say(reply):
    """A line on stdout: a dict as JSON, a string or bytes as they are."""
    data = json.dumps(reply) if isinstance(reply, dict) else reply
    os.write(1, data if isinstance(data, bytes) else data.encode())
    if isinstance(reply, dict):
        os.write(1, b"\n")


def changed(**more):
    """The honest reply with other fields."""
    return lambda reply: say({**reply, **more})


def gradient(**more):
    """The honest reply with other gradients."""
    return lambda reply: say({**reply, "gradients": {**reply["gradients"], **more}})


def text(line):
    """Something else than the reply."""
    return lambda reply: say(line)


def then(line, act):
    """Something else than the reply, and what is done then."""
    return lambda reply: (say(line), act(reply))


def sleep(_):
    time.sleep(SLEEP)


def leave(code):
    return lambda reply: os._exit(code)


def kill(number):
    return lambda reply: os.kill(os.getpid(), number)


def endless(_):
    while True:
        os.write(1, b"0" * 65536)


def flood(reply):
    os.write(2, b"noise\n" * 100_000)
    say(reply)


def children(*, daemon, act, stranger=False):
    """Leaves a child that holds all it has inherited, and then acts; a stranger has left even its environment behind."""

    def fork(reply):
        if os.fork() == 0:
            if daemon:
                os.setsid()
                if os.fork():
                    os._exit(0)
            if stranger:
                os.execve("/bin/sleep", ["sleep", f"{SLEEP}.{os.environ[MARK].rpartition('-')[2]}"], {})  # noqa: S606
            time.sleep(SLEEP)
            os._exit(0)
        act(reply)

    return fork


def fork_forever(reply):
    """Leaves a chain of processes, each of which starts the next and exits."""
    if os.fork() == 0:
        os.setsid()
        end = time.monotonic() + SLEEP
        while time.monotonic() < end:
            if os.fork():
                os._exit(0)
        os._exit(0)
    say(reply)


def eat(_):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))


def eat_shared(_):
    """Memory that is no data of the process, which no limit of the kernel's counts."""
    hoard = []
    while True:
        hoard.append(mmap.mmap(-1, 1 << 24))
        hoard[-1].write(b"\1" * (1 << 24))


def eat_in_children(_):
    """Each child takes less than it may have, and all of them together more."""
    for _ in range(4):
        if os.fork() == 0:
            hoard = b"\1" * (100 << 20)
            time.sleep(SLEEP)
            os._exit(len(hoard) > 0)
    time.sleep(SLEEP)


def close(*fds):
    """Answers nobody, and goes on."""

    def closed(_):
        for fd in fds:
            os.close(fd)
        time.sleep(SLEEP)

    return closed


LAST = {"seq": 0}


def again(reply):
    say({**LAST})


# By name: when it misbehaves, what it does in place of its reply, and the class of failure that this must be found as.
GALLERY = {
    "crashes-at-start": ("start", kill(signal.SIGSEGV), "crashed"),
    "hangs-at-start": ("start", sleep, "hung-at-start"),
    "says-nothing-and-exits-0": ("start", leave(0), "exited"),
    "prints-a-banner": ("start", text("Welcome!\n"), "not-json"),
    "speaks-another-protocol": ("start", changed(protocol=7), "wrong-protocol"),
    "claims-what-there-is-not": ("start", changed(networks=["\x1b[31mxor-*-sigmoid"]), "wrong-claim"),
    "claims-nothing": ("start", changed(does=[]), "wrong-claim"),
    "declares-an-unknown-convention": ("start", changed(conventions={"layout": "<b>diagonal</b>"}), "wrong-claim"),
    "has-another-field": ("start", changed(colour="red"), "not-a-reply"),
    "loses-digits": ("echo", lambda reply: say({**reply, "values": [v if isinstance(v, str) else float(f"{v:.14g}") for v in reply["values"]]}), "wrong-echo"),
    "loses-a-sign": ("echo", lambda reply: say({**reply, "values": [0.0 if v == "-0" else v for v in reply["values"]]}), "wrong-echo"),
    "echoes-too-few": ("echo", lambda reply: say({**reply, "values": reply["values"][1:]}), "wrong-echo"),
    "crashes": ("run", kill(signal.SIGSEGV), "crashed"),
    "is-killed": ("run", kill(signal.SIGKILL), "crashed"),
    "hangs": ("run", sleep, "timeout"),
    "stops-itself": ("run", kill(signal.SIGSTOP), "timeout"),
    "exits-0": ("run", leave(0), "exited"),
    "exits-3": ("run", leave(3), "exited"),
    "never-ends-its-line": ("run", endless, "line-too-long"),
    "half-a-line-and-hangs": ("run", then('{"seq":', sleep), "half-a-line"),
    "half-a-line-and-exits": ("run", then('{"seq":', leave(0)), "half-a-line"),
    "wrong-seq": ("run", lambda reply: say({**reply, "seq": reply["seq"] + 1}), "wrong-seq"),
    "answers-the-last-question": ("run", again, "wrong-seq"),
    "answers-twice": ("run", lambda reply: [say(reply), say(reply)], "wrong-seq"),
    "binary-noise": ("run", text(bytes(range(255, 0, -1)) + b"\n"), "not-json"),
    "empty-line": ("run", text("\n"), "not-json"),
    "deep-nesting": ("run", text('{"seq":3,"status":' + "[" * 100_000 + "\n"), "not-a-reply"),
    "a-list": ("run", text("[1, 2]\n"), "not-a-reply"),
    "another-status": ("run", changed(status="maybe"), "not-a-reply"),
    "bare-nan": ("run", changed(loss=math.nan), "not-json"),
    "nan": ("run", changed(loss="nan"), "not-finite"),
    "infinite-gradient": ("run", gradient(b2=["-inf"]), "not-finite"),
    "huge-integer": ("run", gradient(b2=[10**400]), "not-a-number"),
    "strings-for-numbers": ("run", gradient(b2=["0.5"]), "not-a-number"),
    "booleans-for-numbers": ("run", gradient(b2=[True]), "not-a-number"),
    "wrong-shape": ("run", gradient(b2=[[0.5]]), "wrong-shape"),
    "ragged-rows": ("run", gradient(W1=[[0.5], [0.5, 0.5]]), "wrong-shape"),
    "too-many-axes": ("run", gradient(W1=[[[0.5]]]), "wrong-shape"),
    "another-name": ("run", gradient(**{"../../etc/passwd": [0.5]}), "wrong-names"),
    "a-name-in-colour": ("run", gradient(**{"\x1b[31m\n": [0.5]}), "wrong-names"),
    "a-thousand-names": ("run", gradient(**{f"W{k}": 0.5 for k in range(1000)}), "wrong-names"),
    "an-error-in-colour": ("run", lambda reply: say({"seq": reply["seq"], "status": "error", "message": "\x1b[2J<script>\n" * 99}), "error"),
    "claims-what-it-cannot": ("always", lambda reply: say({"seq": reply["seq"], "status": "unsupported", "reason": "no"}), "claimed"),
    "floods-stderr": ("run", flood, ""),
    "leaves-children-and-exits": ("run", children(daemon=False, act=leave(0)), "exited"),
    "leaves-a-daemon": ("run", children(daemon=True, act=say), ""),
    "leaves-a-stranger": ("run", children(daemon=True, act=say, stranger=True), ""),
    "leaves-a-chain-of-forks": ("run", fork_forever, ""),
    "leaves-a-stranger-at-start": ("start", children(daemon=True, act=sleep, stranger=True), "hung-at-start"),
    "eats-memory": ("run", eat, "out-of-memory"),
    "eats-shared-memory": ("run", eat_shared, "out-of-memory"),
    "has-children-that-eat-memory": ("run", eat_in_children, "out-of-memory"),
    "closes-stdin": ("run", close(0), "closed-stdin"),
    "closes-stdout": ("run", close(1), "closed-stdout"),
    "ignores-stop": ("stop", lambda reply: [say(reply), time.sleep(SLEEP)], "ignored-stop"),
    "does-not-answer-stop": ("stop", sleep, "timeout"),
    "exits-1-at-stop": ("stop", lambda reply: [say(reply), os._exit(1)], "exited"),
}  # fmt: skip


def main(name):
    """Answer requests, the right way until it is time for the other."""
    when, act, _ = GALLERY[name]
    for line in sys.stdin:
        ask = json.loads(line)
        what = ask["do"] if ask.get("do") == "echo" else ask["verb"]
        if what == "start":
            reply = {"status": "ok", **START}
        elif ask.get("do") == "evaluate":
            reply = evaluate(ask)
        elif what in ("echo", "stop"):
            reply = {"status": "ok", **({"values": ask["values"]} if what == "echo" else {})}
        else:
            reply = {"status": "error", "message": "unknown"}
        reply["seq"] = ask["seq"]
        asked = what == when and len(ask.get("x", [0])) == 1 and reply["status"] == "ok"
        if asked or (when == "always" and ask.get("do") == "evaluate"):
            act(reply)
        else:
            say(reply)
        LAST.update(reply)
        if what == "stop":
            return


if __name__ == "__main__":
    main(sys.argv[1])
