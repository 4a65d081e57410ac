"""The example product's pages and its API."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from rest_framework.authtoken.views import obtain_auth_token

from .companies import views

API = "api/v1/companies/<int:company_id>/"

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", LoginView.as_view(template_name="companies/login.html")),
    path("logout/", LogoutView.as_view(next_page="/")),
    path("finalize/<int:company_id>/", views.finalize_page, name="finalize"),
    path("admin/", admin.site.urls),
    path("api/v1/token/", obtain_auth_token),
    path("api/v1/companies/", views.Companies.as_view()),
    path(API, views.OneCompany.as_view()),
    path(API + "finalize/", views.Finalize.as_view()),
    path(API + "task_status/", views.TaskStatus.as_view()),
    path(API + "watch_token/", views.WatchToken.as_view()),
]
