"""The command line: run a program and show the audit events it raises.

cli.py is where it starts. docs/architecture.md has a paragraph on each module.
"""
