"""The words at the top of the API's documentation: enough for a stranger to start."""

from collections.abc import Mapping
from typing import Final

#: First word of the path -> the chapter that its routes stand in.
CHAPTERS: Final[Mapping[str, str]] = {
    "tokens": "Access",
    "keys": "Access",
    "users": "Users",
    "notifications": "Notifications",
    "dead-letters": "Dead letters",
    "goals": "Reference",
    "templates": "Reference",
    "evidence": "Evidence",
}
TAGS: Final[Mapping[str, str]] = {
    "Access": "How people log in, and how programs get in.",
    "Users": "Who receives notifications: their addresses, goals and preferences.",
    "Notifications": "What was sent, is on its way, or is yet to be; ask for one, take one back.",
    "Dead letters": "What was given up, and how to bring it back.",
    "Evidence": "The proof that everything planned is accounted for.",
    "Reference": "What the system knows by itself: goals and templates.",
}

GUIDE: Final = """
Users have goals; each goal becomes short personal notifications, delivered at the local time and over the channel that
the user chose, once in effect. With this API you enter the users, send single notifications, and follow all of them.

## Start

`make up` prints an API key and an operator's name and password, once. With the key you can do all of this; press
**Authorize** to try it on this page instead. Enter a user with two channels, say when they want to hear from us, and
send them a notification now:

```
API=http://localhost:8000/api/v1
KEY=hn_…

curl -X POST $API/users -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{
  "external_id": "anna-1", "name": "Anna", "locale": "en", "timezone": "Europe/Berlin",
  "channels": [{"channel": "email", "address": "anna@example.org"}, {"channel": "sms", "address": "+4915112345678"}],
  "goals": [{"goal": "walk_more", "target": 8000}]
}'
curl -X PUT $API/users/<user>/preferences/nudge/email \\
  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{"times": ["08:30", "17:00"]}'
curl -X POST $API/notifications -H "Idempotency-Key: anna-1-welcome" \\
  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" -d '{
  "external_id": "anna-1", "category": "service", "channel": "email",
  "subject": "Welcome, {name}", "text": "{greeting}\\nGood to have you with us."
}'
```

`<user>` and `<notification>` stand for the `id` in an answer. Follow the notification until its state is `COMPLETED`,
take back another one while it waits, and read the balance of the day:

```
curl $API/notifications/<notification> -H "Authorization: Bearer $KEY"
curl -X POST $API/notifications/<notification>/cancel -H "Authorization: Bearer $KEY"
curl "$API/evidence?day=2026-11-24" -H "Authorization: Bearer $KEY"
```

For more keys, each with as little as it needs, log in as the operator; `<access>` is in the answer and is good for ten
minutes:

```
curl -X POST $API/tokens -H "Content-Type: application/json" -d '{"username": "admin", "password": "<password>"}'
curl -X POST $API/keys -H "Authorization: Bearer <access>" -H "Content-Type: application/json" -d '{
  "name": "reporting", "scopes": ["users:read", "notifications:read"]
}'
```

## Who may

Send `Authorization: Bearer <key or token>`. Each route names the scope that it needs; a key has the scopes that it was
made with, a person those of their role (viewer, operator, administrator). What a message says takes a scope of its own,
and keys are made by people only. Without valid credentials the answer is 401, without the scope 403.

## Send it again

Give each `POST` an `Idempotency-Key` of your choice, such as a UUID. When you do not hear an answer, send the same
request with the same key: it has its effect once, and you get the first answer (`Idempotent-Replayed: true`), for seven
days. The same key with another body is refused with 422; while the first request is still being worked on, the answer
is 409 with `Retry-After`. An error is not kept: it changed nothing.

## Change what you have seen

A `GET` of one thing has an `ETag`. Send it as `If-Match` with `PUT`, `PATCH` or `DELETE`, and a change that somebody
made in between is not lost: you get 412. Send it as `If-None-Match` with a `GET` to hear 304 when nothing has changed.

## Lists

A list answers `items` and `next`, the address of the next page, or `null`. `limit` says how many, from 1 to 200.

## Problems

Every error is a problem detail (RFC 9457, `application/problem+json`). `errors` names each field with what is wrong and
what to send instead; nothing was changed. Unknown fields and parameters are refused by name. The `type` says which kind
of problem it is; the kinds are at the end of this page.

## Limits

A body has 64 KiB at most, that of `/users/bulk` 2 MiB. Requests are counted for each key and for each address:
`RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) say how many a minute, how many are left, and
when all are there again. One too many is 429 with `Retry-After`.
"""
