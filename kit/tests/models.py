from django.db import models


class Profile(models.Model):  # noqa: DJ008
    picture = models.FileField(upload_to="pictures")
    thumbnail = models.FileField(upload_to="thumbnails")


class Album(models.Model):  # noqa: DJ008
    cover = models.FileField(upload_to="pictures")  # the same folder as Profile.picture's
    attachment = models.FileField()  # in none
    other = models.FileField(upload_to=lambda album, name: name)
