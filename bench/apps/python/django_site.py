"""Django: a small answer behind three middlewares, and a count by the ORM, in the file of DJANGO_DATABASE."""

import debian12  # noqa: F401  comes first
import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not a secret",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DJANGO_DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    LOGGING_CONFIG=None,
)
django.setup()

from django.contrib.auth.models import Group  # noqa: E402  only behind setup()
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


def hello(request):
    return HttpResponse("Hello world!\n", content_type="text/plain")


def count(request):
    return HttpResponse(str(Group.objects.filter(name__startswith="group").count()), content_type="text/plain")


urlpatterns = [path("", hello), path("count", count)]
call_command("migrate", run_syncdb=True, verbosity=0)
if not Group.objects.exists():
    Group.objects.bulk_create(Group(name=f"group {number}") for number in range(100))
app = get_wsgi_application()
