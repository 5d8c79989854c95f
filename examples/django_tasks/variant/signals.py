from django.db.models.signals import post_save
from django.dispatch import receiver
from timing import timed

from accounts.models import Profile, User

from . import tasks

# No on_commit(): the settings say when a backend queues.


def queue(task, user):
    with timed("queue", user):
        task.enqueue(str(user.pk))


@receiver(post_save, sender=User)
def create_profile(instance, created, raw, **kwargs):
    if created and not raw:
        with timed("create profile", instance):
            Profile.objects.create(user=instance)


@receiver(post_save, sender=User)
def welcome_new_user(instance, created, raw, **kwargs):
    if created and not raw:
        queue(tasks.send_welcome_email, instance)


@receiver(post_save, sender=Profile)
def resize_new_picture(instance, update_fields, raw, **kwargs):
    if instance.picture and "picture" in (update_fields or []) and not raw:
        queue(tasks.resize_profile_image, instance.user)
