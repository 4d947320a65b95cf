"""What gets around a policy and what does not: attacks.py, with a policy and without.

Without one each attack gets through, so that one which does nothing is noticed.
"""

import json
import sys

import attacks
import pytest
from features import CPYTHON_EVENTS, needs

pytestmark = [
    needs(CPYTHON_EVENTS, "the events of this interpreter differ"),
    needs(sys.platform == "linux", "some attacks are of Linux alone"),
]

HELD = {
    f"{kind}: {name}": held
    for kind, tried in attacks.ATTACKS.items()
    for name, (_, held) in tried.items()
}


@pytest.fixture(scope="module")
def outcomes():
    """What got through, without a policy and with one."""
    from conftest import Child

    child = Child(None)
    return [
        json.loads(child.start(attacks.__file__, how).stdout)
        for how in ("open", "guarded")
    ]


@pytest.mark.parametrize("attack", HELD)
def test_an_attack_is_held_or_known_not_to_be(outcomes, attack):
    without, guarded = outcomes
    assert without[attack] is True
    assert guarded[attack] is not HELD[attack]
