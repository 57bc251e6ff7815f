"""`nn-conformance fixtures ...` as people use it."""

import pytest

from nn_conformance.cases.store import Store
from nn_reference.fixture_files import fixtures_root


def test_list_has_every_case_with_its_purpose(command):
    """A row for each case of the index, sorted by id, and their number."""
    done = command("fixtures", "list")
    ids = [line.split()[0] for line in done.out.splitlines()[1:-1]]

    assert (done.code, done.err) == (0, "")
    assert ids == sorted(case.id for case in Store().index.cases)
    assert done.out.splitlines()[-1] == f"{len(ids)} cases"


@pytest.mark.parametrize("network", ["xor-tanh", "mnist-tanh-512"])
def test_list_of_a_network_is_what_it_is_judged_by(command, network):
    """Its documented case and the probes of its family, shared ones included, as JSON too."""
    rows = command("fixtures", "list", "--network", network, "--json").json
    expected = {
        case_id for system, ids in Store().index.systems.items() if system.startswith(f"{network}/") for case_id in ids
    }

    assert {row["id"] for row in rows} == expected
    assert set(rows[0]) == {"id", "version", "purpose", "flags"}


@pytest.mark.parametrize("case_id", ["homework/documented", "mnist-relu/probe-kink", "fashion-pruning/probe-pruned"])
def test_show_tells_what_a_case_expects(command, case_id):
    """Id, purpose, loss, every gradient and the provenance are shown; --json is the file itself."""
    case = Store().case(case_id).case
    done = command("fixtures", "show", case_id)

    assert (done.code, done.err) == (0, "")
    for text in (
        case.id,
        case.purpose,
        str(case.evaluation.loss),
        case.provenance.values,
        *(f"gradient {n}" for n in case.params),
    ):
        assert text in done.out
    assert command("fixtures", "show", case_id, "--json").out == (Store().root / f"{case_id}.json").read_text("utf-8")


def test_check_passes_on_what_is_shipped(command):
    """Every file, case, array and reference that is released is as the index says: no problem, and how many there are."""
    cases, root = len(Store().index.cases), fixtures_root()
    files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")]
    exempt = [root / "index.json", root / "README.md", root / "datasets" / "README.md"]

    assert command("fixtures", "check") == (
        0, f"{len(files) - len(exempt)} files and {cases} cases are as the index says\n", "",
    )  # fmt: skip
