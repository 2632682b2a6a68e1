"""Every address of the operators' pages."""

from django.urls import path

from healthnotify.apps.access.login import LogIn, LogOut
from healthnotify.apps.operations.pages.dashboard import dashboard, events
from healthnotify.apps.operations.pages.dead_letters import bring_back, dead_letters
from healthnotify.apps.operations.pages.evidence import balance, counted
from healthnotify.apps.operations.pages.frame import answering, operators_page
from healthnotify.apps.operations.pages.notifications import cancel, message, notification
from healthnotify.apps.operations.pages.users import search, user

app_name = "operations"
urlpatterns = [
    path("", dashboard, name="dashboard"),
    path("events/", events, name="events"),
    path("search/", search, name="search"),
    path("users/<user_id>/", user, name="user"),
    path("notifications/<notification_id>/", notification, name="notification"),
    path("notifications/<notification_id>/message/", message, name="message"),
    path("notifications/<notification_id>/cancel/", cancel, name="cancel"),
    path("dead-letters/", dead_letters, name="dead-letters"),
    path("dead-letters/redrive/", bring_back, name="redrive"),
    path("evidence/", balance, name="evidence"),
    path("evidence/rows/", counted, name="evidence-rows"),
    path("login/", answering(LogIn.as_view()), name="login"),
    path("logout/", operators_page("POST")(LogOut.as_view()), name="logout"),
]
