from django.contrib.auth.forms import BaseUserCreationForm
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.debug import sensitive_post_parameters
from safeguards.pictures import PictureField


class SignUpForm(BaseUserCreationForm):
    picture = PictureField(required=False)


@sensitive_post_parameters("password1", "password2")
def sign_up(request):
    form = SignUpForm(request.POST, request.FILES)
    if not form.is_valid():
        return HttpResponse(form.errors.as_json(), status=400)
    form.save()
    picture = form.cleaned_data["picture"]
    return HttpResponse(picture.name if picture else "no picture")


urlpatterns = [path("", sign_up, name="sign_up")]
