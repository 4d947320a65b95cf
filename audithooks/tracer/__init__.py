"""The command line: run a program and show the audit events it raises.

It starts in cli.py. docs/development/architecture.md has a paragraph on each module.
"""
