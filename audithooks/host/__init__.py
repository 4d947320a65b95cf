"""A Python executable with a hook that was added before the runtime was initialised.

python -m audithooks.host build makes one on this machine, and check tells what it does.
"""
