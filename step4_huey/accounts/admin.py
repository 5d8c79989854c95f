from django.contrib import admin

from . import tasks
from .models import Profile


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):
    actions = ["start_again"]
    list_display = ["user", "picture_state", "picture_error", "welcome_state", "welcome_error"]
    list_filter = [
        ("picture_error", admin.EmptyFieldListFilter),
        ("welcome_error", admin.EmptyFieldListFilter),
    ]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__email"]
    fields = readonly_fields = [
        "user",
        "picture_state",
        "picture_error",
        "picture_attempts",
        "picture_leased_until",
        "welcome_state",
        "welcome_error",
        "welcome_retries",
        "welcome_attempts",
        "welcome_leased_until",
    ]

    def has_add_permission(self, request):
        return False  # a sign-up makes it

    @admin.action(description="Start again what failed for good", permissions=["change"])
    def start_again(self, request, profiles):
        started = sum(
            tasks.start_again(work, profile) for profile in profiles for work in tasks.TASKS
        )
        self.message_user(request, f"Started again: {started}.")
