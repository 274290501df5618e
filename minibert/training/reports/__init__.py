"""What a run tells about itself: curves, a report with pictures, warnings, comparison with others.

Everything here reads what the run has written, and changes nothing.
"""
