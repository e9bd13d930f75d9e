"""The ends of the logs of a study's trials: where they are, where they are read, and the text of them."""

from .study_logs import NO_LOGS, StudyLogs

__all__ = ["NO_LOGS", "StudyLogs"]
