import pytest
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from safeguards.addresses import validate_mailable

ENCODED_WORDS = [
    '"=?utf-8?q?=0a?="@example.com',
    "=?utf-8?q?a=0ab?=@example.com",
    '"=?utf-8?b?Cg==?="@example.com',
    '"=?utf-8?q?eve=40example=2Eorg?="@example.com',
]
CONTROLS = [f'"a{control}b"@example.com' for control in "\x01\x0b\x0c\x1c\x1d\x1e\x7f"]


@pytest.mark.parametrize("address", ENCODED_WORDS + CONTROLS)
def test_address_whose_mail_cannot_be_sent_to_it_is_refused(address):
    validate_email(address)  # Django's own validator lets it pass
    with pytest.raises(ValidationError):
        validate_mailable(address)


@pytest.mark.parametrize(
    "address",
    ["ada@example.com", "ada+b=c?d@example.com", '"a@b"@example.com', "ada@[127.0.0.1]"],
)
def test_address_to_which_mail_can_be_sent_is_accepted(address):
    validate_email(address)
    validate_mailable(address)
    assert EmailMessage("Hello", "Hello", to=[address]).message()["To"] == address
