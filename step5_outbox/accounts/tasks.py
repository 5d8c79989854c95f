from . import services
from .models import Profile, User

# Arguments are keys, not objects: when the work is done, perhaps much later, the row is loaded as it
# is then.


def send_welcome_email(user_id):
    services.send_welcome_email(User.objects.get(pk=user_id))


def resize_profile_image(user_id):
    services.resize_profile_image(Profile.objects.select_related("user").get(user=user_id))
