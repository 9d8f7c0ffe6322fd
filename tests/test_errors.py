"""Every failure is one kind, with the exit code that the README gives."""

from eyespot.errors import DataError, EyespotError, ResourceError, UsageError


def test_errors_are_of_one_kind_and_have_their_exit_codes():
    assert all(issubclass(kind, EyespotError) for kind in (DataError, ResourceError, UsageError))
    assert (ResourceError.exit_code, DataError.exit_code, UsageError.exit_code) == (4, 3, 2)
