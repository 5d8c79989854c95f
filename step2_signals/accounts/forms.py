from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from safeguards.addresses import validate_mailable
from safeguards.pictures import PictureField
from timing import timed

from .models import User
from .services import save_new_user


class SignUpForm(BaseUserCreationForm):
    email = forms.EmailField(label="E-mail address", validators=[validate_mailable])
    picture = PictureField(label="Profile picture", required=False)

    class Meta(BaseUserCreationForm.Meta):
        model = User
        fields = ["username", "email"]

    def save(self, commit=True):
        """Return the new user; with `commit`, saved together with a profile and the picture."""
        with timed("hash password", self.instance):
            # Before the transaction: hashing would hold the database's write lock meanwhile.
            user = super().save(commit=False)
        if commit:
            save_new_user(user, self.cleaned_data["picture"])
        return user
