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
    fields = [
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
    readonly_fields = ["picture_state", "welcome_state"]

    # A profile comes and goes with its user, and only the workers change it.

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def has_start_again_permission(self, request):
        return request.user.has_perm("accounts.change_profile")

    @admin.action(description="Start again what failed for good", permissions=["start_again"])
    def start_again(self, request, profiles):
        started = sum(
            tasks.start_again(work, profile) for profile in profiles for work in tasks.TASKS
        )
        self.message_user(request, f"Started again: {started}.")
