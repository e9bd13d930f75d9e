"""Limits that the API sets for numbers and names given by the user."""

from __future__ import annotations

MAX_COUNT = 2**31 - 1
"""Largest trial count: the API's field is an int32."""
MAX_DISCRETE_VALUES = 1000
"""Maximum number of values of a discrete parameter: DiscreteValueSpec in google/cloud/aiplatform/v1/study.proto."""
DISPLAY_NAME_LIMIT = 128
"""Maximum number of characters of a display name."""
LONGEST_S = 315_576_000_000
"""Longest Duration of protobuf in seconds, 10,000 years. Source: duration.proto."""
SHORTEST_S = 1e-6
"""Shortest Duration, in seconds, that a job document can express."""
