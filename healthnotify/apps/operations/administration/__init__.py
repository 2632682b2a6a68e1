"""The admin: its site, what all of its pages share, and the pages that are nobody else's."""
