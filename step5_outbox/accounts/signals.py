from django.db.models.signals import post_save
from django.dispatch import receiver
from timing import timed

from outbox.models import given_up
from outbox.tasks import add_job

from .models import Profile, User

# Receivers of post_save run in the transaction that saves: user and jobs are committed together.


def add_job_for(user, work):
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
        add_job_for(instance, "welcome")


@receiver(post_save, sender=Profile)
def resize_new_picture(instance, update_fields, raw, **kwargs):
    # Ask whether this save wrote the picture, not whether there is one. A profile that is saved
    # again while its picture waits doesn't need a second resize.
    if instance.picture and "picture" in (update_fields or []) and not raw:
        add_job_for(instance.user, "picture")


@receiver(given_up)
def record_failure(job, **kwargs):
    if job.work in ("welcome", "picture"):
        failed = {f"{job.work}_error": job.error, f"{job.work}_failed_at": job.given_up_at}
        Profile.objects.filter(user=job.key).update(**failed)
