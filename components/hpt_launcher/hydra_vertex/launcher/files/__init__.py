"""Reads and writes the user's files. Reading has limits: a path may be a pipe, an endless device or a YAML bomb.

::

    reading ──┬── yaml_form      at most the kind's number of bytes of a regular file; then text, then a document
              └── json_form
"""
