"""Limits of the API that a user's numbers and names have to keep."""

from __future__ import annotations

MAX_COUNT = 2**31 - 1
"""Counts of trials are int32."""
EXACT_DOUBLE = 2**53
"""Up to here every whole number is a double; the API holds every parameter's number as one."""
MAX_DISCRETE_VALUES = 1000
"""Most values of a discrete parameter: the comments of DiscreteValueSpec in google/cloud/aiplatform/v1/study.proto."""
DISPLAY_NAME_LIMIT = 128
"""Most characters of a display name."""
LONGEST_S = 315_576_000_000
"""The longest Duration of protobuf, 10,000 years: duration.proto."""
SHORTEST_S = 1e-6
"""The shortest Duration that a job document writes."""
