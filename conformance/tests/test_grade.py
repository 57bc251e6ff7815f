"""`grade`: marks of a class, mistakes by name, and no submission that harms another one or finds the answers."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from graded_class import ATTEMPTS, ENDLESS, HARMFUL, RIGHT, with_line, write_class
from leftovers import left_over
from spread import everyday

from nn_conformance.grade.grading import Task, graded
from nn_conformance.grade.marks import Mark
from nn_conformance.grade.submission import link_packages
from nn_conformance.grade.tables import as_csv
from nn_conformance.grade.weights import Settings
from nn_conformance.protocol.program import Limits

LONG = Limits(60.0, start=120.0)  # seconds: what must answer is never waited for so long, on however busy a machine


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Links to the installed packages, without this project."""
    folder = tmp_path_factory.mktemp("grade") / "packages"
    link_packages(folder)
    return folder


@pytest.fixture
def mark(packages, tmp_path):
    """The mark of a submission of some text, in this process's own child."""

    def call(text, *, network="homework", limits=LONG, **settings):
        file = tmp_path / "work.py"
        file.write_text(text, "utf-8")
        run = tmp_path / "run"
        run.mkdir()
        return graded(Task("work", file, network, Settings(**settings), limits), run, packages)

    return call


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory):
    """The thirty submissions and one that never ends, graded by the command, into every kind of file."""
    folder = tmp_path_factory.mktemp("class")
    key = write_class(folder)
    (folder / "zz.py").write_text(ENDLESS, "utf-8")
    out = tmp_path_factory.mktemp("out")
    done = run_grade(folder, out, "--function", "back_propagation")
    return SimpleNamespace(key=key | {"zz": "timeout"}, out=out, done=done, report=json.loads(done.stdout))


