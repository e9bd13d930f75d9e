"""Files of the user: read with limits, since one may be a pipe, a device without an end or a bomb; written where asked.

::

    reading ──┬── yaml_form      bytes of a regular file, no more than its kind may have; then text, then a document
              └── json_form
"""
