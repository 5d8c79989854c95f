from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
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

    def clean_email(self):
        email = self.cleaned_data["email"]
        if not email.isprintable():  # a quoted part may hold control characters
            raise ValidationError("Enter a valid e-mail address.")
        return email

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
