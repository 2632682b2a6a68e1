"""Addresses of tokens and keys."""

from django.urls import path

from healthnotify.apps.api import keys, tokens

urlpatterns = [
    path("tokens", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/refresh", tokens.TokensRefresh.as_view(), name="tokens-refresh"),
    path("tokens/revoke", tokens.TokensRevoke.as_view(), name="tokens-revoke"),
    path("keys", keys.Keys.as_view(), name="keys"),
    path("keys/<uuid:key_id>", keys.OneKey.as_view(), name="key"),
]
