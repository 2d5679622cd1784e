"""What all tests share: how hypothesis searches. The same examples in every CI run, new ones at every desk."""

import os

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("house")
