"""Every error a caller can meet, drawn as a tree.

    NoisegateError                    exit 1, HTTP 500
    ├── InvalidInputError             exit 2, HTTP 422   what was sent or typed is not allowed
    │   ├── PolicyError               exit 2, HTTP 422   a policy pack does not compile; rendered like a compiler's error
    │   └── TooLargeError             exit 2, HTTP 413   more bytes than the limit
    ├── UnknownNameError              exit 2, HTTP 404   no such item, signal, pack, model...
    ├── ConflictError                 exit 1, HTTP 409   the same key was used for something else
    ├── NotAllowedError               exit 1, HTTP 403   the key may not do this
    ├── NotAuthenticatedError         exit 1, HTTP 401   no key, or not a valid one
    ├── NotInstalledError             exit 1, HTTP 503   an extra or a weight file is missing; says what to type
    ├── MediaError                    exit 1, HTTP 422   bytes that cannot be decoded; becomes a Failure on the part
    ├── BrokenLedgerError             exit 1, HTTP 500   the hash chain does not hold
    └── UnavailableError              exit 1, HTTP 503   a service we need does not answer; try again

An error says what was wrong, the value, what is allowed and what to type next. The class decides exit code and HTTP
status; nothing else does.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class NoisegateError(Exception):
    """Something went wrong that a person can act upon."""

    status = 500
    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        """What to type or change next; None when the message already says it."""

    @property
    def code(self) -> str:
        """A stable name for programs: the class name without `Error`, in snake_case."""
        name = type(self).__name__.removesuffix("Error")
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class InvalidInputError(NoisegateError):
    """What was sent or typed is not allowed."""

    status = 422
    exit_code = 2


class PolicyError(InvalidInputError):
    """A policy pack does not compile."""


class TooLargeError(InvalidInputError):
    """More bytes than the limit."""

    status = 413


class UnknownNameError(NoisegateError):
    """No such thing; the message offers the nearest name."""

    status = 404
    exit_code = 2

    @classmethod
    def among(cls, what: str, name: str, known: Iterable[str], *, hint: str | None = None) -> "UnknownNameError":
        """`name` was looked for among `known`: word the miss and suggest the closest."""
        near = closest(name, known)
        suggestion = f"; did you mean `{near}`?" if near else ""
        return cls(f"no {what} is called `{name}`{suggestion}", hint=hint)


class ConflictError(NoisegateError):
    """The same key was used for something else."""

    status = 409


class NotAllowedError(NoisegateError):
    """The key may not do this."""

    status = 403


class NotAuthenticatedError(NoisegateError):
    """No API key was sent, or it is not a valid one."""

    status = 401


class NotInstalledError(NoisegateError):
    """An extra or a weight file is missing."""

    status = 503


class MediaError(NoisegateError):
    """Bytes that cannot be decoded within the limits.

    `kind` is one of: empty, truncated, mislabelled, unsupported, too_large, too_many_streams, too_long, no_stream,
    decode_failed, timed_out, out_of_memory, crashed.
    """

    status = 422

    def __init__(self, message: str, *, kind: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling although the constructor has keyword-only arguments."""
        return (_media_error, (self.message, self.kind, self.hint))


class BrokenLedgerError(NoisegateError):
    """The hash chain of the ledger does not hold."""


class UnavailableError(NoisegateError):
    """A service we need does not answer; trying again may help."""

    status = 503


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when nothing is near."""
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return near[0] if near else None


def _media_error(message: str, kind: str, hint: str | None) -> MediaError:
    return MediaError(message, kind=kind, hint=hint)
