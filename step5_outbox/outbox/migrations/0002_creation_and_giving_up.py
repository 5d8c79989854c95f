import django.utils.timezone
from django.db import migrations, models
from django.utils import timezone


def note_what_was_given_up(apps, schema_editor):
    """Until now, a job without a time had been given up, and no row said when."""
    apps.get_model("outbox", "Job").objects.filter(due_at=None).update(given_up_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]

    operations = [
        migrations.RenameField(model_name="job", old_name="claim", new_name="claimed_by"),
        migrations.AddField(
            model_name="job",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddField(
            model_name="job",
            name="given_up_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunPython(note_what_was_given_up, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="job", name="outbox_job_due"),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["attempts", "work", "due_at"], name="outbox_job_first"),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["due_at"], name="outbox_job_due"),
        ),
    ]
