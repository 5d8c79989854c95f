from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from timing import timed

from .models import Profile, User
from .services import resize_profile_image, send_welcome_email

# on_commit() keeps slow work out of the transaction, but not out of the request. It runs in the
# same thread before the commit returns. robust=True logs an exception instead of raising it. It
# needs a function or a lambda, because Django 5.2 can't log a failed functools.partial.


@receiver(post_save, sender=User)
def create_profile(instance, created, raw, **kwargs):
    if created and not raw:
        with timed("create profile", instance):
            Profile.objects.create(user=instance)


@receiver(post_save, sender=User)
def welcome_new_user(instance, created, raw, **kwargs):
    if created and not raw:
        transaction.on_commit(lambda: send_welcome_email(instance), robust=True)


@receiver(post_save, sender=Profile)
def resize_new_picture(instance, update_fields, raw, **kwargs):
    # Ask whether this save wrote the picture, not whether there is one. A profile that is saved
    # again while its picture waits doesn't need a second resize.
    if instance.picture and "picture" in (update_fields or []) and not raw:
        transaction.on_commit(lambda: resize_profile_image(instance), robust=True)
