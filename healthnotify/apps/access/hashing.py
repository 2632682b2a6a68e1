"""How passwords are kept: Argon2id."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """With the cost that OWASP recommends first. Django's own takes 100 MB and eight threads for each log-in, and so a
    few at a time would be the end of a small container."""

    time_cost = 1
    memory_cost = 47104  # KiB
    parallelism = 1
