from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from .forms import SignUpForm
from .models import Profile


@never_cache  # Back after a sign-up must not show the old form
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request):
    if request.user.is_authenticated:
        return render(request, "accounts/signed_in.html")
    form = SignUpForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        try:
            user = form.save()
        except IntegrityError:
            # Somebody took the name or the address after the form was checked. Checking again
            # finds their row, and puts the error at the field. The picture has been read already.
            form = SignUpForm(request.POST)
            if form.is_valid():
                raise
        else:
            login(request, user)
            return redirect("home")
    return render(request, "accounts/sign_up.html", {"form": form})


@never_cache
@require_safe
def home(request):
    if not request.user.is_authenticated:
        return render(request, "accounts/landing.html")
    profile = Profile.objects.filter(user=request.user).first()
    return render(request, "accounts/profile.html", {"profile": profile})


@never_cache
@login_required
@require_safe
def thumbnail(request):
    """The visitor's own thumbnail. The address has no key that could be somebody else's."""
    profile = get_object_or_404(Profile.objects.exclude(thumbnail=""), user=request.user)
    try:
        return FileResponse(profile.thumbnail.open(), content_type="image/jpeg")
    except FileNotFoundError as error:
        raise Http404("The thumbnail's file is gone.") from error
