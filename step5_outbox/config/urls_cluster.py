from django.urls import path

from cluster import health
from cluster.metrics import metrics

from .urls import urlpatterns as site

urlpatterns = [
    *site,
    path("health/", health.visitors, name="health"),
    path("health/work/", health.work, name="health_work"),
    path("metrics/", metrics, name="metrics"),
]
