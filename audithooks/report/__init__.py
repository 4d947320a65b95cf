"""Reports of traces: a page in HTML, and the same as text.

contents.py and files.py decide what a report says, timeline.py when it was; page.py
writes it as HTML with Jinja and the files beside it, plain.py as text. A trace is
hostile input: what it says is cut, made visible and escaped.
"""
