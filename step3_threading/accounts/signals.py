import logging
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from timing import timed

from .models import Profile, User
from .services import resize_profile_image, send_welcome_email

logger = logging.getLogger(__name__)

# Waiting mails exist only in this process's memory, and are lost when the process is killed.
mail_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="mail")


def welcome_in_thread(user):
    try:
        send_welcome_email(user)
    except Exception:
        logger.exception("The welcome mail for %s failed", user)  # or nobody would ever see it
    finally:
        connection.close()  # a thread has its own, which Django doesn't close


def queue(task, user):
    with timed("queue", user):
        mail_threads.submit(task, user)


@receiver(post_save, sender=User)
def create_profile(instance, created, raw, **kwargs):
    if created and not raw:
        with timed("create profile", instance):
            Profile.objects.create(user=instance)


@receiver(post_save, sender=User)
def welcome_new_user(instance, created, raw, **kwargs):
    if created and not raw:
        # If it were queued before the commit, the work could start before its row is visible.
        transaction.on_commit(lambda: queue(welcome_in_thread, instance), robust=True)


@receiver(post_save, sender=Profile)
def resize_new_picture(instance, update_fields, raw, **kwargs):
    # Ask whether this save wrote the picture, not whether there is one. A profile that is saved
    # again while its picture waits doesn't need a second resize.
    if instance.picture and "picture" in (update_fields or []) and not raw:
        transaction.on_commit(lambda: resize_profile_image(instance), robust=True)
