"""Django: views, templates, the ORM on SQLite, users, sessions, streams, uploads, files, errors. The variable
DJANGO_DATABASE names a file, which this makes where it does not exist."""

import debian12  # noqa: F401  comes first
import hashlib
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
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    LOGGING_CONFIG=None,
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402  only behind setup()
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402


def index(request):
    return HttpResponse("Hello, world\n", content_type="text/plain")


def user(request, name):
    return HttpResponse(engines["django"].from_string("<h1>Hello {{ name }}</h1>").render({"name": name}))


def stream(request):
    return StreamingHttpResponse((f"row {number}\n" for number in range(10)), content_type="text/plain")


@csrf_exempt
def upload(request):
    file = request.FILES["file"]
    hashed, size = hashlib.sha256(), 0
    for chunk in file.chunks():
        hashed.update(chunk)
        size += len(chunk)
    return JsonResponse({"name": file.name, "size": size, "sha256": hashed.hexdigest()})


def users(request):
    """One more user, with a password that PBKDF2 has hashed, and whether that is right."""
    number = User.objects.count()
    User.objects.create_user(f"u{number}", password="pw")
    found = User.objects.get(username=f"u{number}")
    names = list(User.objects.order_by("id").values_list("username", flat=True))
    return JsonResponse({"users": names, "right": found.check_password("pw"), "wrong": found.check_password("pv")})


def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(f"{request.session['count']}\n")


def boom(request):
    raise ValueError("boom")


def file(request):
    return FileResponse(open(__file__, "rb"))


urlpatterns = [
    path("", index),
    path("user/<str:name>", user),
    path("stream", stream),
    path("upload", upload),
    path("users", users),
    path("count", count),
    path("boom", boom),
    path("file", file),
]
call_command("migrate", run_syncdb=True, verbosity=0)
application = get_wsgi_application()
