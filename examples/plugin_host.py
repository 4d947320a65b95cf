"""A host that confines plugins of others by a policy.

    python examples/plugin_host.py DATA PLUGIN.py...

Each PLUGIN.py has a function run(folder), which may write below DATA, and connect to
nothing but this machine. It may not start programs, or read keys and passwords. What
was refused is printed, and the status is 1. A plugin that is imported runs under the
policy, too.

It is a guard rail for plugins with mistakes: code that means harm gets around it.
"""

import runpy
import sys
from pathlib import Path

from audithooks.policy import Policy


def confined(data: Path) -> Policy:
    return Policy.from_rules(
        allow=["@write(path=.)", "@connect(host=localhost)"],
        deny=["@spawn", "@listen", "@read(path=~/.ssh|~/.netrc|**/.env)"],
        default="deny",
        folder=str(data),  # where the point is, in the rules
    )


def run(plugin: str, data: Path) -> bool:
    """Run a plugin, and say what it was refused. Return whether that was nothing."""
    policy = confined(data)
    try:
        with policy.enforce("process"):  # in threads that it starts, too
            runpy.run_path(plugin)["run"](data)
    except PermissionError as error:
        print(f"{plugin} ended: {error.strerror}")
    for decision, count in policy.report():
        print(f"{plugin}: {decision.action}, {count} x: {decision.subject}")
    return not policy.report()


def main() -> None:
    data = Path(sys.argv[1]).resolve()
    data.mkdir(parents=True, exist_ok=True)
    sys.dont_write_bytecode = True  # that would be refused, beside the plugins
    done = [run(plugin, data) for plugin in sys.argv[2:]]
    sys.exit(not all(done))


if __name__ == "__main__":
    main()
