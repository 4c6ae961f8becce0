"""Whether the companion model is there at all: without it the tests beside this one are skipped, here with the reason."""

import os

import pytest
from tests.model.conftest import MISSING, UNWANTED


def test_the_companion_model_is_installed() -> None:
    if UNWANTED:
        pytest.skip("MODEL=0: the companion model's tests are left out")
    if MISSING and os.environ.get("BPE_LAB_MODEL") != "1":
        pytest.skip(f"{', '.join(MISSING)} missing: the companion model's tests are left out (pip install -e model)")
    assert not MISSING, "`make test` runs the companion model's tests; MODEL=0 goes without"
