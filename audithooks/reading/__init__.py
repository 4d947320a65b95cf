"""Traces in JSON Lines, read again: records, what each is about, and the whole trace.

    for record in Lines([path]): ...   # records.py: the lines, one by one
    for touch in touches(record): ...  # touches.py: what one is about
    trace = Trace.read([path])         # trace.py: all of them, by what they are about

Nothing here looks at the files that a trace names: it may be of another machine.
"""