def run_grade(folder, out, *more):
    """The command as a program of its own."""
    files = ["--csv", str(out / "m.csv"), "--html", str(out / "html")]
    program = [sys.executable, "-m", "nn_conformance", "grade", str(folder), "homework", *files, "--json", *more]
    return subprocess.run(program, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - ours


@pytest.mark.slow
def test_class_is_graded_as_its_key_says(graded_class):
    """Of thirty submissions each wrong one has the mistake that was planted, and the others have full marks."""
    mistakes = {entry["name"]: ", ".join(entry["mistakes"]) for entry in graded_class.report["submissions"]}
    assert mistakes == graded_class.key
    assert {e["name"] for e in graded_class.report["submissions"] if e["mark"] == 100} == {
        name for name, mistake in graded_class.key.items() if not mistake
    }
    assert graded_class.done.returncode == 1


@pytest.mark.slow
def test_second_run_gives_the_same_bytes(tmp_path):
    """JSON, CSV and pages of a second run are those of the first, whatever order the submissions end in."""
    folder = tmp_path / "class"
    folder.mkdir()
    write_class(folder, [1, 3, 10, 12, 28])
    (folder / "address.py").write_text(
        RIGHT.replace("    n = len(y)", "    raise ValueError(object(), {'b', 'a'})"), "utf-8"
    )
    runs = []
    for number in (1, 2):
        out = tmp_path / str(number)
        out.mkdir()
        done = run_grade(folder, out, "--jobs", str(number))
        files = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        runs.append((done.returncode, done.stdout, done.stderr, files))
    assert runs[0] == runs[1]
    assert runs[0][2] == ""


@pytest.mark.skipif(
    sys.prefix == sys.base_prefix, reason="without a virtual environment an interpreter finds its packages"
)
def test_submission_does_not_find_the_answers(mark, tmp_path):
    """Nothing that is imported, listed or searched leads a submission to the reference, the fixtures or another submission."""
    (tmp_path / "other.py").write_text(RIGHT, "utf-8")
    lines = ["import os, sys", "found = []", "modules = dict(sys.modules)", "path = list(sys.meta_path)"]
    for name, attempt in ATTEMPTS.items():
        lines += ["try:", f"  {attempt}", "except BaseException: pass", f"else: found.append({name!r})"]
        lines += ["sys.modules.update(modules); sys.meta_path[:] = path"]
    result = mark("\n".join([*lines, "raise RuntimeError(f'found {found}')"]))
    assert "found []" in result.wrong[0]


def test_submission_gets_no_expected_value(mark):
    """A call's arguments are parameters, inputs and targets, and nothing of the process holds the loss that is right."""
    text = RIGHT.replace(
        "    n = len(y)",
        "    import gc; assert not [o for o in gc.get_objects() if isinstance(o, float) and o == loss]\n    n = len(y)",
    )
    spy = (
        text.replace("    loss = ", "    right = ")
        .replace("== loss", "== 0.1332476222330792")
        .replace("return loss", "return right")
    )
    assert mark(spy).right


# Every day one that each class of mistake has: by waiting, by an end, by what it writes, by what it answers.
HARM = ("endless import", "os._exit", "signal", "memory of a call", "output", "no reply", "nested", "names", "empty")


@pytest.mark.parametrize("name", everyday(HARMFUL, HARM))
def test_whatever_a_submission_does_is_a_mistake_with_a_name(mark, name):
    """A submission that hangs, ends its process, floods its streams or answers nonsense gets a mark like any other."""
    text, mistake = HARMFUL[name]
    limits = Limits(1.0, start=2.0) if mistake == "timeout" else LONG
    result = mark(text, limits=limits)
    assert ", ".join(result.mistakes) == mistake
    assert all(line.isprintable() for line in result.wrong)


UPDATE = RIGHT.replace("(params, x, y)", "(params, x, y, lr)").rpartition("    return")[0]
IN_PLACE = "    for name, g in {'W1': dW1, 'b1': db1, 'W2': dW2, 'b2': db2}.items():\n        "
SHAPES = {
    "marked": f"from nn_conformance import conforms\n{RIGHT}".replace("def back", "@conforms('homework')\ndef back"),
    "new parameters": f"{UPDATE}    return {{'W1': W1 - lr * dW1, 'b1': b1 - lr * db1, 'W2': W2 - lr * dW2, 'b2': b2 - lr * db2}}, loss",
    "in place": f"{UPDATE}{IN_PLACE}params[name][...] -= lr * g\n    return loss",
    "in the dict": f"{UPDATE}{IN_PLACE}params[name] = params[name] - lr * g\n    return loss",
    "a class": f"{UPDATE}{IN_PLACE}params[name] = params[name] - lr * g\n    return loss\n\n"
    "class Net:\n    def set_weights(self, params): self.params = params\n"
    "    def get_weights(self): return self.params\n"
    "    def step(self, x, y, lr): return back_propagation(self.params, x, y, lr)\n",
    "columns": f"from nn_conformance import conforms\n{RIGHT}".replace(
        "def back", "@conforms(samples='columns')\ndef back"
    ).replace("    z1 = ", "    x = x.T\n    y = np.ravel(y)\n    z1 = "),
}


@pytest.mark.parametrize("shape", everyday(SHAPES, ["in place", "a class", "columns"]))
def test_every_shape_of_a_function_is_judged(mark, shape):
    """A function that updates, in whatever way, a class, and what `conforms` declares are judged as `verify` judges them."""
    function = "Net" if shape == "a class" else "back_propagation"
    result = mark(SHAPES[shape], function=function, weights={"gradient": 100.0})
    assert (result.mark, result.mistakes) == (100, [])


@pytest.mark.parametrize(
    ("left", "most", "mistakes"),
    [("return loss", 40, ["answer", "not-shown"]), ("loss = None", 70, ["answer", "not-shown"])],
)
def test_what_is_left_out_where_it_would_be_wrong_gives_no_points(mark, left, most, mistakes):
    """Who gives gradients, or a loss, of some batches only gets no points for them, and is told of which not."""
    result = mark(RIGHT.replace("return loss, {", f"if len(y) == 1:\n        {left}\n    return loss, {{"))
    assert (result.mark, result.mistakes, result.right) == (most, mistakes, False)
    assert "expected in every case, or in none, got none for homework/probe-one" in result.wrong[0]


def test_what_is_not_shown_gives_no_points(mark):
    """Who returns no loss, the loss alone or some gradients gets no points for what is missing, and is told so."""
    silent = mark(RIGHT.replace("return loss, {", "return {"))
    assert (silent.mark, silent.mistakes, silent.wrong, silent.right) == (70, ["not-shown"], ["loss"], False)
    alone = mark(RIGHT.rpartition("    return loss, {")[0] + "    return loss\n")
    some = mark(RIGHT.rpartition("    return loss, {")[0] + "    return loss, {'W1': dW1}\n")
    assert (alone.mark, alone.mistakes, alone.right) == (40, ["not-shown"], False)
    assert some.points["gradient"] == (15.0, 60.0)
    assert some.mistakes != ["not-graded"]


def test_teachers_conventions_count(mark):
    """What the teacher's file declares holds for everyone: nobody can declare a mistake away."""
    doubled = with_line("loss = np.mean((p - y) ** 2)").replace("d2 = (p", "d2 = 2 * (p")
    declared = f"from nn_conformance import conforms\n{doubled}".replace(
        "def back", "@conforms(loss_factor=2.0)\ndef back"
    )
    assert mark(declared).right
    assert mark(declared, conventions={}).mistakes == ["half-in-both"]


def test_what_a_name_or_message_says_is_only_text(command, tmp_path):
    """Formulas, markup and escapes in names and messages stay text in CSV, HTML, JSON and on the terminal."""
    folder = tmp_path / "class"
    folder.mkdir()
    harm = "raise ValueError('=2+2 <script>alert(1)</script> \\x1b[2J')"
    (folder / "=1+1<img src=x onerror=alert(1)>a\x1b[31mred.py").write_text(harm, "utf-8")
    files = ("--csv", str(tmp_path / "m.csv"), "--html", str(tmp_path / "html"))
    shown, written = (
        command("grade", str(folder), "homework", *files),
        command("grade", str(folder), "homework", "--json"),
    )
    assert shown.code == written.code == 1
    rows = list(csv.reader(io.StringIO((tmp_path / "m.csv").read_text("utf-8"))))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    page = (tmp_path / "html" / "index.html").read_text("utf-8")
    assert "<script" not in page
    assert "<img" not in page
    assert not [text for text in (shown.out, page, written.out) if "\x1b" in text]


@pytest.mark.parametrize("name", ["=1", " +1", "-1", "@a"])
def test_a_csv_cell_is_no_formula(name):
    """A cell that a spreadsheet would compute begins with an apostrophe, also behind blanks."""
    assert as_csv([Mark(name, {"loss": (1.0, 1.0)})]).splitlines()[1].startswith(f"'{name},")


@pytest.mark.parametrize(("text", "says"), [
    ("weights = 3", "weights"),
    ("[weights]\nlos = 3", "did you mean 'loss'"),
    ("[weights]\nloss = -1", "numbers from 0 on"),
    ("[weights]\nloss = 0", "above 0"),
    ("[conventions]\nsample = 'rows'", "did you mean 'samples'"),
    ("[comments]\nsum-for-men = 'x'", "did you mean 'sum-for-mean'"),
    ("fuction = 'f'", "fuction"),
    ("[", "weights.toml"),
])  # fmt: skip
def test_mistake_in_the_weights_is_one_line(command, tmp_path, text, says):
    """What is wrong with a teacher's file is said in one line, with the nearest name."""
    file = tmp_path / "weights.toml"
    file.write_text(text, "utf-8")
    assert says in command("grade", str(tmp_path), "homework", "--weights", str(file)).complaint


def test_gradescope_reads_one_submission(command, tmp_path):
    """Of the file that is named in a folder with others Gradescope gets a test for each rung, and what is wrong."""
    (tmp_path / "homework.py").write_text(
        with_line("db2 = d2.sum() / n").replace("def sigmoid", "from extra import f\n\n\ndef sigmoid"), "utf-8"
    )
    (tmp_path / "extra.py").write_text("f = 1", "utf-8")
    results = tmp_path / "out" / "results.json"
    assert command("grade", str(tmp_path), "homework", "--file", "homework.py", "--gradescope", str(results)).code == 1
    read = json.loads(results.read_text("utf-8"))
    assert {test["name"]: (test["score"], test["max_score"]) for test in read["tests"]} == {
        "contract": (10, 10), "loss": (30, 30), "gradient": (45, 60),
    }  # fmt: skip
    assert "the scale of db2" in read["output"]
    assert "one submission" in command("grade", str(tmp_path), "homework", "--gradescope", str(results)).complaint


def test_autograder_of_the_docs_runs(tmp_path):
    """The script for Gradescope on the teachers' page writes the results of a wrong submission, and ends with code 0."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "teachers.md").read_text("utf-8")
    script, weights = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("sh", "toml"))
    for folder in ("submission", "source", "results", "venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    program = tmp_path / "venv" / "bin" / "nn-conformance"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m nn_conformance "$@"\n', "utf-8")
    program.chmod(0o755)
    (tmp_path / "source" / "weights.toml").write_text(weights, "utf-8")
    (tmp_path / "submission" / "homework.py").write_text(with_line("db1 = d1[0]"), "utf-8")
    (tmp_path / "run_autograder").write_text(script.replace("/autograder", str(tmp_path)), "utf-8")
    subprocess.run(["/bin/sh", str(tmp_path / "run_autograder")], check=True)  # noqa: S603 - ours
    read = json.loads((tmp_path / "results" / "results.json").read_text("utf-8"))
    # Of own losses the fifth quantity is all parameters moved together.
    assert sum(test["score"] for test in read["tests"]) == 10 + 20 + 60 * 3 / 4 + 10 * 3 / 5


def test_folders_are_submissions(command, tmp_path):
    """A folder with one Python file is a submission; of one with several the option says which."""
    (tmp_path / "numpy.py").write_text(RIGHT, "utf-8")  # no name of a file hides a module
    for name, files in {"ann": ["work.py"], "bob": ["work.py", "more.py"], "cid": []}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text(RIGHT, "utf-8")
    marks = {}
    for more in ([], ["--file", "work.py"]):
        report = command("grade", str(tmp_path), "homework", "--json", *more).json
        marks[bool(more)] = {entry["name"]: entry["mistakes"] for entry in report["submissions"]}
    assert marks[False] == {"ann": [], "bob": ["no-function"], "cid": ["no-function"], "numpy": []}
    assert marks[True] == {"ann": [], "bob": [], "cid": ["no-function"]}


def test_a_killed_worker_costs_one_mark(command, tmp_path):
    """A submission that kills the process that judges it is not graded, and all others are."""
    kill = "import os\nguard = os.getppid()\njudge = int(open(f'/proc/{guard}/stat').read().rpartition(')')[2].split()[1])\n"
    (tmp_path / "a.py").write_text(f"{kill}os.kill(judge, 9)\nwhile True: pass\n", "utf-8")
    write_class(tmp_path, [1, 3])
    report = command("grade", str(tmp_path), "homework", "--json", "--function", "back_propagation").json
    assert {entry["name"]: entry["mistakes"] for entry in report["submissions"]} == {
        "a": ["not-graded"], "student01": ["bias-averaged"], "student03": [],
    }  # fmt: skip


@pytest.mark.parametrize("name", everyday(["SIGINT", "SIGTERM", "SIGKILL"], ["SIGINT"]))
def test_nothing_is_left_of_an_interrupted_run(tmp_path, name):
    """When the command is interrupted or killed, no process of it is left; what can be cleaned up is, and no file is written."""
    mark = f"NN_GRADE_MARK={time.monotonic_ns()}"
    folder, temporary = tmp_path / "class", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    for number in range(3):
        (folder / f"{number}.py").write_text("import time\ntime.sleep(600)", "utf-8")
    ours = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # a shell's background job has it ignored
    ours += "from nn_conformance.cli.main import main; main()"
    words = [sys.executable, "-c", ours, "grade", str(folder), "homework", "--jobs", "2"]
    words += ["--csv", str(tmp_path / "m.csv")]
    environment = {**os.environ, **dict([mark.split("=")]), "TMPDIR": str(temporary)}
    if name != "SIGKILL":  # after which their limit is what ends submissions; else none may end before the signal
        words += ["--timeout", "600"]
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as run:  # noqa: S603 - ours
        assert waited(lambda: submissions_of(temporary))
        run.send_signal(getattr(signal, name))
        _, err = run.communicate(timeout=300)
    assert left_over(mark) == []
    assert waited(lambda: not submissions_of(temporary))
    assert "Traceback" not in err
    assert not (tmp_path / "m.csv").exists()
    assert name == "SIGKILL" or list(temporary.iterdir()) == []


def waited(condition):
    """Whether the condition holds, or comes to hold in a time in which it should on any machine."""
    deadline = time.monotonic() + 60
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)  # each look reads all of /proc
    return holds


def submissions_of(temporary):
    """Command lines of processes that run submissions from a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if f"{temporary}/nn-conformance-" in text:
            found.append(text)
    return found
