"""The least that a sign-up can be in Django, as a URLconf for step 1: the floor of the benchmark.

The same rows and the same hash, and Django's own form. No picture, joke or mail, no signals, no
timing log. A file that comes along is received, and dropped.
"""

from django.contrib.auth import login
from django.contrib.auth.forms import BaseUserCreationForm
from django.db import transaction
from django.shortcuts import redirect, render
from django.urls import include, path

from accounts.models import Profile, User


class BareForm(BaseUserCreationForm):
    class Meta(BaseUserCreationForm.Meta):
        model = User
        fields = ["username", "email"]


def sign_up(request):
    form = BareForm(request.POST or None)
    if form.is_valid():
        user = form.save(commit=False)  # hashes, before the transaction
        with transaction.atomic():
            user.save()
            Profile.objects.create(user=user)
        login(request, user)
        return redirect("home")
    return render(request, "accounts/sign_up.html", {"form": form})


urlpatterns = [path("signup/", sign_up), path("", include("accounts.urls"))]
