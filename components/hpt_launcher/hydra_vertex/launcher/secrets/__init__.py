"""Masks passwords, tokens and keys in reports, experiment files, commands and terminal output.

::

    keys ──┬── masker ── of_job        by the name of a key, by the form of a value, and by values known to be secret
    forms ─┘      └── shell            a command line that can be pasted, with variables in place of secrets
"""
