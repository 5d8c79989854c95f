from django.views.debug import SafeExceptionReporterFilter


class PasswordFilter(SafeExceptionReporterFilter):
    """Also hides passwords on the error page of DEBUG, and in variables with telling names.

    Django's own filter is off while DEBUG is on, because it trusts everybody who sees that page.
    """

    def is_active(self, request):
        return True

    def get_traceback_frame_variables(self, request, tb_frame):
        variables = super().get_traceback_frame_variables(request, tb_frame)
        # No other types: cleanse_setting() would evaluate lazy objects.
        return [
            (
                name,
                self.cleanse_setting(name, value) if type(value) in (str, bytes, dict) else value,
            )
            for name, value in variables
        ]
