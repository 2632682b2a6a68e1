"""The store's twin with the switches that tests turn: they change what no port does."""

from dataclasses import replace

from healthnotify.adapters.memory.store import MemoryStore


class TestedMemory(MemoryStore):
    """As `TestedPostgres`."""

    __test__ = False

    def state(self, key):
        return self.rows[key].state

    def letters_of(self, key):
        return [one.reason for one in self.dead_letters if one.envelope and one.envelope.id == key]

    def user_ids(self):
        return list(self.people)

    def deactivate(self, user_id):
        self.people[user_id] = replace(self.people[user_id], active=False)

    def erase(self, user_id):
        self.erased.add(user_id)

    def opt_out(self, user_id):
        person = self.people[user_id]
        off = tuple(replace(wish, enabled=False) for wish in person.preferences)
        self.people[user_id] = replace(person, preferences=off)

    def forget_addresses(self, user_id):
        self.people[user_id] = replace(self.people[user_id], addresses={})

    def forget_goals(self, user_id):
        self._change(user_id, goals=())

    def revise(self, user_id, next_due_at):
        (one,) = [one for one in self.preferences.values() if one.user_id == user_id]
        self._change(user_id, revision=one.revision + 1, next_due_at=next_due_at)

    def _change(self, user_id, **what):
        for key, one in self.preferences.items():
            if one.user_id == user_id:
                self.preferences[key] = replace(one, **what)

    def stop(self, one):
        self.stopped.add(one)

    def resume(self, one):
        self.stopped.discard(one)
