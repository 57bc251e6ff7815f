"""Why a case changed. What a case expects is for good: a change of it is a new version, with a reason here.

Ids are never renumbered and never used again; a case that is withdrawn stays listed here with its reason.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

# Case id -> the reason for version 2, for version 3, ...
CALM = (
    "smaller weights: the case was saturated as well, and so failed honest libraries for their clips and for overflow"
)
CALMED = (
    "iris-relu-adam/", "fashion-pruning/", "mnist-dense-keras/", "mnist-dense-keras/corrected-", "mnist-relu/",
    "mnist-relu-torch/", "mnist-relu-torch/corrected-",
)  # fmt: skip
CHANGES: dict[str, tuple[str, ...]] = {f"{place}probe-{kind}": (CALM,) for place in CALMED for kind in ("kink", "dead")}


def unversioned_changes(made: Mapping[str, bytes], there: Mapping[str, bytes]) -> list[str]:
    """Ids of cases that are published in `there` and differ in `made` without a new version, or are gone."""
    changed = []
    for path in sorted(there):
        if not path.endswith(".json") or path == "index.json" or path.startswith("schema/"):
            continue
        old, new = _expectation(there[path]), _expectation(made[path]) if path in made else None
        if old != new and (new is None or new["version"] <= old["version"]):
            changed.append(path.removesuffix(".json"))
    return changed


def _expectation(data: bytes) -> dict[str, Any]:
    """The case without the generator's version, which is no part of what it expects."""
    case: dict[str, Any] = msgspec.json.decode(data)
    case["provenance"].pop("generator", None)
    return case
