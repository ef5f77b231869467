"""scikit-learn's checks of the estimators with their default arguments, and the swap scripts with them.

    python benchmarks/estimator_checks.py [--only classifier,regressor,search,swap] [--out checks.json]

Apart from the test suite, which runs the same on small populations: here every fit trains eight rules at
eight rates. The exit code is 1 when a check fails that is not excused, or a script.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _shared import machine, table, write_json
from sklearn.utils.estimator_checks import check_estimator

from couloir.estimators import CouloirClassifier, CouloirRegressor, PopulationSearchCV

TESTS = Path(__file__).resolve().parents[1] / "tests"

EXCUSED = {
    f"check_sample_weight_equivalence_on_{rows}_data": "batches are drawn of rows"
    for rows in ("dense", "sparse")
}

SUBJECTS: dict[str, tuple[Any, dict[str, str]]] = {
    "classifier": (CouloirClassifier(), EXCUSED),
    "regressor": (CouloirRegressor(), EXCUSED),
    "search": (
        PopulationSearchCV(
            CouloirClassifier(random_state=0), {"l2": [0.0, 0.001]}, error_score="raise", cv=2
        ),
        {},
    ),
}


def checked(name: str) -> list[dict[str, Any]]:
    """How each check of one estimator ended."""
    estimator, excused = SUBJECTS[name]
    began = time.perf_counter()
    found = check_estimator(estimator, expected_failed_checks=excused, on_skip=None, on_fail=None)
    seconds = time.perf_counter() - began
    lines = [
        {
            "subject": name,
            "check": each["check_name"],
            "status": each["status"],
            "error": str(each["exception"]),
        }
        for each in found
    ]
    print(f"{name}: {len(lines)} checks in {seconds:.0f} s")
    return lines


def scripts() -> list[dict[str, Any]]:
    """How each swap script ended with our estimators, defaults as shipped."""
    sys.path.insert(0, str(TESTS))
    from test_swap import REPLACED, SCRIPTS, replaced

    assert "substitutes" in REPLACED["sklearn.neural_network"], "the scripts import from the substitutes"
    lines = []
    for path in SCRIPTS:
        code = replaced(path.read_text("utf-8")).replace("from substitutes", "from couloir.estimators")
        began = time.perf_counter()
        try:
            exec(compile(code, str(path), "exec"), {"__name__": "script"})
            status, error = "passed", ""
        except Exception:
            status, error = "failed", traceback.format_exc()
        print(f"{path.stem}: {status} in {time.perf_counter() - began:.0f} s")
        lines.append({"subject": "swap", "check": path.stem, "status": status, "error": error})
    return lines


def main(words: Sequence[str] | None = None) -> int:
    """Run what was asked for, and print what did not pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="classifier,regressor,search,swap")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(words)
    warnings.simplefilter("ignore")
    lines: list[dict[str, Any]] = []
    for name in options.only.split(","):
        lines += scripts() if name == "swap" else checked(name)
    counts = {
        status: sum(line["status"] == status for line in lines) for status in ("passed", "xfail", "skipped")
    }
    print(", ".join(f"{count} {status}" for status, count in counts.items()))
    failed = [line for line in lines if line["status"] == "failed"]
    if failed:
        print(table(["subject", "check"], [[line["subject"], line["check"]] for line in failed]))
        print("\n\n".join(f"{line['check']}: {line['error'][-600:]}" for line in failed))
    if options.out:
        write_json(options.out, {"machine": machine(), "checks": lines})
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
