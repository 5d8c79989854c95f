from django.contrib import admin
from django.db import transaction
from django.utils import timezone

from .models import Job
from .tasks import run_next


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    actions = ["start_again"]
    list_display = ["__str__", "attempts", "due_at", "claim", "error"]
    list_filter = ["work", ("due_at", admin.EmptyFieldListFilter)]

    # Only the workers add or change a job.
    def nobody(self, request, obj=None):
        return False

    has_add_permission = has_change_permission = nobody

    def has_start_again_permission(self, request):
        return request.user.has_perm("outbox.change_job")

    @admin.action(description="Start again what was given up", permissions=["start_again"])
    def start_again(self, request, jobs):
        started = jobs.filter(due_at=None).update(due_at=timezone.now(), attempts=0)
        if started:
            transaction.on_commit(lambda: run_next(again=True), robust=True)
        self.message_user(request, f"Started again: {started}.")
