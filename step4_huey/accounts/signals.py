from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from timing import timed

from . import tasks
from .models import Profile, User


def queue_after_commit(task, user):
    """Queue the task when the row is committed. Before that, a worker wouldn't find the row."""

    def queue():
        with timed("queue", user):
            task(user.pk)

    # Huey's own on_commit_task() is not robust: a broken queue would fail a committed sign-up.
    transaction.on_commit(queue, robust=True)


@receiver(post_save, sender=User)
def create_profile(instance, created, raw, **kwargs):
    if created and not raw:
        with timed("create profile", instance):
            Profile.objects.create(user=instance)


@receiver(post_save, sender=User)
def welcome_new_user(instance, created, raw, **kwargs):
    if created and not raw:
        queue_after_commit(tasks.send_welcome_email, instance)


@receiver(post_save, sender=Profile)
def resize_new_picture(instance, update_fields, raw, **kwargs):
    # Ask whether this save wrote the picture, not whether there is one. A profile that is saved
    # again while its picture waits doesn't need a second resize.
    if instance.picture and "picture" in (update_fields or []) and not raw:
        queue_after_commit(tasks.resize_profile_image, instance.user)
