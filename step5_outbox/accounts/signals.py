from django.db.models.signals import post_save
from django.dispatch import receiver
from timing import timed

from outbox.models import given_up
from outbox.tasks import add_job

from .models import Profile, User

# Receivers of post_save run in the transaction that saves: user and jobs are committed together.


def queue(work, user):
    with timed("queue", user):
        add_job(work, user.pk)


@receiver(post_save, sender=User)
def create_profile(instance, created, raw, **kwargs):
    if created and not raw:
        with timed("create profile", instance):
            Profile.objects.create(user=instance)


@receiver(post_save, sender=User)
def welcome_new_user(instance, created, raw, **kwargs):
    if created and not raw:
        queue("welcome", instance)


@receiver(post_save, sender=Profile)
def resize_new_picture(instance, update_fields, raw, **kwargs):
    # What this save has written, not the state that the row is in: a profile that is saved again
    # while its picture waits needs no second resize.
    if instance.picture and "picture" in (update_fields or []) and not raw:
        queue("picture", instance.user)


@receiver(given_up)
def record_failure(job, **kwargs):
    profile = Profile.objects.filter(user=job.key)
    if job.work == "welcome":
        profile.filter(welcome_sent_at=None).update(welcome_error=job.error)
    elif job.work == "picture":
        profile.filter(picture_resized_at=None).update(picture_error=job.error)
