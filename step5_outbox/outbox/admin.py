from django.contrib import admin
from django.db import transaction
from django.utils import timezone

from .models import Job
from .tasks import repair


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    actions = ["start_again"]
    list_display = ["__str__", "created_at", "attempts", "due_at", "given_up_at", "error"]
    list_filter = ["work", ("given_up_at", admin.EmptyFieldListFilter)]

    # Only the workers add or change a job.
    def nobody(self, request, obj=None):
        return False

    has_add_permission = has_change_permission = nobody

    def has_start_again_permission(self, request):
        return request.user.has_perm("outbox.change_job")

    @admin.action(description="Start again what was given up", permissions=["start_again"])
    def start_again(self, request, jobs):
        again = {"given_up_at": None, "due_at": timezone.now(), "attempts": 0, "claimed_by": ""}
        started = jobs.exclude(given_up_at=None).update(**again)
        transaction.on_commit(lambda: repair(), robust=True)
        self.message_user(request, f"Started again: {started}.")
