"""The pages about contracts."""

from django.urls import path

from marketplace.contracts import views

urlpatterns = [path("", views.home, name="home")]
