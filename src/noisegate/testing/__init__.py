"""The public kit for authors of signals and policies: conformance checks, and test data in one call.

    from noisegate.testing import check_signal, text

It is ordinary library code: it needs no test runner, and every check raises an `AssertionError` that lists all that
is wrong at once.
"""

from noisegate.testing.checks import ConformanceError, check_signal
from noisegate.testing.context import installed_context
from noisegate.testing.factories import audio, image, item, text, video

__all__ = ["ConformanceError", "audio", "check_signal", "image", "installed_context", "item", "text", "video"]
