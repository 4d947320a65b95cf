"""Faults of what is around the core: the catalogue, the sinks, the tracer and so on.

They are made as those of the pure modules are. The tests run compiled, as users do.
As there are thousands, a sample is planted unless another is asked for, and what is
caught is a share; a survivor needs no reason.
"""

from __future__ import annotations

import sys

import pure

IMPLEMENTATION = "cython"
LEAST = 0.85
SAMPLE = 200

CLI = "tracer/test_programs tracer/test_cli"
RULES = "rules/test_grammar rules/test_rules policy/test_policy"

# Each is a run of pytest. What notices most in the least time comes first.
TESTS = {
    "catalogue/__init__": "catalogue/test_catalogue records/test_fields "
    "tracer/test_cli",
    "catalogue/readable": "records/test_readable sinks/test_lines tracer/test_cli",
    "records/decision": f"policy/test_policy sinks/test_logging sinks/test_lines {CLI}",
    "records/fields": "records/test_fields records/test_secrets sinks/test_jsonlines",
    "records/lines": "sinks/test_lines sinks/test_jsonlines tracer/test_nothing_lost",
    "records/origin": f"records/test_selection sinks/test_logging {CLI}",
    "records/secrets": "records/test_secrets records/test_fields tracer/test_cli",
    "records/selection": f"records/test_selection {CLI}",
    "records/text": "records/test_readable records/test_fields sinks/test_lines "
    "sinks/test_logging policy/test_learning tracer/test_cli",
    "records/values": "records/test_fields records/test_readable sinks/test_jsonlines",
    "rules/grammar": f"{RULES} rules/test_hosts rules/test_paths",
    "rules/hosts": f"rules/test_hosts {RULES}",
    "rules/lookups": f"rules/test_hosts {RULES}",
    "rules/passing": "policy/test_learning reading/test_difference",
    "rules/paths": f"rules/test_paths {RULES} policy/test_examples",
    "rules/programs": f"rules/test_rule_programs {RULES} policy/test_examples",
    "rules/rules": f"{RULES} policy/test_examples policy/test_learning",
    "rules/subjects": f"rules/test_hosts rules/test_paths rules/test_rule_programs "
    f"{RULES} rules/test_capabilities policy/test_examples",
    "rules/tests": f"rules/test_hosts rules/test_paths rules/test_rule_programs "
    f"{RULES} rules/test_capabilities policy/test_examples",
    "policy/files": "policy/test_files policy/test_policy policy/test_examples",
    "policy/learning": "policy/test_learning policy/test_policy tracer/test_refusing",
    "policy/policy": "policy/test_policy policy/test_examples tracer/test_refusing",
    "policy/wording": "policy/test_policy policy/test_examples tracer/test_refusing",
    "sinks/base": "sinks/test_jsonlines sinks/test_logging sinks/test_limited",
    "sinks/jsonlines": "sinks/test_jsonlines sinks/test_lines tracer/test_cli",
    "sinks/limited": "sinks/test_limited sinks/test_gevent",
    "sinks/logging": "sinks/test_logging sinks/test_gevent",
    "sinks/opentelemetry": "sinks/test_opentelemetry",
    "sinks/queued": "sinks/test_logging sinks/test_opentelemetry sinks/test_gevent",
    "reading/difference": "reading/test_difference reading/test_diff",
    "reading/records": "reading/test_reading",
    "reading/sites": "reading/test_reading",
    "reading/steady": "reading/test_difference",
    "reading/touches": "reading/test_reading",
    "reading/trace": "reading/test_reading report/test_report",
    "report/contents": "report/test_report",
    "report/files": "report/test_report",
    "report/page": "report/test_report",
    "report/plain": "report/test_report report/test_command",
    "report/timeline": "report/test_report",
    "host/building": "host/test_host",
    "host/checking": "host/test_host",
    "host/cli": "host/test_host",
    "tracer/differing": "reading/test_difference reading/test_diff",
    "tracer/reporting": "report/test_command",
    "tracer/starting": "start/test_from_start tracer/test_children",
    "tracer/child": f"tracer/test_children {CLI} tracer/test_nothing_lost",
    "tracer/chrome": "tracer/test_cli tracer/test_nothing_lost",
    "tracer/cli": f"{CLI} tracer/test_nothing_lost tracer/test_children "
    "tracer/test_refusing",
    "tracer/explaining": f"tracer/test_refusing {CLI}",
    "tracer/following": f"tracer/test_children {CLI} tracer/test_refusing",
    "tracer/habits": CLI,
    "tracer/keeper": f"tracer/test_nothing_lost {CLI}",
    "tracer/listing": "tracer/test_cli",
    "tracer/options": f"tracer/test_share {CLI} tracer/test_refusing "
    "tracer/test_children",
    "tracer/output": f"tracer/test_nothing_lost {CLI} tracer/test_children",
    "tracer/program": CLI,
    "tracer/refusing": f"tracer/test_refusing tracer/test_children {CLI}",
    "tracer/summary": f"{CLI} tracer/test_nothing_lost",
    "tracer/text": f"{CLI} tracer/test_nothing_lost",
    "tracer/tracer": f"{CLI} tracer/test_children tracer/test_nothing_lost "
    "tracer/test_refusing",
    "tracer/written": f"tracer/test_refusing {CLI}",
    "pytest_plugin/__init__": "pytest_plugin/test_pytest_plugin",
    "pytest_plugin/guard": "pytest_plugin/test_pytest_plugin",
}
"""What may notice a fault of a module."""

ATTACH = "tracer/test_attach_api tracer/test_attach"
if sys.platform == "linux" and sys.version_info >= (3, 14):  # where these tests run
    TESTS |= {
        "tracer/_follow/attach": ATTACH,
        "tracer/attached": ATTACH,
        "tracer/attaching": ATTACH,
        "tracer/remote": "tracer/test_attach_api",
        "tracer/target": ATTACH,
    }


def faults():
    """Return the faults of every module, each once."""
    return pure.planted(
        {
            f"../{module}.py": tuple((path,) for path in tests.split())
            for module, tests in TESTS.items()
        }
    )
