"""Every address of this app."""

from django.urls import path

from healthnotify.apps.users.own_page import own_page

urlpatterns = [path("<token>/", own_page, name="own-page")]
