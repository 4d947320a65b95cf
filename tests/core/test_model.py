"""Random programs on both domains and both implementations, compared with a model.

The seed of a run is printed, and model.py takes it.
"""

import re
from pathlib import Path

import pytest
from conftest import Child

MODEL = Path(__file__).parent.parent / "model.py"


@pytest.mark.parametrize("kind", ["dispatcher", "runtime"])
def test_a_domain_does_what_its_model_does(implementation, kind, size, figure):
    steps = 0
    # Hooks that cannot be removed make a process slow.
    options = "--steps", str(size(3000, 5000))
    while steps < size(3000, 250_000):
        domain = f"{implementation}-{kind}"
        done = Child(implementation).start(str(MODEL), domain, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        steps += int(re.findall(r"(\d+) steps", done.stdout)[0])
        print(done.stdout)
    figure("random steps with the same result as the model", steps)
