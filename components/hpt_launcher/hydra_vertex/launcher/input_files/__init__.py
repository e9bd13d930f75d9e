"""Files that people hand us, read with limits: one may be a folder, a pipe, a device without an end, or a bomb.

::

    reading ──┬── yaml_form      bytes of a regular file, no more than its kind may have; then text, then a document
              └── json_form
"""
