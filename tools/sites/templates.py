"""Django's templates, without a project."""

from django.template import Context, Engine


def render(path, context):
    """Return the page that the template makes of the context, as bytes."""
    template = Engine(dirs=[path.parent]).get_template(path.name)
    # Without localisation, which asks for Django's settings. A mail may hold undecodable bytes.
    return template.render(Context(context, use_l10n=False)).encode(errors="replace")
