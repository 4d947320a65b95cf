"""Whether pyright knows the type of every public name, by itself and not by inference.

`make types` runs it. The packages OURS are for audithooks alone.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = "reading", "records", "report", "rules", "tracer", "pytest_plugin"
OURS = tuple(f"audithooks.{name}." for name in PACKAGES)
LEAST = 120  # public names there are, and private ones that their types speak of


def main():
    pyright = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*pyright, "--verifytypes", "audithooks", "--ignoreexternal", "--outputjson"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,  # it fails for what is for audithooks alone
    )
    found = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    public = [symbol for symbol in found if not symbol["name"].startswith(OURS)]
    for symbol in public:
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]:
            print(f"pyright does not know the type of {symbol['name']}")
            for line in symbol["diagnostics"]:
                print(f"    {line['message']}")
            found = None
    if len(public) < LEAST:
        print(f"pyright found {len(public)} names, not at least {LEAST}")
        found = None
    if found is None:
        return 1
    print(f"pyright knows the types of all {len(public)} names")
    return 0


if __name__ == "__main__":
    sys.exit(main())
