"""Addresses of users, their goals and preferences."""

from django.urls import path

from healthnotify.apps.api import user_goals, user_preferences, users

urlpatterns = [
    path("users", users.Users.as_view(), name="users"),
    path("users/bulk", users.Bulk.as_view(), name="users-bulk"),
    path("users/<uuid:user_id>", users.OneUser.as_view(), name="user"),
    path("users/<uuid:user_id>/goals", user_goals.Goals.as_view(), name="user-goals"),
    path("users/<uuid:user_id>/goals/<str:code>", user_goals.OneGoal.as_view(), name="user-goal"),
    path("users/<uuid:user_id>/preferences", user_preferences.Preferences.as_view(), name="user-preferences"),
    path(
        "users/<uuid:user_id>/preferences/<str:category>/<str:channel>",
        user_preferences.OnePreference.as_view(),
        name="user-preference",
    ),
]
