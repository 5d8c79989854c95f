from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from timing import timed

from . import tasks
from .models import Profile, User

# Huey's own on_commit_task() is not robust: a broken queue would fail a committed sign-up.


def queue(task, user):
    with timed("queue", user):
        task(user.pk)


@receiver(post_save, sender=User)
def create_profile(instance, created, raw, **kwargs):
    if created and not raw:
        with timed("create profile", instance):
            Profile.objects.create(user=instance)


@receiver(post_save, sender=User)
def welcome_new_user(instance, created, raw, **kwargs):
    if created and not raw:
        # Queued before the commit, work could start before its row can be seen.
        transaction.on_commit(lambda: queue(tasks.send_welcome_email, instance), robust=True)


@receiver(post_save, sender=Profile)
def resize_new_picture(instance, update_fields, raw, **kwargs):
    # What this save has written, not the state that the row is in: a profile that is saved again
    # while its picture waits needs no second resize.
    if instance.picture and "picture" in (update_fields or []) and not raw:
        transaction.on_commit(lambda: queue(tasks.resize_profile_image, instance.user), robust=True)
