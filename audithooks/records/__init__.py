"""Records of events: plain values for any sink (fields.py), and lines that stay whole
however many processes write them (lines.py).
"""
