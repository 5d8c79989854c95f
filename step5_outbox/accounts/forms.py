from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.db.models import Value
from django.db.models.functions import Lower
from django.template.defaultfilters import filesizeformat

from timing.log import timed

from . import pictures
from .models import User
from .services import save_new_user


class SignUpForm(BaseUserCreationForm):
    # Not an ImageField, which opens any of the 40 formats that Pillow knows, at any size.
    picture = forms.FileField(
        label="Profile picture",
        required=False,
        help_text=f"Optional. JPEG, PNG or WebP, at most {filesizeformat(pictures.MAX_BYTES)}.",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )

    class Meta(BaseUserCreationForm.Meta):
        model = User
        fields = ["username", "email"]

    def clean_username(self):
        if is_taken("username", self.cleaned_data["username"]):
            raise ValidationError("A user with that username already exists.")
        return self.cleaned_data["username"]

    def clean_email(self):
        if not self.cleaned_data[
            "email"
        ].isprintable():  # a quoted part may hold control characters
            raise ValidationError("Enter a valid e-mail address.")
        if is_taken("email", self.cleaned_data["email"]):
            raise ValidationError("A user with that e-mail address already exists.")
        return self.cleaned_data["email"]

    def clean_picture(self):
        picture = self.cleaned_data["picture"]
        if picture:
            picture.name = pictures.new_name(pictures.check(picture))
            picture.seek(0)
        return picture

    def save(self, commit=True):
        """Return the new user; with `commit`, saved together with a profile and the picture."""
        with timed("hash password", self.instance):
            # Before the transaction: hashing would hold the database's write lock meanwhile.
            user = super().save(commit=False)
        if commit:
            save_new_user(user, self.cleaned_data["picture"])
        return user


def is_taken(field, value):
    """Return whether a user has this value, in whatever case.

    The model's constraints ask the same; asked here, the error stands at the field. Unlike
    __iexact, Lower() uses the constraint's index.
    """
    return User.objects.alias(lower=Lower(field)).filter(lower=Lower(Value(value))).exists()
