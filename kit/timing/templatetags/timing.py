from django import template

from ..timeline import Timeline

register = template.Library()


@register.inclusion_tag("timing/timeline.html")
def timeline(user):
    """Draw where the time of the user's sign-up went."""
    return {"timeline": Timeline(user)}
