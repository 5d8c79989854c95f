from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator


def validate_mailable(address):
    """Refuse addresses that EmailValidator accepts, but no mail can be sent to.

    A quoted part may hold control characters. An encoded word ("=?utf-8?q?=0a?=") is decoded when
    the mail is built, into another address or into a line break.
    """
    if not address.isprintable() or "=?" in address:
        raise ValidationError(EmailValidator.message, code="invalid")
