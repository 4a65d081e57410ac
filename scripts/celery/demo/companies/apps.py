from django.apps import AppConfig


class CompaniesConfig(AppConfig):
    name = "demo.companies"
    label = "companies"
