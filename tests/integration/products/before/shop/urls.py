from django.urls import path

from . import views

urlpatterns = [
    path("login/", views.Alive.as_view()),
    path("companies/", views.Companies.as_view()),
    path("companies/<int:company_id>/", views.OneCompany.as_view()),
    path("companies/<int:company_id>/finalize/", views.Finalize.as_view()),
    path("companies/<int:company_id>/task_status/", views.TaskStatus.as_view()),
]
