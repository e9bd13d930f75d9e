"""The protocol between a trial, its launcher and the tuning service: environment, command line, files, errors.

All other packages may import it, and it does not import them.
"""
