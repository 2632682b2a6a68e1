"""The cache of notifications and the due indexes, in Redis or Valkey (`keys` maps every key, `order` has the rule)."""

from healthnotify.adapters.staging.cache import RedisStaging, connect

__all__ = ["RedisStaging", "connect"]
