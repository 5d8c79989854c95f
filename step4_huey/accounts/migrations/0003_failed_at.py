from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_users_without_address")]

    operations = [
        migrations.AddField(
            "profile", "picture_failed_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            "profile", "welcome_failed_at", models.DateTimeField(blank=True, null=True)
        ),
    ]
