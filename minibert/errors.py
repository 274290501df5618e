"""The errors that bad input raises; the command line prints them without a traceback."""


class MinibertError(ValueError):
    """Something the user gave is wrong; the message says what, where, and what to do about it."""


class ConfigError(MinibertError):
    """Sizes or options that do not fit together."""


class CheckpointError(MinibertError):
    """A checkpoint that cannot be found, read, or fitted to the model."""


class TokenizerError(MinibertError):
    """A vocabulary that cannot be read or is not BERT's."""


class DataError(MinibertError):
    """A data file that is missing or malformed; names the file and, if it can, the line."""


class RunError(MinibertError):
    """A run directory that is missing, incomplete, or already in use."""
