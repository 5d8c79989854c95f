from django.db import models


class Profile(models.Model):
    picture = models.FileField(upload_to="pictures")
    thumbnail = models.FileField(upload_to="thumbnails")


class Album(models.Model):
    cover = models.FileField(upload_to="pictures")  # the same folder as Profile.picture's
    attachment = models.FileField()  # beside the folders
    other = models.FileField(upload_to=lambda album, name: name)
