from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.models import Profile, User
from accounts.services import create_profile
from timing.log import timed

from . import tasks

# No on_commit(): the settings say when a backend queues.


def queue(task, user):
    with timed("queue", user):
        task.enqueue(str(user.pk))


@receiver(post_save, sender=User)
def create_profile_of_new_user(instance, created, raw, **kwargs):
    if created and not raw:
        create_profile(instance)


@receiver(post_save, sender=User)
def welcome_new_user(instance, created, raw, **kwargs):
    if created and not raw:
        queue(tasks.send_welcome_email, instance)


@receiver(post_save, sender=Profile)
def resize_new_picture(instance, update_fields, raw, **kwargs):
    if instance.picture and "picture" in (update_fields or []) and not raw:
        queue(tasks.resize_profile_image, instance.user)
