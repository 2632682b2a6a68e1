"""Personal health notifications: planned, written, staged, published, delivered and accounted for."""

import zoneinfo

# The pinned tzdata package counts in every process, not whatever the host's system happens to carry: two machines
# that disagree about a zone would plan two different instants for one local date.
zoneinfo.reset_tzpath(())
zoneinfo.ZoneInfo.clear_cache()
