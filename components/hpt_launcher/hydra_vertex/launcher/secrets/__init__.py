"""What must not leave the machine with a report, a best.yaml or a terminal's output: passwords, tokens, keys.

::

    keys ──┬── masker ── of_job        by the name of a key, by the form of a value, and by values known to be secret
    forms ─┘      └── shell            a command line that can be pasted, with variables in place of secrets
"""
