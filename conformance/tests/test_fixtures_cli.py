"""`nn-conformance fixtures ...` as people use it."""

import importlib.util
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nn_conformance.fixtures.store import Store
from nn_reference.systems import NAMES


def run(*arguments, **environment):
    """Exit code, standard output and error of the command."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "nn_conformance", "fixtures", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
    )
    return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)


def test_list_has_every_case_with_its_purpose():
    """A row for each case of the index, sorted by id, and their number."""
    done = run("list")
    ids = [line.split()[0] for line in done.out.splitlines()[1:-1]]

    assert (done.code, done.err) == (0, "")
    assert ids == sorted(case.id for case in Store().index.cases)
    assert done.out.splitlines()[-1] == f"{len(ids)} cases"


@pytest.mark.parametrize("network", ["xor-tanh", "mnist-tanh-512"])
def test_list_of_a_network_is_what_it_is_judged_by(network):
    """Its documented case and the probes of its family, shared ones included, as JSON too."""
    rows = json.loads(run("list", "--network", network, "--json").out)
    expected = {
        case_id for system, ids in Store().index.systems.items() if system.startswith(f"{network}/") for case_id in ids
    }

    assert {row["id"] for row in rows} == expected
    assert set(rows[0]) == {"id", "version", "purpose", "flags"}


@pytest.mark.parametrize("case_id", ["homework/documented", "mnist-relu/probe-kink", "fashion-pruning/probe-pruned"])
def test_show_tells_what_a_case_expects(case_id):
    """Id, purpose, loss, every gradient and the provenance are shown; --json is the file itself."""
    case = Store().case(case_id).case
    done = run("show", case_id)

    assert (done.code, done.err) == (0, "")
    for text in (
        case.id,
        case.purpose,
        str(case.evaluation.loss),
        case.provenance.values,
        *(f"gradient {n}" for n in case.params),
    ):
        assert text in done.out
    assert json.loads(run("show", case_id, "--json").out)["id"] == case_id


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["show", "xor-tanh/probe-sqare"], "did you mean 'xor-tanh/probe-square'?"),
        (["show"], "Missing argument 'ID'"),
        (["list", "--network", "xor-tahn"], "did you mean 'xor-tanh'?"),
        (["export"], "Missing argument 'DIR'"),
        (["build", "--quick"], "--quick compares, so it needs --check"),
        (["chek"], "Did you mean 'check'?"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line_and_code_2(arguments, expected):
    """A case, network, option or command that there is not is named, with the nearest; there is no traceback."""
    done = run(*arguments)

    assert (done.code, done.out) == (2, "")
    assert expected in done.err
    assert len(done.err.splitlines()) == 1


def test_export_writes_what_was_asked_for(tmp_path):
    """One network's cases as JSON alone, and their number; what they refer to needs no other file."""
    done = run("export", str(tmp_path / "vectors"), "--network", "mnist-tanh-512", "--json")
    written = sorted(
        path.relative_to(tmp_path / "vectors").as_posix() for path in (tmp_path / "vectors").rglob("*.json")
    )

    assert (done.code, done.err) == (0, "")
    assert "mnist-tanh-512/documented.json" in written
    assert "mnist-tanh/probe-square.json" in written
    assert not list((tmp_path / "vectors").rglob("*.safetensors"))
    assert f"{len(written)} files written" in done.out


def test_check_passes_on_what_is_shipped():
    """Every file and number is as the index says: exit code 0, and how many there are."""
    done = run("check")

    assert (done.code, done.err) == (0, "")
    assert f"{len(Store().index.cases)} cases are as the index says" in done.out


def test_build_without_python_flint_says_how_to_get_it(monkeypatch, capsys):
    """The generator needs the extra `certify`, and one line says so."""
    from nn_conformance import cli

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "flint" else find(name, *rest))
    monkeypatch.setattr(sys, "argv", ["nn-conformance", "fixtures", "build", "--check"])
    with pytest.raises(SystemExit) as left:
        cli.main()

    assert left.value.code == 2
    assert "pip install 'nn-conformance[certify]'" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_every_network_has_cases_to_list(name):
    """No network is without test vectors."""
    assert any(ids for system, ids in Store().index.systems.items() if system.split("/")[0] == name)
