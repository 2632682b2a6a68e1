"""A map of every key. Nothing else in the system names one.

| key (after `healthnotify:`) | type | holds | lives until |
|---|---|---|---|
| `entry:{id}` | hash | one notification: `shape.put_item` names its fields | `KEPT` after its expiry or its end |
| `bucket:{zone}:{date}` | zset, scores 0 | `{send_at in ms}:{id}`, so they sort by send time | its last entry |
| `buckets` | zset | `{zone}:{date}` of each bucket, scored with the second until which it lives | - |
| `due:daily` | zset | ids of STAGED, scored with the send time in ms | - |
| `due:retry` | zset | ids of RETRY, scored with the next attempt's time in ms | - |
| `warm` | string | the server's run id when the cache was complete | - |
| `rebuild` | string | the server's run id when a rebuild began | that rebuild's end |

All of them must live on one node (the scripts build keys from ids): Redis Cluster is not supported.
"""

from datetime import timedelta
from typing import Final

from healthnotify.pipeline.ports import DueIndex

PREFIX: Final = "healthnotify:"
ENTRY: Final = f"{PREFIX}entry:"
BUCKET: Final = f"{PREFIX}bucket:"
BUCKETS: Final = f"{PREFIX}buckets"
DUE: Final = {index: f"{PREFIX}due:{index}" for index in DueIndex}
WARM: Final = f"{PREFIX}warm"
REBUILD: Final = f"{PREFIX}rebuild"

KEPT: Final = timedelta(days=2)  #: how long an entry outlives its notification
CHUNK: Final = 500  #: notifications a script call: about 10 ms in which Redis serves nobody else
