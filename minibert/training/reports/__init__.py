"""What a run tells about its training: curves, warnings, TensorBoard, comparison with other runs.

Everything here reads what the run has written, and changes nothing.
"""
